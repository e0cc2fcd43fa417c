"""Small drawings for the index: a figure over the last runs, and how these ended."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 96, 22, 3
SQUARE, GAP = 9, 3


def draw_trend(values: Sequence[float], *, said: str) -> Markup:
    """Draw numbers as a line, oldest first, with a dot on the last.

    Parameters
    ----------
    values : sequence of float
        Finite numbers.
    said : str
        What the drawing shows, for readers who cannot see it.

    Returns
    -------
    Markup
        SVG; empty for fewer than two numbers.
    """
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    scale = max(abs(low), abs(high), 1e-300)
    # Differences below the digits shown are drawn as no difference.
    spread = (high / scale - low / scale) if high / scale - low / scale > 1e-9 else 0.0
    points = []
    for i, value in enumerate(values):
        x = MARGIN + i * (WIDTH - 2 * MARGIN) / (len(values) - 1)
        share = ((value / scale - low / scale) / spread) if spread else 0.5
        points.append((x, MARGIN + (1 - share) * (HEIGHT - 2 * MARGIN)))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    # Escaped above; every other part is a number.
    return Markup(
        f'<svg class="trend" role="img" aria-label="{escape(said)}" '
        f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/></svg>'
    )


def draw_endings(good: Sequence[bool]) -> Markup:
    """Draw how the last runs ended, oldest first: a square, or a cross on one.

    Parameters
    ----------
    good : sequence of bool
        Whether each succeeded.

    Returns
    -------
    Markup
        SVG.
    """
    n_failed = sum(not each for each in good)
    runs = "run" if len(good) == 1 else "runs"
    said = f"last {len(good)} {runs}: {len(good) - n_failed} succeeded"
    said += f", {n_failed} failed" if n_failed else ""
    width = len(good) * (SQUARE + GAP)
    marks = []
    for i, each in enumerate(good):
        x = i * (SQUARE + GAP)
        if each:
            box = f'<rect class="good" x="{x}" y="1" width="{SQUARE}" height="{SQUARE}"'
            marks.append(f'{box} rx="2"/>')
        else:
            e, low, high = x + SQUARE, 1, 1 + SQUARE
            path = f"M{x} {low}L{e} {high}M{e} {low}L{x} {high}"
            marks.append(f'<path class="bad" d="{path}"/>')
    return Markup(
        f'<svg class="endings" role="img" aria-label="{said}" width="{width}" '
        f'height="11" viewBox="0 0 {width} 11">{"".join(marks)}</svg>'
    )
