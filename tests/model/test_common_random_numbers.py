"""The same luck under every policy, in every block, on any number of threads."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import recovery_research as rr

MECHANISMS = ("learning", "disconfirmation", "reciprocity")


def rows(history_or_table, policy):
    """One policy's rows, without its name."""
    table = history_or_table
    if isinstance(table, rr.History):
        table = rr.tabulate_customers(table)
    chosen = table[table["policy"] == policy].reset_index(drop=True)
    return chosen.drop(columns="policy")


def assert_same(ours, theirs):
    assert_frame_equal(ours, theirs, check_exact=True)


@pytest.fixture(scope="module")
def short(small_experiment):
    """Across two chunks; a fraction of the time."""
    return small_experiment.but(n_customers=4200, weeks=31.5)


def test_one_policy_under_two_names_lives_one_life(short, catalogue):
    twin = catalogue["service"].but("twin")
    history = rr.simulate(short.but(policies=[catalogue["service"], twin]))
    assert_same(rows(history, "service"), rows(history, "twin"))
    weeks = rr.tabulate_weeks(history)
    assert_same(rows(weeks, "service"), rows(weeks, "twin"))


def test_another_policy_changes_nobody_elses_rows(short, catalogue):
    alone = rr.simulate(short.but(policies=[catalogue["service"]]))
    others = [catalogue[name] for name in ("silence", "service", "g_own_it")]
    among = rr.simulate(short.but(policies=others))
    turned = rr.simulate(short.but(policies=others[::-1]))
    for history in (among, turned):
        assert_same(rows(alone, "service"), rows(history, "service"))
    assert_same(rows(among, "silence"), rows(turned, "silence"))


def test_separate_luck_depends_on_the_place_and_shared_does_not(short, catalogue):
    policies = [catalogue["service"], catalogue["service"].but("twin")]
    history = rr.simulate(short.but(policies=policies, luck="separate"))
    first, second = rows(history, "service"), rows(history, "twin")
    assert (first["index_week"] != second["index_week"]).mean() > 0.9
    # Customers are the same people; only what befalls them differs.
    assert np.corrcoef(first["n_orders"], second["n_orders"])[0, 1] > 0.4
    shared = rr.simulate(short.but(policies=policies))
    assert_same(first, rows(shared, "service"))


def test_more_customers_change_nobody_elses_rows(short):
    few = rr.tabulate_customers(rr.simulate(short.but(n_customers=4099)))
    many = rr.tabulate_customers(rr.simulate(short.but(n_customers=8193)))
    kept = many[many["customer"] < 4099].reset_index(drop=True)
    assert_same(few, kept)
    # One thousand of a single chunk, too.
    fewer = rr.tabulate_customers(rr.simulate(short.but(n_customers=1000)))
    assert_same(fewer, few[few["customer"] < 1000].reset_index(drop=True))


def test_a_shorter_observation_is_the_beginning_of_a_longer_one(short):
    long = rr.tabulate_orders(short, customers=200)
    brief = rr.tabulate_orders(short.but(weeks=13), customers=200)
    # The clock of waiting does not see the end coming.
    assert_same(brief, long[long["week"] < 13].reset_index(drop=True))


def test_the_seed_changes_customers_and_luck(short):
    ours, theirs = (rows(rr.simulate(short.but(seed=s)), "service") for s in (11, 12))
    both = pd.DataFrame({"ours": ours["spend"], "theirs": theirs["spend"]})
    assert abs(both.corr().iloc[0, 1]) < 0.08  # 4,200 pairs, five standard errors


@pytest.mark.parametrize(
    ("threads", "block_size"), [(2, None), (5, 1), (1, 4096), (3, 5000), (2, 10**6)]
)
def test_no_bit_depends_on_threads_or_blocks(short, threads, block_size):
    experiment = short.but(n_customers=13_000, weeks=11.5)
    plain = rr.simulate(experiment, threads=1)
    other = rr.simulate(experiment, threads=threads, block_size=block_size)
    for name, column in plain.customers.items():
        assert column.tobytes() == other.customers[name].tobytes(), name
    assert plain.weekly.tobytes() == other.weekly.tobytes()
    assert plain.sums.tobytes() == other.sums.tobytes()
    summed = rr.simulate(
        experiment, threads=threads, block_size=block_size, keep="sums"
    )
    assert summed.customers is None
    assert plain.weekly.tobytes() == summed.weekly.tobytes()
    assert plain.sums.tobytes() == summed.sums.tobytes()


def test_causes_of_departure_do_not_depend_on_threads(short):
    experiment = short.but(n_customers=9000, weeks=20)
    one, three = (rr.tabulate_departures(experiment, threads=k) for k in (1, 3))
    assert_same(one, three)


def test_customers_logged_by_number_are_those_of_the_whole_log(short):
    numbers = [4150, 7, 4096, 4095, 0]
    some = rr.tabulate_orders(short, customers=numbers)
    assert set(some["customer"]) <= set(numbers)
    everybody = rr.tabulate_orders(short, customers=4200)
    kept = everybody[everybody["customer"].isin(numbers)].reset_index(drop=True)
    assert_same(some, kept)


BEHAVIOUR = (
    "n_orders", "spend", "followup_spend", "alive_13w", "alive_52w", "left_week",
    "trust", "satisfaction_before", "satisfaction_after", "mentions_positive",
    "mentions_negative", "margin", "referral_value", "index_week",
)  # fmt: skip


@pytest.mark.parametrize("world", ["claims", "evidence"])
def test_no_mechanism_no_paradox(short, world):
    inert = short.but(world=rr.load_world(world).without(*MECHANISMS), weeks=80)
    ways = ("no_failure", "silent", "recovered", "not_recovered")
    forks = rr.tabulate_forks(inert, ways=ways)
    for policy in ("service", "over_deliver", "cost_center"):
        here = forks[forks["policy"] == policy]
        by_way = {way: here[here["way"] == way].reset_index(drop=True) for way in ways}
        for way in ways[1:]:
            for outcome in BEHAVIOUR:
                contrast = rr.contrast_forks(
                    here, outcome=outcome, treated=way, policy=policy
                )
                assert contrast.estimate == 0.0, (way, outcome)
                # Not only on average: nobody's outcome differs by a bit.
                pd.testing.assert_series_equal(
                    by_way[way][outcome], by_way["no_failure"][outcome]
                )
        # Money differs by what the answer to this one failure cost, and by that only.
        cost = {way: by_way[way]["recovery_cost"] for way in ways}
        net = {way: by_way[way]["net_value"] for way in ways}
        pd.testing.assert_series_equal(cost["silent"], cost["no_failure"])
        ordered = by_way["recovered"]["index_outcome"] == "recovered"
        assert (cost["recovered"] > cost["no_failure"])[ordered].all()
        np.testing.assert_allclose(
            net["recovered"] - net["no_failure"],
            cost["no_failure"] - cost["recovered"], atol=1e-9,
        )  # fmt: skip


def test_the_fork_changes_nothing_before_it(short):
    forks = rr.tabulate_forks(short.but(later_order=(3, "as_it_comes")))
    same = forks.groupby(["policy", "customer"], observed=True)
    for name in ("index_week", "satisfaction_before"):
        spread = same[name].max() - same[name].min()
        assert (spread.dropna() == 0.0).all()
        assert spread.notna().sum() > 1000


def test_couplings_are_monotone(short, catalogue):
    """With the same luck, more of a good thing never turns against the customer."""

    def first(**levers):
        policy = catalogue["cost_center"].but("moved", **levers)
        failing = short.but(policies=[policy], first_order="failed", n_customers=3000)
        table = rr.tabulate_customers(rr.simulate(failing))
        return table[table["index_outcome"] != "no_order"]

    outcomes = ["not_recovered", "recovered"]
    before = first(compensation=0.4)
    for levers in ({"compensation": 0.9}, {"apology": 0.9}, {"days_to_resolve": 1.0}):
        after = first(**{"compensation": 0.4, **levers})
        answered = before["index_outcome"].isin(outcomes)
        assert (after["index_outcome"].isin(outcomes) == answered).all()
        won = before["index_outcome"] == "recovered"
        assert (after["index_outcome"] == "recovered")[won].all()
        assert (after["trust"] >= before["trust"]).all()
        assert (after["satisfaction_after"] >= before["satisfaction_after"]).all()
        # Who does not drop out at her first order with less does not with more.
        at_once = [t["left_week"] == t["index_week"] for t in (before, after)]
        assert not (at_once[1] & ~at_once[0]).any()
        assert not np.array_equal(after["trust"], before["trust"])


def test_invitations_and_failures_add_to_the_same_customers(short, catalogue):
    policy = catalogue["cost_center"]
    moves = {
        "invitation": ("failed", "index_complained", (-0.5, 0.3, 2.0)),
        "failure_multiplier": ("as_it_comes", "failed", (0.0, 0.8, 1.9, 6.0)),
        "proactive": ("failed", "answered", (0.0, 0.3, 0.9)),
    }
    for lever, (fork, what, values) in moves.items():
        counted = []
        for value in values:
            moved = short.but(
                policies=[policy.but("moved", **{lever: value})], first_order=fork
            )
            table = rr.tabulate_customers(rr.simulate(moved))
            table = table[table["index_outcome"] != "no_order"]
            table["failed"] = table["index_outcome"] != "no_failure"
            table["answered"] = table["index_outcome"].isin(
                ["recovered", "not_recovered"]
            )
            counted.append(table[what].astype(bool).to_numpy())
        for less, more in pairwise(counted):
            assert not (less & ~more).any(), lever
            assert more.sum() > less.sum(), lever
