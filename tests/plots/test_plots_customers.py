"""Figures of somebody's customers, read back from the axes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from recovery_research.analysis.mediation import mediate
from recovery_research.plots.customers import (
    plot_against_bounds,
    plot_balance,
    plot_curves,
    plot_periods,
    plot_survival,
    say_against_bounds,
    thin,
)

TABLE = pd.DataFrame(
    {
        "outcome": ["spend", "stayed", "never"],
        "estimate": [4.0, -0.03, np.nan],
        "ci_low": [1.0, -0.05, np.nan],
        "ci_high": [9.0, 0.02, np.nan],
        "equivalence_high": [2.0, 0.01, 1.0],
    }
)


def test_differences_are_drawn_in_units_of_their_bounds():
    ax = plot_against_bounds(TABLE, label="outcome")
    (line,) = ax.containers
    assert_allclose(line.lines[0].get_xdata(orig=False), [2.0, -3.0])
    ends = [segment[:, 0] for segment in line.lines[2][0].get_segments()]
    assert_allclose(ends, [[0.5, 4.5], [-5.0, 2.0]])
    band = [p for p in ax.patches if p.get_width() == 2.0]
    assert len(band) == 1
    assert band[0].get_x() == -1.0
    assert [t.get_text() for t in ax.get_yticklabels()] == ["spend", "stayed"]


def test_an_interval_beside_its_estimate_is_drawn_where_it_is():
    # A corrected interval at a level of 1 % need not hold the estimate.
    table = TABLE.assign(ci_low=[5.0, -0.05, np.nan])
    ax = plot_against_bounds(table, label="outcome")
    (line,) = ax.containers
    assert_allclose(line.lines[0].get_xdata(orig=False), [2.0, -3.0])
    lines = [each for each in ax.collections if each not in line.lines[2]]
    assert_allclose(lines[0].get_segments()[0], [[2.5, 0.0], [4.5, 0.0]])


@pytest.mark.parametrize(
    ("better", "axis", "caption", "alt"),
    [
        (["high", "high"], "for the better", "", "right is better."),
        (["high", "low"], "for the better", "turned round", "right is better."),
        (["", ""], "right is higher)", "", "right is higher."),
        (["low", ""], "better where it is said", "turned round", "says which way is,"),
        ([np.nan, None], "right is higher)", "", "right is higher."),
    ],
)
def test_no_axis_says_for_the_better_where_nobody_said_what_is(
    better, axis, caption, alt
):
    table = pd.DataFrame(
        {"outcome": ["a", "b"], "estimate": [1.0, -1.0], "ci_low": [0.5, -4.0],
         "ci_high": [1.5, 3.0], "equivalence_low": [-2.0, -1.0],
         "equivalence_high": [4.0, 1.0], "better": better}
    )  # fmt: skip
    ax = plot_against_bounds(table, label="outcome")
    assert axis in ax.get_xlabel()
    assert ("for the better" in ax.get_xlabel()) == (set(better) <= {"high", "low"})
    said = say_against_bounds(table)
    assert caption in said[0]
    assert ("turned" in said[0]) == ("low" in better)
    assert alt in said[1]
    # Each side is measured by its own bound; turned, they change places.
    (line,) = ax.containers
    first = line.lines[2][0].get_segments()[0][:, 0]
    ends = [0.5 / 4.0, 1.5 / 4.0]
    assert_allclose(first, [-ends[1], -ends[0]] if better[0] == "low" else ends)


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        plot_against_bounds(TABLE.iloc[2:], label="outcome")
    with pytest.raises(ValueError, match="no rows"):
        plot_against_bounds(TABLE.assign(equivalence_high=0.0), label="outcome")
    with pytest.raises(ValueError, match="no column 'ci_low'"):
        plot_against_bounds(TABLE.drop(columns="ci_low"), label="outcome")


def test_staying_is_drawn_as_steps_and_thinned():
    week = np.arange(1000.0)
    rows = pd.DataFrame({"group": "recovered", "week": week, "estimate": 0.999**week})
    rows = rows.assign(ci_low=rows["estimate"] - 0.01, ci_high=rows["estimate"] + 0.01)
    both = pd.concat([rows, rows.assign(group="no_failure")])
    ax = plot_survival(both)
    assert [line.get_label() for line in ax.lines] == ["recovered", "no failure"]
    drawn = ax.lines[0].get_xdata()
    assert len(drawn) <= 300
    assert (drawn[0], drawn[-1]) == (0.0, 999.0)
    assert_allclose(ax.lines[0].get_ydata(), 0.999**drawn)


def test_staying_is_drawn_as_far_as_somebody_was_followed():
    rows = pd.DataFrame({"group": "silent", "week": [0.0, 3.0], "estimate": [1.0, 0.5]})
    rows = rows.assign(ci_low=0.2, ci_high=0.9, followed_to=40.0)
    (line,) = plot_survival(rows).lines
    assert_allclose(line.get_xdata(), [0.0, 3.0, 40.0])
    assert_allclose(line.get_ydata(), [1.0, 0.5, 0.5])


@pytest.mark.parametrize("n", [1, 2, 299, 300, 301, 12345])
def test_thinning_keeps_both_ends(n):
    kept = thin(n)
    assert kept[0] == 0
    assert kept[-1] == n - 1
    assert len(kept) == len(set(kept)) <= 300


def test_balance_is_drawn_before_and_after_with_the_lines_of_doubt():
    table = pd.DataFrame(
        {
            "covariate": ["age", "orders_before", "never"],
            "difference_before": [0.3, -0.05, np.nan],
            "difference_after": [0.01, 0.0, np.nan],
        }
    )
    ax = plot_balance(table)
    before, after = (
        each.get_offsets() for each in ax.collections if each.get_label()[0] != "_"
    )
    assert_allclose(before, [[0.3, 0], [-0.05, 1]])
    assert_allclose(after, [[0.01, 0], [0.0, 1]])
    assert {line.get_xdata()[0] for line in ax.lines} == {0.0, -0.1, 0.1}
    assert ax.get_xlim()[0] < -0.1
    assert [t.get_text() for t in ax.get_yticklabels()] == ["age", "orders before"]
    with pytest.raises(ValueError, match="no rows"):
        plot_balance(table.iloc[2:])


def test_periods_are_drawn_with_the_one_compared_with_left_open():
    table = pd.DataFrame({"period": [-2, -1, 0], "estimate": [1.0, 0.0, -3.0]})
    table = table.assign(ci_low=table["estimate"] - 2, ci_high=table["estimate"] + 1)
    ax = plot_periods(table, ylabel="dollars")
    (bars,) = ax.containers
    assert_allclose(bars.lines[0].get_xdata(orig=False), [-2, 0])
    assert_allclose(bars.lines[0].get_ydata(orig=False), [1.0, -3.0])
    ends = [segment[:, 1] for segment in bars.lines[2][0].get_segments()]
    assert_allclose(ends, [[-1.0, 2.0], [-5.0, -2.0]])
    assert ax.lines[-1].get_fillstyle() == "none"


def test_curves_have_a_panel_each():
    rng = np.random.default_rng(4)
    group = np.repeat(["recovered", "no_failure"], [150, 250])
    content = (group == "recovered") * 0.5 + rng.normal(0, 1, 400)
    customers = pd.DataFrame({"index_outcome": group, "satisfaction_after": content})
    found = [
        mediate(
            customers.assign(**{name: 3 * content + rng.normal(0, 1, 400)}),
            outcome=name,
        )
        for name in ("spend", "trust")
    ]
    figure = plot_curves(found)
    assert [ax.get_title() for ax in figure.axes] == [
        "spend, recovered", "trust, recovered",
    ]  # fmt: skip
    line = figure.axes[1].lines[-1]
    assert_allclose(line.get_ydata(), found[1].curve["estimate"])
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_curves([])
