"""Plots of simulated customers and of the model itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from recovery_research.model.worlds import World
from recovery_research.texts import say

NARROW, WIDE = 6.0, 9.0
ZERO: dict[str, Any] = {"color": "0.6", "linewidth": 1.0, "zorder": 0}
# Markers differ as well as colours, so that a figure survives a copying machine.
OUTCOME_MARKS = {
    "no_failure": ("o", "0.55"),
    "silent": ("s", "#de8f05"),
    "recovered": ("^", "#029e73"),
    "not_recovered": ("v", "#d55e00"),
}
CAUSE_COLOURS = {"anyway": "0.75", "error": "#0173b2", "treatment": "#d55e00"}


def set_look() -> None:
    """Set the look of all figures of a notebook: once, at its start.

    The palette is seaborn's ``colorblind``.
    """
    sns.set_theme(
        context="notebook", style="whitegrid", palette="colorblind",
        rc={"axes.spines.top": False, "axes.spines.right": False,
            "figure.dpi": 110, "axes.titlesize": "medium"},
    )  # fmt: skip


def spell(name: object) -> str:
    """Return a name as a figure's text: no mathematics, and never hidden."""
    # A legend leaves out what begins with an underscore.
    text = say(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def plot_intervals(
    table: pd.DataFrame,
    *,
    label: str,
    xlabel: str,
    hue: str | None = None,
    percent: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates with their intervals, one row a label, the first row on top.

    Parameters
    ----------
    table : DataFrame
        With ``estimate, ci_low, ci_high``, and the columns named below.
    label : str
        Column that names the rows.
    xlabel : str
        What the estimates measure, with unit and sign convention.
    hue : str, optional
        Column that tells several estimates of one row apart.
    percent : bool, optional
        Whether shares are written as percent.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the table is empty or a column is not there.
    """
    require(table, [label, "estimate", "ci_low", "ci_high"] + ([hue] if hue else []))
    rows = list(dict.fromkeys(table[label]))
    groups = list(dict.fromkeys(table[hue])) if hue else [None]
    if ax is None:
        height = 0.9 + 0.3 * len(rows) * max(1, len(groups)) ** 0.7
        _, ax = plt.subplots(figsize=(NARROW + 1.0, height))
    colours = sns.color_palette("colorblind", len(groups))
    markers = ["o", "s", "D", "^", "v", "P"]
    ax.axvline(0.0, **ZERO)
    for g, group in enumerate(groups):
        part = table if group is None else table[table[hue] == group]
        shift = 0.0 if len(groups) == 1 else 0.5 * (g / (len(groups) - 1) - 0.5)
        places = np.array([rows.index(name) for name in part[label]]) + shift
        below = part["estimate"] - part["ci_low"]
        above = part["ci_high"] - part["estimate"]
        # At a low level a skewed interval can lie beside its own estimate.
        beside = ((below < 0.0) | (above < 0.0)).to_numpy()
        below, above = below.mask(beside), above.mask(beside)
        ax.hlines(places[beside], part["ci_low"][beside], part["ci_high"][beside],
                  color=colours[g])  # fmt: skip
        ax.errorbar(
            part["estimate"], places, xerr=[below, above],
            fmt=markers[g % len(markers)], color=colours[g], capsize=3, markersize=5,
            label=None if group is None else spell(group),
        )  # fmt: skip
    name_rows(ax, rows)
    ax.set_xlabel(xlabel)
    if percent:
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    if hue:
        put_legend_above(ax, len(groups))
    return ax


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Write the names beside rows 0, 1, 2 ... and turn the axis: the first on top."""
    ax.set_yticks(range(len(names)), [spell(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)


def put_legend_above(ax: Axes, n_columns: int) -> None:
    """Put the legend above the axes, where it can hide nothing."""
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0),
              ncols=n_columns, borderaxespad=0.2)  # fmt: skip


def plot_retention(weeks: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share still a customer over the weeks, one line a policy.

    Parameters
    ----------
    weeks : DataFrame
        From `tabulate_weeks`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    require(weeks, ["policy", "week", "alive_share"])
    if ax is None:
        _, ax = plt.subplots(figsize=(WIDE - 1.0, 4.2))
    policies = list(weeks["policy"].unique())
    styles = ["-", "--", ":", "-."]
    colours = sns.color_palette("colorblind", max(len(policies), 1))
    last = []
    for k, policy in enumerate(policies):
        part = weeks[weeks["policy"] == policy]
        ax.plot(part["week"] + 1, part["alive_share"], color=colours[k],
                linestyle=styles[k % 4], linewidth=1.8)  # fmt: skip
        last.append((float(part["alive_share"].iloc[-1]), policy, colours[k]))
    end = float(weeks["week"].max()) + 1.0
    ax.set_xlim(0.0, end)
    name_lines(ax, last, x=1.01 * end)
    ax.set_xlabel("week")
    ax.set_ylabel("still a customer")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return ax


def name_lines(ax: Axes, ends: Sequence[tuple[float, str, tuple]], *, x: float) -> None:
    """Write each line's name at its end, names pushed apart where lines are close."""
    low, high = ax.get_ylim()
    gap = 0.055 * (high - low)
    at = np.inf
    for y, name, colour in sorted(ends, reverse=True):
        at = min(y, at - gap)
        ax.text(x, at, spell(name), color=colour, va="center", fontsize="small")


def plot_departures(departures: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw who left and why, as shares of all customers, one bar a policy.

    Parameters
    ----------
    departures : DataFrame
        From `tabulate_departures`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    require(departures, ["policy", "cause", "n_cause", "n_customers"])
    policies = list(dict.fromkeys(departures["policy"]))
    if ax is None:
        _, ax = plt.subplots(figsize=(WIDE - 1.0, 1.2 + 0.4 * len(policies)))
    start = np.zeros(len(policies))
    hatches = {"anyway": "", "error": "//", "treatment": ".."}
    for cause, colour in CAUSE_COLOURS.items():
        part = departures[departures["cause"] == cause].set_index("policy")
        share = (part["n_cause"] / part["n_customers"]).reindex(policies).to_numpy()
        ax.barh(range(len(policies)), share, left=start, color=colour,
                hatch=hatches[cause], edgecolor="white", label=cause)  # fmt: skip
        start = start + share
    ax.set_yticks(range(len(policies)), [spell(name) for name in policies])
    ax.invert_yaxis()
    ax.set_xlabel("share of all customers who left")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    put_legend_above(ax, len(CAUSE_COLOURS))
    return ax


def plot_life(orders: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw one customer's loyalty order by order, one line a policy.

    Parameters
    ----------
    orders : DataFrame
        From `tabulate_orders`, of one customer.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the table holds more than one customer.
    """
    require(orders, ["policy", "customer", "week", "outcome", "loyalty", "left"])
    customers = orders["customer"].unique()
    if len(customers) > 1:
        raise ValueError(
            f"one life at a time; the table holds {len(customers)} "
            "customers. Ask tabulate_orders for customers=[7]."
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(WIDE, 4.0))
    colours = sns.color_palette("colorblind")
    ax.axhline(0.0, **ZERO)
    styles = ["-", "--", ":", "-."]
    for k, (policy, life) in enumerate(orders.groupby("policy", observed=True)):
        ax.step(life["week"], life["loyalty"], where="post", color=colours[k],
                linestyle=styles[k % 4], label=spell(policy))  # fmt: skip
        gone = life[life["left"]]
        name = f"leaves ({spell(policy)})" if len(gone) else None
        ax.plot(gone["week"], gone["loyalty"], "x", color=colours[k], markersize=11,
                markeredgewidth=2.5, label=name)  # fmt: skip
    for outcome, (marker, colour) in OUTCOME_MARKS.items():
        part = orders[orders["outcome"] == outcome]
        name = spell(outcome) if len(part) else None
        ax.plot(part["week"], part["loyalty"], marker, color=colour, markersize=6,
                linestyle="none", label=name)  # fmt: skip
    ax.set_xlabel("week")
    ax.set_ylabel("loyalty after the order\n(0: a new customer's)")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_groups(
    table: pd.DataFrame, *, xlabel: str, percent: bool = False, ax: Axes | None = None
) -> Axes:
    """Draw what an effect looks like, beside what it is, for each index outcome.

    Parameters
    ----------
    table : DataFrame
        ``group, view, estimate, ci_low, ci_high``; views such as as compared and true.
    xlabel : str
        What is measured, with its unit.
    percent : bool, optional
        Whether shares are written as percent.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    return plot_intervals(
        table, label="group", hue="view", xlabel=xlabel, percent=percent, ax=ax
    )


def require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table without rows or without a column that is drawn."""
    for column in columns:
        if column not in table:
            raise ValueError(f"the table has no column {column!r}; it has {[*table]}.")
    if table.empty:
        raise ValueError("the table has no rows; there is nothing to draw.")


def plot_boundary(worlds: Sequence[World], *, ax: Axes | None = None) -> Axes:
    """Draw where trust ends higher after a failure made good than without one.

    Parameters
    ----------
    worlds : sequence of World
        Marked on the map; each with the lesson of a plain answer and of one with full
        follow-up, no cause being communicated.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW, 4.5))
    colours = sns.color_palette("colorblind")
    reach = 1.0
    for k, world in enumerate(worlds):
        known = world["prior_recovery_a"] + world["prior_recovery_b"]
        plain = world["prior_failure_a"] * world["recovery_weight"]
        followed = plain * (1.0 + world["follow_up_weight"])
        ax.plot([known, known], [plain, followed], color=colours[k], linewidth=2,
                marker=["o", "s", "D"][k % 3], label=spell(world.name))  # fmt: skip
        reach = max(reach, 1.3 * known, 1.3 * followed)
    line = np.array([0.0, reach])
    ax.plot(line, line, color="0.3", linewidth=1)
    ax.fill_between(line, line, reach, color=colours[2], alpha=0.12, linewidth=0)
    ax.text(0.04 * reach, 0.92 * reach, "trust gains by a failure made good")
    ax.text(0.96 * reach, 0.05 * reach, "trust loses all the same", ha="right")
    ax.set(xlim=(0, reach), ylim=(0, reach))
    ax.set_xlabel("how well known the firm's way of treating people is ($a_r + b_r$)")
    ax.set_ylabel("failures taken for granted\ntimes the lesson ($a_f w$)")
    ax.legend(frameon=False, loc="center right")
    return ax


def plot_fit(fit: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far each figure is from its target, in widths of what counts as met.

    Parameters
    ----------
    fit : DataFrame
        From `check_targets` of the ``claims`` world, or `Calibration.fit`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    require(fit, ["moment", "target", "achieved", "std_error", "low", "high"])
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW + 1.0, 1.2 + 0.35 * len(fit)))
    over = fit["achieved"] > fit["target"]
    width = (fit["high"] - fit["target"]).where(over, fit["target"] - fit["low"])
    places = range(len(fit))
    ax.axvspan(-1.0, 1.0, color=sns.color_palette("colorblind")[2], alpha=0.15,
               label="counts as met")  # fmt: skip
    ax.axvline(0.0, **ZERO)
    ax.errorbar((fit["achieved"] - fit["target"]) / width, places,
                xerr=1.96 * fit["std_error"] / width, fmt="o", capsize=3,
                color=sns.color_palette("colorblind")[0])  # fmt: skip
    ax.set_yticks(places, [spell(name) for name in fit["moment"]])
    ax.invert_yaxis()
    ax.set_xlabel("achieved minus target, in widths of what counts as met")
    put_legend_above(ax, 1)
    return ax


def plot_curve(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    xlabel: str,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw named curves on common axes, with zero marked.

    Parameters
    ----------
    curves : mapping of str to (array, array)
        Places and heights by name.
    xlabel, ylabel : str
        What the axes measure, with units.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW, 3.6))
    ax.axhline(0.0, **ZERO)
    for k, (name, (x, y)) in enumerate(curves.items()):
        ax.plot(x, y, linestyle=["-", "--", ":", "-."][k % 4], label=spell(name))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if len(curves) > 1:
        ax.legend(frameon=False)
    return ax
