"""Figures of somebody's customers, read back from the axes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from recovery_research.figures_customers import plot_against_bounds, plot_staying, thin

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
    ax = plot_staying(both)
    assert [line.get_label() for line in ax.lines] == ["recovered", "no failure"]
    drawn = ax.lines[0].get_xdata()
    assert len(drawn) <= 300
    assert (drawn[0], drawn[-1]) == (0.0, 999.0)
    assert_allclose(ax.lines[0].get_ydata(), 0.999**drawn)


@pytest.mark.parametrize("n", [1, 2, 299, 300, 301, 12345])
def test_thinning_keeps_both_ends(n):
    kept = thin(n)
    assert kept[0] == 0
    assert kept[-1] == n - 1
    assert len(kept) == len(set(kept)) <= 300
