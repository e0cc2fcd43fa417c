"""Figures of studies: the numbers are read back from the Axes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from recovery_research.plots.studies import (
    plot_findings,
    plot_findings_by_world,
    plot_sample_sizes,
)


@pytest.fixture
def findings():
    columns = ["world", "sampled", "view", "estimate", "low", "high"]
    rows = [
        ("claims", "order_based", "truth", 3.0, 2.5, 3.5),
        ("claims", "order_based", "naive", 4.0, -9.0, 12.0),
        ("claims", "order_based", "adjusted", 2.0, -7.5, 10.0),
        ("claims", "trial", "truth", 8.0, 7.9, 8.1),
        ("claims", "trial", "naive", 7.0, 1.0, 13.5),
    ]
    other = [("evidence", *row[1:3], *(v - 20.0 for v in row[3:])) for row in rows]
    return pd.DataFrame(rows + other, columns=columns)


def bars(container):
    _, _, (lines,) = container.lines
    return [segment[:, 0] for segment in lines.get_segments()]


def test_findings_are_drawn_where_they_are(findings):
    here = findings[findings["world"] == "claims"]
    ax = plot_findings(here, xlabel="dollars")
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "order based",
        "trial",
    ]
    naive, adjusted = ax.containers
    assert_allclose(naive.lines[0].get_xdata(orig=False), [4.0, 7.0])
    assert_allclose(np.array(bars(naive)), [[-9.0, 12.0], [1.0, 13.5]])
    assert_allclose(np.array(bars(adjusted)), [[-7.5, 10.0]])
    (truth,) = [line for line in ax.get_lines() if line.get_label() == "truth"]
    assert_allclose(truth.get_xdata(orig=False), [3.0, 8.0])
    assert_allclose(truth.get_ydata(orig=False), [0, 1])
    # Naive and adjusted are drawn on either side of their row.
    assert (
        naive.lines[0].get_ydata(orig=False)[0] < 0 < adjusted.lines[0].get_ydata()[0]
    )
    assert ax.get_xlabel() == "dollars"


def test_worlds_side_by_side_on_one_scale(findings):
    figure = plot_findings_by_world(findings, xlabel="dollars")
    left, right = figure.axes
    assert left.get_xlim() == right.get_xlim()
    assert_allclose(left.containers[0].lines[0].get_xdata(orig=False), [4.0, 7.0])
    assert_allclose(right.containers[0].lines[0].get_xdata(orig=False), [-16.0, -13.0])


def test_sample_sizes_are_read_off_the_line():
    sizes = pd.DataFrame({"variation": [1.0, 3.85], "n_treated": [4360.5, 64_633.2]})
    ax = plot_sample_sizes(sizes)
    (line,) = ax.get_lines()
    assert_allclose(line.get_xydata(), sizes.to_numpy())
    assert [text.get_text() for text in ax.texts] == ["4,360", "64,633"]


def test_an_empty_table_is_refused(findings):
    with pytest.raises(ValueError, match="no rows"):
        plot_findings(findings.head(0), xlabel="dollars")
    with pytest.raises(ValueError, match="no column 'world'"):
        plot_findings_by_world(findings.drop(columns="world"), xlabel="dollars")
