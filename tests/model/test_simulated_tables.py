"""Every column of every table, worked out again from the order log."""

import numpy as np
import pandas as pd
import pytest

import recovery_research as rr

N, WEEKS = 400, 70.4
DOLLAR = 1e-9  # sums of some hundred amounts near 60, in double precision


@pytest.fixture(scope="module")
def experiment(evidence, webshop):
    # Failures common and dropout quick, so that every group and every NA is there.
    return rr.Experiment(
        world=evidence.but("often", failure_probability=0.4),
        policies=rr.choose_policies(["over_deliver", "cost_center"]),
        population=webshop.but("brief", dropout_b=8, order_scale=20),
        n_customers=N, weeks=WEEKS, seed=21,
    )  # fmt: skip


@pytest.fixture(scope="module")
def history(experiment):
    return rr.simulate(experiment)


@pytest.fixture(scope="module")
def customers(history):
    return rr.tabulate_customers(history)


@pytest.fixture(scope="module")
def orders(history):
    return rr.tabulate_orders(history)


def by_customer(orders, customers):
    """Orders of each row of the customer table, in its order."""
    groups = dict(list(orders.groupby(["policy", "customer"], observed=True)))
    none = orders.iloc[:0]
    keys = zip(customers["policy"], customers["customer"], strict=True)
    return [groups.get(key, none) for key in keys]


def test_the_tables_have_a_row_for_everybody(customers, orders):
    assert len(customers) == 2 * N
    assert customers["policy"].cat.categories.tolist() == [
        "over_deliver",
        "cost_center",
    ]
    assert customers["customer"].tolist() == [*range(N), *range(N)]
    assert len(orders) == customers["n_orders"].sum()
    counted = orders.groupby(["policy", "customer"], observed=True).cumcount() + 1
    assert (orders["order"] == counted).all()
    assert orders["week"].between(0, WEEKS, inclusive="neither").all()


def test_columns_are_those_promised(customers):
    promised = [
        "policy", "customer", "n_orders", "spend", "index_week", "index_outcome",
        "followup_spend", "alive_13w", "alive_52w", "left_week", "n_failures",
        "n_complaints", "n_recovered", "trust", "satisfaction_before",
        "satisfaction_after", "mentions_positive", "mentions_negative", "margin",
        "recovery_cost", "net_value",
    ]  # fmt: skip
    assert customers.columns[: len(promised)].tolist() == promised


def test_the_index_order_is_the_first(customers, orders):
    seen = set()
    for row, own in zip(
        customers.itertuples(), by_customer(orders, customers), strict=True
    ):
        seen.add(row.index_outcome)
        if own.empty:
            assert row.index_outcome == "no_order"
            assert pd.isna(row.index_complained)
            assert np.isnan([row.index_week, row.trust, row.satisfaction_after]).all()
            continue
        first = own.iloc[0]
        assert row.index_outcome == first["outcome"]
        assert row.index_complained == first["complained"]
        assert (row.index_week, row.trust) == (first["week"], first["trust"])
        both = [row.index_severity, first["severity"]]
        assert both[0] == both[1] or np.isnan(both).all()
        assert pd.isna(row.index_kind) == (first["outcome"] == "no_failure")
        assert pd.isna(row.index_kind) or row.index_kind == first["kind"]
    assert seen == {"no_failure", "silent", "recovered", "not_recovered", "no_order"}


def test_sums_over_the_whole_time(customers, orders):
    own = by_customer(orders, customers)
    wanted = {
        "n_orders": [len(o) for o in own],
        "n_failures": [(o["outcome"] != "no_failure").sum() for o in own],
        "n_complaints": [o["complained"].sum() for o in own],
        "n_recovered": [(o["outcome"] == "recovered").sum() for o in own],
    }
    for name, values in wanted.items():
        assert customers[name].tolist() == values, name
        assert customers[name].dtype.kind == "i"
    spend = [o["amount"].sum() for o in own]
    np.testing.assert_allclose(customers["spend"], spend, atol=DOLLAR)
    left = [
        o["week"].iloc[-1] if len(o) and o["left"].iloc[-1] else np.nan for o in own
    ]
    np.testing.assert_array_equal(customers["left_week"], left)
    assert all(not o["left"].iloc[:-1].any() for o in own)


def test_follow_up_measures_and_when_they_are_missing(customers, orders):
    counts = {}
    for row, own in zip(
        customers.itertuples(), by_customer(orders, customers), strict=True
    ):
        if own.empty:
            assert np.isnan(row.followup_spend)
            assert pd.isna(row.alive_13w)
            assert pd.isna(row.alive_52w)
            continue
        start = own["week"].iloc[0]
        later = own.iloc[1:]
        left = own["week"].iloc[-1] if own["left"].iloc[-1] else np.inf
        for window, alive in ((13, row.alive_13w), (52, row.alive_52w)):
            over = start + window > WEEKS
            key = (window, "missing" if over else bool(left > start + window))
            counts[key] = counts.get(key, 0) + 1
            assert pd.isna(alive) == over
            assert over or alive == (left > start + window)
        within = later.loc[later["week"] <= start + 13, "amount"].sum()
        if start + 13 > WEEKS:
            assert np.isnan(row.followup_spend)
        else:
            assert row.followup_spend == pytest.approx(within, abs=DOLLAR)
        if left == start:
            assert np.isnan(row.followup_spend) or row.followup_spend == 0.0
    assert len(counts) == 6
    assert min(counts.values()) >= 5  # or the rules were hardly tried


def test_money_is_a_present_value(customers, orders, experiment):
    world = experiment.world
    for name, own in orders.groupby("policy", observed=True):
        policy = next(p for p in experiment.policies if p.name == name)
        now = 1.1 ** (-own["week"] / 52)
        margin = (0.3 * own["amount"] * now).groupby(own["customer"]).sum()
        face = {"gesture": 0.4, "discount": 0.7}[policy.form]
        answer = 5 + 8 / (1 + policy.days_to_resolve)
        loss = own["severity"] * own["amount"]
        cost = (answer + face * policy.compensation * loss) * now
        cost = cost.where(own["days"].notna(), 0.0).groupby(own["customer"]).sum()
        table = customers[customers["policy"] == name].set_index("customer")
        margin, cost = (
            each.reindex(range(N), fill_value=0.0) for each in (margin, cost)
        )
        np.testing.assert_allclose(table["margin"], margin, atol=DOLLAR)
        tenure = table["left_week"].fillna(WEEKS)
        rate = np.log(1.1) / 52
        programme = world["follow_up_cost"] * policy.follow_up
        programme += world["hotline_cost"] * max(policy.invitation, 0)
        running = programme * (1 - np.exp(-rate * tenure)) / rate
        np.testing.assert_allclose(table["recovery_cost"], cost + running, atol=DOLLAR)
    net = customers["margin"] + customers["referral_value"] - customers["recovery_cost"]
    assert (customers["net_value"] == net).all()


def test_money_without_discounting(experiment):
    world = experiment.world.but("patient", discount_rate=0.0)
    customers = rr.tabulate_customers(rr.simulate(experiment.but(world=world)))
    np.testing.assert_allclose(
        customers["margin"], 0.3 * customers["spend"], rtol=1e-12
    )
    worth = 3 * customers["mentions_positive"] - 4 * customers["mentions_negative"]
    np.testing.assert_allclose(customers["referral_value"], worth, atol=DOLLAR)
    assert worth.min() < 0 < worth.max()
    idle = customers[
        (customers["n_orders"] == 0) & (customers["policy"] == "over_deliver")
    ]
    np.testing.assert_allclose(idle["recovery_cost"], 0.02 * 0.5 * WEEKS, rtol=1e-12)


def test_surveys_stay_on_their_scale(customers):
    for name in ("satisfaction_before", "satisfaction_after"):
        assert customers[name].dropna().between(1, 7).all()
    worse = customers[customers["index_outcome"] == "not_recovered"]
    assert (
        worse["satisfaction_after"].mean() < worse["satisfaction_before"].mean() - 0.5
    )


def test_the_order_log_agrees_with_itself(orders, experiment):
    answered = orders["outcome"].isin(["recovered", "not_recovered"])
    failed = orders["outcome"] != "no_failure"
    assert (orders["resolved"] == (orders["outcome"] == "recovered")).all()
    for name in ("severity", "kind"):
        assert (orders[name].notna() == failed).all()
    for name in ("days", "recovery_satisfaction"):
        assert (orders[name].notna() == answered).all()
    assert not orders.loc[~failed, "complained"].any()
    # Whoever complained was answered; neither of these policies reaches the silent.
    assert (orders["complained"] == answered).all()
    good = orders.loc[answered, "recovery_satisfaction"] > 0
    assert (good == orders.loc[answered, "resolved"]).all()
    days = orders[answered].groupby("policy", observed=True)["days"].unique()
    assert [d.tolist() for d in days] == [
        [p.days_to_resolve] for p in experiment.policies
    ]


def test_the_weeks_add_up_to_the_customers(history, customers, orders):
    weeks = rr.tabulate_weeks(history)
    assert weeks["week"].tolist() == [*range(71), *range(71)]
    log = orders.assign(week=orders["week"].astype(int))
    for name, table in weeks.groupby("policy", observed=True):
        own = customers[customers["policy"] == name]
        for column in ("n_orders", "n_failures", "n_complaints", "n_recovered",
                       "mentions_positive", "mentions_negative"):  # fmt: skip
            assert table[column].sum() == own[column].sum()
        for column in ("spend", "margin"):
            assert table[column].sum() == pytest.approx(own[column].sum(), rel=1e-12)
        # Running costs are the customers', answers the weeks'.
        assert table["recovery_cost"].sum() <= own["recovery_cost"].sum()
        in_week = log[log["policy"] == name].groupby("week")
        counted = in_week.size().reindex(range(71), fill_value=0)
        assert table["n_orders"].tolist() == counted.tolist()
        left = in_week["left"].sum().reindex(range(71), fill_value=0)
        assert table["n_left"].tolist() == left.tolist()
        spend = in_week["amount"].sum().reindex(range(71), fill_value=0.0)
        np.testing.assert_allclose(table["spend"], spend, atol=DOLLAR)
        assert table["n_alive"].tolist() == (N - left.cumsum()).tolist()
        assert table["n_alive"].iloc[-1] == own["left_week"].isna().sum()
    np.testing.assert_allclose(weeks["alive_share"], weeks["n_alive"] / N)


def test_the_groups_are_the_means_of_the_customers(history, customers):
    groups = rr.tabulate_groups(history)
    assert not groups.duplicated(["policy", "index_outcome", "measure"]).any()
    compared = 0
    for row in groups.itertuples():
        assert row.measure not in ("index_outcome", "last_outcome")
        if row.measure not in customers:
            continue
        own = customers.loc[
            (customers["policy"] == row.policy)
            & (customers["index_outcome"] == row.index_outcome), row.measure,
        ]  # fmt: skip
        values = own.astype("Float64").dropna().astype(float)
        assert row.n == len(values), row
        if len(values):
            assert row.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-12)
        if len(values) > 1:
            # Through sums of squares: half the digits of a mean are left.
            spread = values.std()
            scale = max(abs(values.mean()), spread)
            assert row.std_dev == pytest.approx(spread, abs=1e-7 * scale)
            error = row.std_dev / np.sqrt(row.n)
            assert row.std_error == pytest.approx(error, rel=1e-9)
        else:
            assert np.isnan(row.std_error)
        compared += 1
    assert compared > 150


def test_sums_alone_give_the_same_weeks_and_groups(experiment, history):
    summed = rr.simulate(experiment, keep="sums")
    for tabulate in (rr.tabulate_weeks, rr.tabulate_groups):
        pd.testing.assert_frame_equal(tabulate(summed), tabulate(history))


def test_an_edited_table_does_not_edit_the_history(history):
    before = rr.tabulate_customers(history).copy()
    table = rr.tabulate_customers(history)
    table["spend"] = 0.0
    table["n_orders"] += 1
    with pytest.raises(ValueError, match="read-only"):
        table.loc[0, "margin"] = -1.0
    copied = rr.tabulate_customers(history).copy()
    copied.loc[0, "margin"] = -1.0
    pd.testing.assert_frame_equal(rr.tabulate_customers(history), before)
