"""The risk of leaving by the number of the order: null worlds, hand counts, R."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from recovery_research.analysis.cox import STATES, fit_cox, tabulate_spells
from recovery_research.analysis.cox_few_events import StateRisk, limit_exactly

REFERENCE = Path(__file__).parents[1] / "reference" / "leaving_ties.csv"
OUTCOMES = np.array(["no_failure", "silent", "recovered", "not_recovered"])


@pytest.fixture(scope="module")
def rows():
    return pd.read_csv(REFERENCE, comment="#")


@pytest.fixture(scope="module")
def reference():
    lines = [line[2:] for line in REFERENCE.read_text().splitlines() if line[0] == "#"]
    return {name: float(value) for name, value in (line.split(",") for line in lines)}


def fitted(rows, **options):
    found = fit_cox(rows, terms=["state", "x"], **options)
    return found.coefficients.set_index("term"), found


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("kind", ["", "_strata", "_cluster"])
def test_ties_strata_and_clusters_are_those_of_r(rows, reference, ties, kind):
    # Without ids that repeat each spell is a customer's only one.
    given = rows if kind == "_cluster" else rows.assign(customer=range(len(rows)))
    strata = ["block"] if kind else []
    table, found = fitted(given, strata=strata, ties=ties)
    assert ("clustered by customer" in found.note) == (kind == "_cluster")
    for term in ("state", "x"):
        name = f"{ties}{kind}"
        # Both stop when a step changes nothing in the tenth digit.
        assert_allclose(
            table.loc[term, "estimate"], reference[f"{name}_{term}"], rtol=1e-8
        )
        error = reference[f"{name}_error_{term}"]
        assert_allclose(table.loc[term, "std_error"], error, rtol=1e-8)


@pytest.mark.parametrize("unit", [1.0, 7.0, 1 / 24, 365.25])
def test_the_unit_of_time_and_of_covariates_plays_no_part(rows, reference, unit):
    alone = rows.assign(customer=range(len(rows)))
    # Differences of dates in that unit: ties are broken by rounding, if one lets them.
    for name in ("start", "stop"):
        alone[name] = (alone[name] + 100.0) / unit - 100.0 / unit
    table, _ = fitted(alone, strata=["block"])
    assert_allclose(table.loc["x", "estimate"], reference["efron_strata_x"], rtol=1e-8)
    assert_allclose(table.loc["state", "estimate"], reference["weeks_state"], rtol=1e-6)
    for size in (1e-7, 1e7):
        wide, _ = fitted(alone.assign(x=size * alone["x"]), strata=["block"])
        assert_allclose(
            size * wide.loc["x", "estimate"], table.loc["x", "estimate"], rtol=1e-7
        )


def test_a_covariate_in_another_unit_is_fitted_as_r_does(rows, reference):
    alone = rows.assign(customer=range(len(rows)), x=1e-7 * rows["x"])
    table, _ = fitted(alone, strata=[])
    assert_allclose(table.loc["x", "estimate"], reference["wide_x"], rtol=1e-8)
    assert_allclose(table.loc["x", "std_error"], reference["wide_error_x"], rtol=1e-8)


def test_spells_by_hand():
    orders = pd.DataFrame(
        {
            "customer": [7, 7, 7, 7, 2, 2, 9],
            "week": [2.0, 5.0, 9.0, 11.0, 1.0, 4.0, 3.0],
            "outcome": [
                "no_failure", "silent", "no_failure", "recovered",
                "not_recovered", None, "no_failure",
            ],
        }
    )  # fmt: skip
    customers = pd.DataFrame({"customer": [9, 7, 2], "left_week": [None, 11.0, 4.0]})
    found = tabulate_spells(
        orders.sample(frac=1, random_state=3), customers, end_week=30.0
    )
    columns = ["customer", "start", "stop", "left", *STATES, "failed", "weeks_known"]
    blank = [np.nan] * 5
    want = [
        [2, 0.0, 1.0, False, 0, 0, 1, 0, 1, 0.0],
        [2, 1.0, 2.0, True, *blank, 3.0],
        [7, 0.0, 1.0, False, 0, 0, 0, 0, 0, 0.0],
        [7, 1.0, 2.0, False, 1, 0, 0, 0, 1, 3.0],
        [7, 2.0, 3.0, False, 1, 0, 0, 0, 0, 7.0],
        [7, 3.0, 4.0, True, 0, 1, 0, 1, 1, 9.0],
        [9, 0.0, 1.0, False, 0, 0, 0, 0, 0, 0.0],
    ]
    assert_allclose(found[columns].to_numpy(float), want)
    # Before week 6 there is no more to see of 7 than two orders.
    early = tabulate_spells(orders, customers, end_week=6.0)
    assert early.loc[early["customer"] == 7, "stop"].tolist() == [1.0, 2.0]
    assert not early["left"][early["customer"] == 7].any()


def test_who_leaves_between_orders_is_at_risk_in_weeks():
    orders = pd.DataFrame(
        {"customer": [1, 1, 2], "week": [0.0, 8.0, 1.0],
         "outcome": ["no_failure", "recovered", "silent"]}
    )  # fmt: skip
    customers = pd.DataFrame({"customer": [1, 2], "left_week": [9.0, None]})
    found = tabulate_spells(orders, customers, end_week=12.0)
    assert found[["order", "start", "stop", "left"]].to_numpy().tolist() == [
        [1, 0.0, 8.0, False], [2, 0.0, 1.0, True], [1, 0.0, 11.0, False],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="Write clock='weeks'"):
        tabulate_spells(orders, customers, end_week=12.0, clock="orders")
    with pytest.raises(ValueError, match=r"clock is one of \['orders', 'weeks'\]"):
        tabulate_spells(orders, customers, end_week=12.0, clock="days")


def test_a_day_off_by_rounding_is_no_other_day():
    # The last order's week, and leaving with it, computed two ways.
    orders = pd.DataFrame({"customer": [1], "week": [0.3], "outcome": ["silent"]})
    customers = pd.DataFrame({"customer": [1], "left_week": [0.1 + 0.2]})
    found = tabulate_spells(orders, customers, end_week=0.3)
    assert found[["start", "stop", "left"]].to_numpy().tolist() == [[0.0, 1.0, True]]


def draw_log(rng, n, *, shape=1.5, scale=12.0, dropout=(0.6, 24.0), uneven=0.0):
    """Customers of their own pace and risk; failures are chance, and do nothing.

    `uneven` makes quick buyers silent.
    """
    pace = rng.gamma(shape, 1 / scale, n)
    risk = rng.beta(*dropout, n)
    quick = np.argsort(np.argsort(pace)) / n - 0.5
    here, time, parts = np.arange(n), np.zeros(n), []
    while here.size:
        time[here] += rng.exponential(1 / pace[here])
        here = here[time[here] <= 104.0]
        gone = rng.random(here.size) < risk[here]
        parts.append(pd.DataFrame({"customer": here, "week": time[here], "gone": gone}))
        here = here[~gone]
    log = pd.concat(parts, ignore_index=True)
    silent = rng.random(len(log)) < 0.4 + uneven * quick[log["customer"]]
    ending = np.where(silent, 1, np.where(rng.random(len(log)) < 0.8, 2, 3))
    log["outcome"] = OUTCOMES[np.where(rng.random(len(log)) < 0.05, ending, 0)]
    left = log[log["gone"]].set_index("customer")["week"].reindex(range(n))
    return log, pd.DataFrame({"customer": range(n), "left_week": left.to_numpy()})


def test_failures_that_do_nothing_are_not_said_to_drive_away():
    # 20,000 customers: against the calendar all four ratios were 1.4 to 1.6.
    log, customers = draw_log(np.random.default_rng(4), 20_000)
    table = fit_cox(tabulate_spells(log, customers, end_week=104.0)).coefficients
    # Errors .03 to .08, four of them; the p-values of four terms by chance.
    assert (table["estimate"].abs() < 4 * table["std_error"]).all()
    assert (table["std_error"] < 0.09).all()
    assert (table["p_value"] > 0.005).all()
    assert_allclose(table["n_left"], table["n_expected"], rtol=0.25)


def test_quick_buyers_who_keep_silent_are_noticed():
    rng = np.random.default_rng(12)
    log, customers = draw_log(rng, 4000, uneven=0.8)
    spells = tabulate_spells(log, customers, end_week=104.0)
    found = fit_cox(spells)
    assert "had bought faster or slower" in found.note
    told = fit_cox(spells, terms=[*STATES, "weeks_known"])
    assert "faster or slower" not in told.note
    log, customers = draw_log(rng, 4000)
    even = fit_cox(tabulate_spells(log, customers, end_week=104.0))
    assert "faster or slower" not in even.note


def simple(n, state, left):
    return pd.DataFrame(
        {"customer": range(n), "start": 0.0, "stop": 1.0, "left": left, "state": state}
    )


def test_nobody_left_in_a_state():
    state = np.r_[np.ones(30), np.zeros(170)].astype(int)
    left = np.r_[np.zeros(30), np.ones(20), np.zeros(150)].astype(bool)
    found = fit_cox(simple(200, state, left), terms=["state"])
    row = found.coefficients.iloc[0]
    assert (row["n_left"], row["ratio_low"], row["limits"]) == (0, 0.0, "exact")
    assert np.isfinite([row["estimate"], row["std_error"], row["ratio_high"]]).all()
    assert "nobody who left was in the state ['state']" in found.note
    # At the limit, twenty leavers outside of the state are a surprise of 2.5 %.
    odds = 30 / 170 * row["ratio_high"]
    assert_allclose((1 / (1 + odds)) ** 20, 0.025, rtol=1e-8)
    # Turned round, everybody who left is in the state.
    turned = fit_cox(simple(200, 1 - state, left), terms=["state"])
    other = turned.coefficients.iloc[0]
    assert_allclose(other["ratio_low"], 1 / row["ratio_high"], rtol=1e-8)
    assert_allclose(other["estimate"], -row["estimate"], rtol=1e-8)
    assert other["ratio_high"] == np.inf


def test_exact_limits_are_those_of_clopper_and_pearson():
    # One probability for all: the beta's quantiles give the limits.
    for n_left in (1, 4, 9, 37):
        found = limit_exactly(StateRisk(n_left, 40, np.full(40, 0.3)), 0.9)
        share = stats.beta.ppf([0.05, 0.95], [n_left, n_left + 1],
                               [41 - n_left, 40 - n_left])  # fmt: skip
        want = np.log(share / (1 - share) / 0.3)
        assert_allclose([found.low, found.high], want, rtol=1e-9)
        tails = (
            stats.binom.cdf(n_left, 40, 0.3 / 1.3),
            stats.binom.sf(n_left - 1, 40, 0.3 / 1.3),
        )
        assert_allclose(found.p_value, min(1, 2 * min(tails)), rtol=1e-9)


def test_exact_tails_of_unequal_odds_by_counting_all():
    odds = np.array([0.2, 0.5, 1.5, 0.1, 0.9])
    share = odds / (1 + odds)
    chance = np.zeros(6)
    for number in range(32):
        taken = np.array([number >> k & 1 for k in range(5)], bool)
        chance[taken.sum()] += np.prod(np.where(taken, share, 1 - share))
    found = limit_exactly(StateRisk(1, 5, odds), 0.95)
    assert_allclose(found.p_value, min(1, 2 * min(chance[:2].sum(), chance[1:].sum())))


def test_the_p_value_and_the_limits_agree():
    rng = np.random.default_rng(8)
    for _ in range(60):
        state = (rng.random(150) < 0.15).astype(int)
        left = rng.random(150) < np.where(state, rng.choice([0.02, 0.1, 0.4]), 0.1)
        if not left.any():
            continue
        row = fit_cox(simple(150, state, left), terms=["state"]).coefficients.iloc[0]
        outside = row["ci_low"] > 0 or row["ci_high"] < 0
        assert outside == (row["p_value"] < 0.05)


def test_what_is_unknown_is_set_aside_and_counted():
    rng = np.random.default_rng(3)
    spells = simple(300, rng.integers(0, 2, 300), rng.random(300) < 0.3)
    spells["stop"] = rng.integers(1, 9, 300).astype(float)
    whole = fit_cox(spells.iloc[40:], terms=["state"])
    holes = spells.astype({"left": "boolean", "state": float})
    holes.loc[:9, "left"] = pd.NA
    holes.loc[10:19, "stop"] = np.nan
    holes.loc[20:29, "start"] = np.nan
    holes.loc[30:39, "state"] = np.nan
    found = fit_cox(holes, terms=["state"])
    assert (found.n_unknown, found.n_spells) == (40, 260)
    assert "40 of 300 spells are set aside" in found.note
    pd.testing.assert_frame_equal(found.coefficients, whole.coefficients)
    log = pd.DataFrame(
        {"customer": [1, 2], "week": 0.0, "outcome": "silent", "left": [None, True]}
    )
    customers = pd.DataFrame({"customer": [1, 2], "left_week": [None, 0.0]})
    left = tabulate_spells(log, customers, end_week=5.0)["left"]
    assert left.isna().tolist() == [True, False]


def test_a_term_that_never_varies_is_left_out_and_said():
    rng = np.random.default_rng(5)
    spells = simple(200, rng.integers(0, 2, 200), rng.random(200) < 0.3)
    found = fit_cox(spells.assign(flat=1), terms=["state", "flat"])
    assert found.coefficients["limits"].tolist() == ["wald", "none"]
    assert "['flat'] never varies among those at risk" in found.note
    alone = fit_cox(spells, terms=["state"])
    assert_allclose(
        found.coefficients["estimate"][0], alone.coefficients["estimate"][0]
    )


def test_the_order_of_rows_plays_no_part():
    log, customers = draw_log(np.random.default_rng(9), 800)
    one = fit_cox(tabulate_spells(log, customers, end_week=104.0))
    mixed = log.sample(frac=1, random_state=1)
    spells = tabulate_spells(mixed, customers.iloc[::-1], end_week=104.0)
    other = fit_cox(spells.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(one.coefficients, other.coefficients, rtol=1e-8)


def test_more_refusals():
    rng = np.random.default_rng(5)
    spells = simple(60, rng.integers(0, 2, 60), rng.random(60) < 0.3)
    for column, value, words in (
        ("stop", 0.0, "do not stop after they start"),
        ("stop", np.inf, "infinite values"),
        ("left", 2, "it is True, False or blank"),
    ):
        with pytest.raises(ValueError, match=words):
            fit_cox(spells.assign(**{column: value}), terms=["state"])
    with pytest.raises(ValueError, match="ties are counted by"):
        fit_cox(spells, terms=["state"], ties="exact")
    with pytest.raises(ValueError, match="terms is empty"):
        fit_cox(spells, terms=[])
    exact = np.where(spells["left"], 2.5, 0.5 + rng.random(60))
    with pytest.raises(ValueError, match="no maximum"):
        fit_cox(spells.assign(x=exact), terms=["x"])
    orders = pd.DataFrame({"customer": [1], "week": [3.0], "outcome": ["failed"]})
    customers = pd.DataFrame({"customer": [1], "left_week": [2.0]})
    with pytest.raises(ValueError, match=r"unknown outcomes \['failed'\]"):
        tabulate_spells(orders, customers, end_week=9)
    orders["outcome"] = "silent"
    with pytest.raises(ValueError, match="customer 1 ordered after they had left"):
        tabulate_spells(orders, customers, end_week=9)
    with pytest.raises(ValueError, match="are not in the customers table"):
        tabulate_spells(orders.assign(customer=4), customers, end_week=9)
    with pytest.raises(ValueError, match="no known 'week'"):
        tabulate_spells(orders.assign(week=np.nan), customers, end_week=9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dropout", "shape", "scale", "uneven"),
    [
        pytest.param((0.6, 24.0), 1.5, 12.0, 0.0, marks=pytest.mark.certify),
        ((0.793, 2.426), 0.243, 4.414, 0.8),
    ],
)
def test_false_alarms_of_every_state(dropout, shape, scale, uneven, record_property):
    # 300 logs of 2,000: 5 % have a Monte Carlo error of .0126; allow 3.5 of them. What
    # is counted whole, as few departures are, lies below.
    rng = np.random.default_rng(17)
    alarms = np.zeros(4)
    for _ in range(300):
        log, customers = draw_log(
            rng, 2000, dropout=dropout, shape=shape, scale=scale, uneven=uneven
        )
        spells = tabulate_spells(log, customers, end_week=104.0)
        table = fit_cox(spells).coefficients
        alarms += table["p_value"].to_numpy() < 0.05
    record_property("false alarms of 5 %, by term", (alarms / 300).tolist())
    assert (alarms / 300 < 0.05 + 3.5 * 0.0126).all()
