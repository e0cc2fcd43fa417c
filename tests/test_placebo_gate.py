"""The placebo gate sees what it is there to see, and the package passes a part of it."""

import argparse

import numpy as np
import pandas as pd
import pytest
from placebo import __main__ as gate
from placebo import announcements, counting, logs
from placebo.announcements import Announcement
from placebo.files import open_logs

NAN = float("nan")


def interval_of(rng, narrow=1.0, shift=0.0):
    """A t interval of nothing, or one that is too narrow or off its place."""
    half = 1.96 * narrow
    centre = rng.normal() + shift
    return centre - half, centre + half


def say_often(n_logs=400, note="", **wrong):
    rng = np.random.default_rng(4)
    frames = []
    for seed in range(n_logs):
        low, high = interval_of(rng, **wrong)
        said = [Announcement("made up", "x", low, high, NAN, 0.95, note)]
        frames.append(counting.tabulate_said("even", "survey", 500, seed, said))
    return counting.count_announcements(pd.concat(frames)).iloc[0]


def test_an_honest_interval_keeps_its_promise():
    row = say_often()
    assert row["kept"] == counting.KEPT
    assert row["n_logs"] == row["n_answered"] == 400
    # sqrt(.05 * .95 / 400)
    assert row["mc_error"] == pytest.approx(0.010897, abs=1e-6)
    assert row["above"] + row["below"] == pytest.approx(row["announced"])


@pytest.mark.parametrize("wrong", [{"narrow": 0.7}, {"shift": 1.0}])
def test_a_narrow_or_shifted_interval_is_broken_unless_it_says_so(wrong):
    assert say_often(**wrong)["kept"] == counting.BROKEN
    assert say_often(**wrong, note="it leans on something")["kept"] == counting.SAID


def test_a_p_value_counts_where_there_is_no_interval():
    said = [Announcement("a", "test", NAN, NAN, p, 0.95, "") for p in (0.01, 0.2)]
    rows = counting.tabulate_said("even", "survey", 500, 1, said)
    assert rows["rejected"].tolist() == [True, False]
    assert rows["answered"].all()


def test_what_gives_no_interval_announces_nothing():
    said = [Announcement("a", "t", NAN, NAN, NAN, NAN, "nobody was failed")]
    rows = counting.tabulate_said("even", "survey", 500, 1, said)
    assert counting.count_announcements(rows)["kept"].tolist() == [counting.SILENT]


def test_shops_differ_as_they_are_meant_to():
    shares = {}
    for shop in logs.SHOPS:
        orders = logs.make_orders(shop, 3_000, 7)
        # By how much is bought in all, as far as the log shows it.
        often = orders.groupby("customer")["amount"].transform("size")
        heavy = often > often.median()
        shares[shop] = (
            orders.loc[heavy, "failed"].mean() - orders.loc[~heavy, "failed"].mean(),
            orders["failed"].mean(),
        )
    assert shares["tied"][0] > 0.03
    assert all(abs(shares[name][0]) < 0.015 for name in ("even", "heavy", "rare"))
    assert shares["rare"][1] < 0.04


def test_no_failure_does_anything_in_the_simulator_itself():
    # Same luck: with mechanisms off, lives with and without failures are one life.
    orders = {s: logs.make_orders(s, 500, 3) for s in ("even", "tied", "rare")}
    for name in ("time", "amount", "left"):
        assert orders["even"][name].equals(orders["tied"][name])
        assert orders["even"][name].equals(orders["rare"][name])


@pytest.mark.slow
def test_every_analysis_of_a_file_is_asked(tmp_path):
    asked = set()
    for _, read in open_logs("even", 600, 1, tmp_path):
        asked |= {each.analysis for each in announcements.announce(read)}
    named = {name.split(" (")[0] for name in asked}
    assert named >= {
        "paradox", "adjust", "paradox_ratio", "tabulate_shares", "decompose_spending",
        "compare_survival", "compare_before_after", "fit_index_event_study", "fit_event_study",
        "fit_cox", "mediate", "check_placebo", "probe_confounding",
        "bound_worst_case",
    }  # fmt: skip


@pytest.mark.slow
def test_the_gate_goes_on_where_it_was(tmp_path, monkeypatch):
    options = {"logs": 2, "sizes": [300], "shops": ["even"], "processes": 1,
               "folder": tmp_path, "anew": False}  # fmt: skip
    first = gate.run_gate(argparse.Namespace(**options))
    monkeypatch.setattr(gate, "run_batch", lambda _: pytest.fail("asked again"))
    again = gate.run_gate(argparse.Namespace(**options))
    pd.testing.assert_frame_equal(first, again)


# What follows a first failure cannot be told from what ordering is by an event study of
# order logs: its note says so, and it is here in case the note is missing. Nothing may
# be added.
STILL_OPEN = {"fit_event_study"}


@pytest.mark.slow
@pytest.mark.parametrize("shop", ["even", "tied"])
def test_no_mended_analysis_announces_what_is_not_there(shop, tmp_path):
    # A part of `make placebo`: with 10 logs a promise of 5 % may show 25 %, so only
    # what is grossly wrong is seen here.
    said = gate.run_gate(
        argparse.Namespace(logs=10, sizes=[500], shops=[shop], processes=1,
                           folder=tmp_path, anew=False)
    )  # fmt: skip
    table = counting.count_announcements(said)
    broken = table[
        (table["kept"] == counting.BROKEN) & ~table["analysis"].isin(STILL_OPEN)
    ]
    assert broken[[*counting.KEYS, "n_answered", "announced"]].empty, broken.to_string()
