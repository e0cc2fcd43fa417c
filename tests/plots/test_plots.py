"""Figures are read back from their Axes and compared with the tables drawn."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import recovery_research as rr
from recovery_research.plots import simulated

TABLE = pd.DataFrame(
    {
        "who": ["b", "a", "b", "a"],
        "world": ["x", "x", "y", "y"],
        "estimate": [1.0, -2.0, 3.0, 0.5],
        "ci_low": [0.7, -4.0, 2.9, -0.1],
        "ci_high": [1.9, -1.5, 3.3, 2.5],
    }
)


def read_intervals(ax):
    """Points and both caps, as drawn."""
    drawn = []
    for container in ax.containers:
        points, caps, _ = container
        low, high = sorted(caps, key=lambda cap: cap.get_xdata()[0])
        drawn += zip(points.get_xdata(), low.get_xdata(), high.get_xdata(), strict=True)
    return np.array(drawn)


def test_points_and_both_caps_are_the_tables():
    ax = simulated.plot_intervals(TABLE, label="who", hue="world", xlabel="dollars")
    expected = TABLE[["estimate", "ci_low", "ci_high"]].to_numpy()
    assert np.allclose(read_intervals(ax), expected)


def test_first_row_is_on_top_and_rows_are_named():
    ax = simulated.plot_intervals(TABLE[:2], label="who", xlabel="dollars")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]
    low, high = ax.get_ylim()
    assert low > high  # the axis runs downwards
    assert ax.get_xlabel() == "dollars"


def test_hues_differ_in_colour_and_in_marker():
    ax = simulated.plot_intervals(TABLE, label="who", hue="world", xlabel="dollars")
    lines = [container[0] for container in ax.containers]
    assert len({to_hex(line.get_color()) for line in lines}) == 2
    assert len({line.get_marker() for line in lines}) == 2


@pytest.fixture(scope="module")
def experiment():
    return rr.Experiment(
        world=rr.load_world("claims"),
        policies=rr.choose_policies(["silence", "service"]),
        population=rr.load_population("webshop"),
        n_customers=300,
        weeks=40.0,
        seed=2,
    )


def test_retention_lines_are_the_tables(experiment):
    weeks = rr.tabulate_weeks(rr.simulate(experiment))
    ax = simulated.plot_retention(weeks)
    parts = weeks.groupby("policy", observed=True)
    for line, (_, part) in zip(ax.lines, parts, strict=True):
        assert np.array_equal(line.get_ydata(), part["alive_share"])
    assert {text.get_text() for text in ax.texts} == {"silence", "service"}


def test_bars_of_departures_add_up_to_who_left(experiment):
    departures = rr.tabulate_departures(experiment)
    ax = simulated.plot_departures(departures)
    ends = {}
    for bar in ax.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0.0), bar.get_x() + bar.get_width())
    left = departures.groupby("policy", sort=False)["n_cause"].sum() / 300
    assert np.allclose([ends[k] for k in sorted(ends)], left.to_numpy())


def test_one_life_is_drawn_order_by_order(experiment):
    orders = rr.tabulate_orders(experiment, customers=[3])
    ax = simulated.plot_life(orders)
    for policy, life in orders.groupby("policy", observed=True):
        line = next(one for one in ax.lines if one.get_label() == policy)
        assert np.array_equal(line.get_xdata(), life["week"])
        assert np.array_equal(line.get_ydata(), life["loyalty"])
    with pytest.raises(ValueError, match="one life at a time; the table holds 2"):
        simulated.plot_life(rr.tabulate_orders(experiment, customers=[3, 4]))


def test_boundary_marks_a_world_by_hand():
    world = rr.load_world("evidence").but(
        "mine",
        prior_failure_a=3.0,
        prior_recovery_a=0.7,
        prior_recovery_b=1.6,
        recovery_weight=1.2,
        follow_up_weight=0.25,
    )
    ax = simulated.plot_boundary([world])
    line = next(one for one in ax.lines if one.get_label() == "mine")
    assert np.allclose(line.get_xdata(), 2.3)
    assert np.allclose(line.get_ydata(), [3.6, 4.5])


def test_fit_is_drawn_in_widths_of_what_counts_as_met():
    fit = pd.DataFrame(
        {
            "moment": ["over", "under"],
            "target": [0.4, 0.4],
            "achieved": [0.5, 0.35],
            "std_error": [0.01, 0.02],
            "low": [0.3, 0.3],
            "high": [0.6, 0.6],
        }
    )
    drawn = read_intervals(simulated.plot_fit(fit))
    assert np.allclose(drawn[:, 0], [0.5, -0.5])
    assert np.allclose(drawn[:, 2] - drawn[:, 0], 1.96 * np.array([0.05, 0.2]))


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="no rows"):
        simulated.plot_intervals(TABLE[:0], label="who", xlabel="")
    with pytest.raises(ValueError, match="no column 'ci_low'"):
        simulated.plot_intervals(TABLE.drop(columns="ci_low"), label="who", xlabel="")


def test_no_look_is_set_by_importing():
    code = (
        "import matplotlib as m; before = dict(m.rcParams);"
        "import recovery_research.plots.simulated, recovery_research.plots.simulated;"
        "assert dict(m.rcParams) == before"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0
