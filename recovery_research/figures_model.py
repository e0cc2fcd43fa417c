"""Figures of the model itself: its curves, its boundary, and how well it was fitted."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .figures import NARROW, ZERO, put_legend_above, require, spell
from .worlds import World


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
