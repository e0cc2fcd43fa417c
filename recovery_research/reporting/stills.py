"""Still pictures of interactive figures, drawn by their own libraries where installed.

A library draws in a process of its own, with a time limit: some start a browser.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec

STILL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Interactive:
    """A kind of output that needs a script to be seen.

    Attributes
    ----------
    name : str
        What it is called on a page.
    modules : tuple of str
        What must be installed to draw it; empty if nothing can.
    program : str
        Reads it as JSON and writes SVG.
    advice : str
        What the author of a notebook can do instead.
    """

    name: str
    modules: tuple[str, ...] = ()
    program: str = ""
    advice: str = "show a picture of it as well"


_PLOTLY = """
import json, sys
import plotly.io
found = json.load(sys.stdin)
figure = {"data": found.get("data", []), "layout": found.get("layout", {})}
sys.stdout.buffer.write(plotly.io.to_image(figure, format="svg", validate=False))
"""
_VEGA = """
import json, sys
import vl_convert
svg = vl_convert.{0}_to_svg(json.load(sys.stdin), allowed_base_urls=[])
sys.stdout.buffer.write(svg.encode("utf-8"))
"""
_VEGA_ADVICE = "install vl-convert-python to have its picture here"
_KINDS = (
    (
        r"application/vnd\.plotly\.v\d+\+json",
        Interactive(
            "an interactive figure (Plotly)",
            ("plotly", "kaleido"),
            _PLOTLY,
            "install plotly and kaleido to have its picture here",
        ),
    ),
    *(
        (
            rf"application/vnd\.{kind}\.v\d+(\.\d+)*\+json",
            Interactive(
                f"an interactive figure ({name})",
                ("vl_convert",),
                _VEGA.format(kind),
                _VEGA_ADVICE,
            ),
        )
        for kind, name in (("vegalite", "Vega-Lite, Altair"), ("vega", "Vega"))
    ),
    (
        r"application/vnd\.bokehjs_\w+\.v\d+\+json",
        Interactive("what Bokeh draws by script"),
    ),
    (
        r"application/vnd\.holoviews_\w+\.v\d+\+json",
        Interactive("what HoloViews draws by script"),
    ),
    (
        r"application/vnd\.jupyter\.widget-(view|state)\+json",
        Interactive("a widget", advice="show its result as a table or a picture"),
    ),
)


class NoStillError(RuntimeError):
    """There is no still picture of an interactive figure."""


class SlowStillError(NoStillError):
    """Its library did not come to an end; it will not with the next figure either."""


def find_interactive(kinds: object) -> tuple[str, Interactive] | None:
    """Return the first kind of an output that needs a script to be seen.

    Parameters
    ----------
    kinds : iterable of str
        Media types of the output.

    Returns
    -------
    tuple of str and Interactive, or None
    """
    for kind in kinds:
        for pattern, interactive in _KINDS:
            if re.fullmatch(pattern, kind):
                return kind, interactive
    return None


def draw_still(interactive: Interactive, content: object) -> str:
    """Draw an interactive figure once.

    Parameters
    ----------
    interactive : Interactive
        Its kind.
    content : object
        The figure, as its library describes it.

    Returns
    -------
    str
        SVG, not cleaned.

    Raises
    ------
    NoStillError
        With what to do, if it cannot be drawn here.
    """
    if not interactive.modules or not all(map(_is_installed, interactive.modules)):
        raise NoStillError(interactive.advice)
    try:
        given = json.dumps(content)
        with tempfile.TemporaryDirectory(prefix="rr-still-") as folder:
            done = subprocess.run(
                [sys.executable, "-I", "-c", interactive.program],
                input=given.encode(),
                capture_output=True,
                timeout=STILL_SECONDS,
                check=False,
                cwd=folder,
            )
    except subprocess.TimeoutExpired:
        raise SlowStillError(f"drawing it took more than {STILL_SECONDS} s") from None
    except (OSError, ValueError, RecursionError) as error:
        raise NoStillError(f"{type(error).__name__}: {error}"[:200]) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = lines[-1][:200] if lines else "it said nothing"
        raise NoStillError(f"it could not be drawn: {said}")
    return done.stdout.decode(errors="replace")


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
