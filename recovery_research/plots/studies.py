"""Figures of studies: what they find, beside what there was to be found."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from recovery_research.plots.simulated import (
    NARROW,
    WIDE,
    ZERO,
    name_rows,
    put_legend_above,
    require,
    spell,
)

MARKS = {"naive": ("o", "#d55e00"), "adjusted": ("s", "#0173b2")}
TRUTH: dict[str, Any] = {
    "color": "black",
    "marker": "|",
    "markersize": 16,
    "markeredgewidth": 2.5,
}


def plot_findings(
    findings: pd.DataFrame, *, xlabel: str, ax: Axes | None = None
) -> Axes:
    """Draw what studies find, and how far they scatter, beside the truth.

    Parameters
    ----------
    findings : DataFrame
        From `tabulate_findings`, of one world: ``sampled, view, estimate, low,
        high``, the view being ``truth`` or an estimator's kind.
    xlabel : str
        What is estimated, with unit and sign convention.
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
    require(findings, ["sampled", "view", "estimate", "low", "high"])
    rows = list(dict.fromkeys(findings["sampled"]))
    views = [v for v in dict.fromkeys(findings["view"]) if v != "truth"]
    if ax is None:
        _, ax = plt.subplots(figsize=(WIDE - 1.0, 1.2 + 0.55 * len(rows)))
    ax.axvline(0.0, **ZERO)
    for k, view in enumerate(views):
        part = findings[findings["view"] == view]
        places = np.array([rows.index(name) for name in part["sampled"]])
        shift = 0.3 * (k / max(1, len(views) - 1) - 0.5)
        marker, colour = MARKS.get(view, ("D", "0.4"))
        reach = [part["estimate"] - part["low"], part["high"] - part["estimate"]]
        ax.errorbar(
            part["estimate"], places + shift, xerr=np.maximum(reach, 0.0), fmt=marker,
            color=colour, capsize=3, markersize=6, label=spell(view),
        )  # fmt: skip
    truth = findings[findings["view"] == "truth"]
    ax.plot(
        truth["estimate"], [rows.index(name) for name in truth["sampled"]],
        linestyle="none", label="truth", zorder=5, **TRUTH,
    )  # fmt: skip
    name_rows(ax, rows)
    ax.set_xlabel(xlabel)
    put_legend_above(ax, len(views) + 1)
    return ax


def plot_findings_by_world(findings: pd.DataFrame, *, xlabel: str) -> Figure:
    """Draw `plot_findings` once for each world, side by side on one scale.

    Parameters
    ----------
    findings : DataFrame
        As in `plot_findings`, with ``world``.
    xlabel : str
        What is estimated, with unit and sign convention.

    Returns
    -------
    Figure
    """
    require(findings, ["world"])
    worlds = list(dict.fromkeys(findings["world"]))
    n_rows = findings["sampled"].nunique()
    figure, axes = plt.subplots(
        1, len(worlds), figsize=(WIDE + 1.0, 1.4 + 0.55 * n_rows), sharex=True,
        sharey=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for ax, world in zip(axes[0], worlds, strict=True):
        plot_findings(findings[findings["world"] == world], xlabel=xlabel, ax=ax)
        ax.get_legend().remove()
        ax.set_title(f"world of the {spell(world)}", loc="left")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels),
                  frameon=False)  # fmt: skip
    return figure


def plot_sample_sizes(sizes: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many customers a group takes, by how much their spend varies.

    Parameters
    ----------
    sizes : DataFrame
        ``variation`` (standard deviation over mean) and ``n_treated``.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
    """
    require(sizes, ["variation", "n_treated"])
    if ax is None:
        _, ax = plt.subplots(figsize=(NARROW + 0.5, 3.6))
    ax.plot(sizes["variation"], sizes["n_treated"], marker="o", color="#0173b2")
    for row in sizes.itertuples():
        ax.annotate(f"{row.n_treated:,.0f}", (row.variation, row.n_treated),
                    xytext=(8, -4), textcoords="offset points",
                    fontsize="small", va="top")  # fmt: skip
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(0.0, 1.2 * float(sizes["variation"].max()))
    ax.set_xlabel("spread of spend as a multiple of its mean")
    ax.set_ylabel("customers in each group")
    return ax
