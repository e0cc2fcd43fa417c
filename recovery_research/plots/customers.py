"""Figures of a file of customers: verdicts against their bounds, and staying."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recovery_research.plots.simulated import (
    NARROW,
    OUTCOME_MARKS,
    plot_intervals,
    put_legend_above,
    require,
    spell,
)
from recovery_research.texts import say

if TYPE_CHECKING:
    from recovery_research.analysis.mediation import Mediation

MOST_POINTS = 300


def plot_against_bounds(
    table: pd.DataFrame, *, label: str, hue: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw differences of any unit as multiples of what is worth naming.

    Parameters
    ----------
    table : DataFrame
        With ``estimate, ci_low, ci_high, equivalence_high`` (and ``equivalence_low``
        where it is not the same below), and ``better``: ``high``, ``low``, or empty if
        nobody said. Rows without an interval, or with bounds of zero, are not drawn.
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
        naming. Where less is better the difference is turned round and its row says
        so; the axis says "for the better" only if the direction of every row is known.

    Raises
    ------
    ValueError
        If a column is not there or nothing is left to draw.
    """
    require(table, [label, "estimate", "ci_low", "ci_high", "equivalence_high"])
    drawn = select_drawn(table)
    require(drawn, [label])
    known = name_directions(drawn)
    turned = (known == "low").to_numpy()
    columns = ["estimate", "ci_low", "ci_high"]
    low = drawn.get("equivalence_low", -drawn["equivalence_high"])
    scaled = drawn.assign(
        **{
            each: np.where(
                drawn[each] > 0.0,
                drawn[each] / drawn["equivalence_high"],
                drawn[each] / -low,
            )
            for each in columns
        }
    )
    swapped = scaled.loc[turned, ["estimate", "ci_high", "ci_low"]]
    scaled.loc[turned, columns] = -swapped.to_numpy()
    names = drawn[label].map(say)
    scaled[label] = names.where(~turned, names + " (less is better)")
    ax = plot_intervals(
        scaled, label=label, hue=hue, ax=ax, xlabel=say_axis(set(known))
    )
    ax.axvspan(-1.0, 1.0, color="0.85", zorder=-1, linewidth=0)
    return ax


def select_drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have an interval, and bounds to measure it by.

    Parameters
    ----------
    table : DataFrame
        As from `adjust_groups`.

    Returns
    -------
    DataFrame
        Its rows that have an interval, as `plot_against_bounds` draws them.
    """
    wide = table["equivalence_high"] > 0.0
    if "equivalence_low" in table:
        wide &= table["equivalence_low"] < 0.0
    return table[table["ci_low"].notna() & wide]


def name_directions(table: pd.DataFrame) -> pd.Series:
    """Return which way each row is better, empty where nobody said."""
    if "better" not in table:
        return pd.Series("", index=table.index)
    return table["better"].map(lambda each: each if isinstance(each, str) else "")


def say_axis(known: set[str]) -> str:
    """Return the label of an axis for rows of these directions."""
    unit = "in units of the largest not worth naming"
    if "" not in known:
        return f"difference for the better, {unit}"
    if known == {""}:
        return f"difference (right is higher), {unit}"
    return f"difference (right is higher, or better where it is said), {unit}"


def say_against_bounds(table: pd.DataFrame) -> tuple[str, str]:
    """Return caption and description of `plot_against_bounds` of a table.

    Parameters
    ----------
    table : DataFrame
        As for `plot_against_bounds`.

    Returns
    -------
    caption, alt : str
    """
    known = set(name_directions(select_drawn(table)))
    caption = "Treated minus control; in the grey band not worth naming."
    side = "to the right is higher"
    if "low" in known:
        caption = (
            "Treated minus control, turned round where less is better; in the grey "
            "band not worth naming."
        )
    if "" not in known:
        side = "to the right is better"
    elif known != {""}:
        side = "to the right is better where the mapping says which way is, else higher"
    alt = (
        "Dot plot with intervals: differences of each outcome as they come and "
        "adjusted, in units of the largest difference not worth naming, with a grey "
        f"band from minus one to one; {side}."
    )
    return caption, alt


def plot_survival(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share that stays by weeks since the index order, with bands.

    Parameters
    ----------
    table : DataFrame
        From `retention.tabulate_survival`.
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
        if "followed_to" in rows:
            # Nobody leaves after the last step, but somebody is followed.
            line = pd.concat(
                [line, line.tail(1).assign(week=rows["followed_to"].max())]
            )
        ax.step(line["week"], line["estimate"], where="post", color=colour,
                linestyle=styles[k % 4], label=spell(group))  # fmt: skip
        ax.fill_between(line["week"], line["ci_low"], line["ci_high"], step="post",
                        color=colour, alpha=0.15, linewidth=0)  # fmt: skip
    ax.set_xlim(left=0.0)
    ax.set_xlabel("weeks since the index order")
    ax.set_ylabel("still a customer")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.legend(frameon=False)
    return ax


def plot_balance(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how alike two groups are in each covariate, before and after weighting.

    Parameters
    ----------
    table : DataFrame
        From `balance.tabulate_balance`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        Standardised differences, treated minus control; dotted lines at -0.1 and 0.1,
        beyond which `adjustment.adjust` says that it doubts.

    Raises
    ------
    ValueError
        If a column is not there or nothing is left to draw.
    """
    require(table, ["covariate", "difference_before", "difference_after"])
    rows = table.dropna(subset=["difference_before", "difference_after"])
    require(rows, ["covariate"])
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW + 1.0, 1.0 + 0.28 * len(rows)))
    places = np.arange(len(rows))
    before, after = sns.color_palette("colorblind", 2)
    ax.hlines(places, rows["difference_before"], rows["difference_after"],
              color="0.8", zorder=1)  # fmt: skip
    for column, marker, colour in (
        ("difference_before", "o", before), ("difference_after", "D", after)
    ):  # fmt: skip
        label = {"o": "as they come", "D": "weighted"}[marker]
        ax.scatter(rows[column], places, marker=marker, color=colour, s=28, zorder=2,
                   label=label)  # fmt: skip
    ax.axvline(0.0, color="0.6", linewidth=1.0, zorder=0)
    for limit in (-0.1, 0.1):
        ax.axvline(limit, color="0.3", linewidth=1.2, linestyle=":", zorder=0)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.14), max(high, 0.14))
    ax.set_yticks(places, [spell(name) for name in rows["covariate"]])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("standardised difference, treated minus control")
    put_legend_above(ax, 2)
    return ax


def plot_periods(table: pd.DataFrame, *, ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw differences period by period around an order, with pointwise intervals.

    Parameters
    ----------
    table : DataFrame
        `EventStudy.periods`: ``period, estimate, ci_low, ci_high``.
    ylabel : str
        What the differences measure, with unit and sign convention.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        The period compared with is open and has no interval.

    Raises
    ------
    ValueError
        If a column is not there.
    """
    require(table, ["period", "estimate", "ci_low", "ci_high"])
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW + 1.0, 3.6))
    shown = table[table["estimate"].notna() & (table["period"] != -1)]
    reach = [shown["estimate"] - shown["ci_low"], shown["ci_high"] - shown["estimate"]]
    colour = sns.color_palette("colorblind")[0]
    ax.axhline(0.0, color="0.6", linewidth=1.0, zorder=0)
    ax.axvline(-0.5, color="0.6", linewidth=1.0, linestyle=":", zorder=0)
    ax.errorbar(shown["period"], shown["estimate"], yerr=reach, fmt="o", capsize=3,
                markersize=5, color=colour)  # fmt: skip
    ax.plot([-1], [0.0], marker="o", markersize=6, color=colour, fillstyle="none")
    ax.set_xticks(table["period"].to_numpy())
    ax.set_xlabel("period (0 begins with the index order)")
    ax.set_ylabel(ylabel)
    return ax


def plot_curves(found: Sequence["Mediation"]) -> Figure:
    """Draw how parts that go through a mediator depend on what nobody has seen.

    Parameters
    ----------
    found : sequence of Mediation
        One panel each, from `mediation.mediate`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    if not len(found):
        raise ValueError("there is nothing to draw; got no mediation.")
    figure, panels = plt.subplots(
        1, len(found), figsize=(3.6 * len(found) + 0.6, 3.2), squeeze=False
    )
    colour = sns.color_palette("colorblind")[0]
    for ax, each in zip(panels[0], found, strict=True):
        curve = each.curve
        ax.axhline(0.0, color="0.6", linewidth=1.0, zorder=0)
        ax.axvline(0.0, color="0.6", linewidth=1.0, linestyle=":", zorder=0)
        ax.plot(curve["correlation"], curve["estimate"], color=colour)
        ax.fill_between(curve["correlation"], curve["ci_low"], curve["ci_high"],
                        color=colour, alpha=0.15, linewidth=0)  # fmt: skip
        ax.set_title(f"{spell(each.outcome)}, {spell(each.treated)}")
        ax.set_xlabel("assumed correlation")
    panels[0, 0].set_ylabel(f"part through {spell(found[0].mediator)}")
    # When it is drawn, as only then every letter has its font.
    figure.set_layout_engine("tight")
    return figure


def thin(n_points: int) -> np.ndarray:
    """Return places of at most so many points as an eye can tell apart."""
    return np.unique(
        np.linspace(0, n_points - 1, min(n_points, MOST_POINTS)).astype(int)
    )
