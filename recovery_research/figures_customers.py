"""Figures of a file of customers: verdicts against their bounds, and staying."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from recovery_research.figures import (
    NARROW,
    OUTCOME_MARKS,
    plot_intervals,
    require,
    say,
)

MOST_POINTS = 300


def plot_against_bounds(
    table: pd.DataFrame, *, label: str, hue: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw differences of any unit as multiples of what is worth naming.

    Parameters
    ----------
    table : DataFrame
        With ``estimate, ci_low, ci_high, equivalence_high``; rows without an
        interval, or with bounds of zero, are not drawn.
    label : str
        Column that names the rows.
    hue : str, optional
        Column that tells several estimates of one row apart.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With a band from -1 to 1: an interval inside of it is a difference not worth
        naming, one to the right of it a paradox.

    Raises
    ------
    ValueError
        If a column is not there or nothing is left to draw.
    """
    require(table, [label, "estimate", "ci_low", "ci_high", "equivalence_high"])
    drawn = table[table["ci_low"].notna() & (table["equivalence_high"] > 0.0)]
    require(drawn, [label])
    columns = ["estimate", "ci_low", "ci_high"]
    scaled = drawn.assign(**{c: drawn[c] / drawn["equivalence_high"] for c in columns})
    ax = plot_intervals(
        scaled, label=label, hue=hue, ax=ax,
        xlabel="difference, in units of the largest not worth naming",
    )  # fmt: skip
    ax.axvspan(-1.0, 1.0, color="0.85", zorder=-1, linewidth=0)
    return ax


def plot_staying(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share that stays by weeks since the index order, with bands.

    Parameters
    ----------
    table : DataFrame
        From `staying.tabulate_staying`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    require(table, ["group", "week", "estimate", "ci_low", "ci_high"])
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW + 1.0, 3.8))
    spare = iter(sns.color_palette("colorblind"))
    styles = ["-", "--", ":", "-."]
    for k, (group, rows) in enumerate(table.groupby("group", sort=False)):
        colour = OUTCOME_MARKS[group][1] if group in OUTCOME_MARKS else next(spare)
        line = rows.iloc[thin(len(rows))]
        ax.step(line["week"], line["estimate"], where="post", color=colour,
                linestyle=styles[k % 4], label=say(group))  # fmt: skip
        ax.fill_between(line["week"], line["ci_low"], line["ci_high"], step="post",
                        color=colour, alpha=0.15, linewidth=0)  # fmt: skip
    ax.set_xlim(left=0.0)
    ax.set_xlabel("weeks since the index order")
    ax.set_ylabel("still a customer")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.legend(frameon=False)
    return ax


def thin(n_points: int) -> np.ndarray:
    """Return places of at most so many points as an eye can tell apart."""
    return np.unique(
        np.linspace(0, n_points - 1, min(n_points, MOST_POINTS)).astype(int)
    )
