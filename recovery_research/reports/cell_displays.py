"""What cells show, written for the page: each output, or what of it was left out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec

from nbformat import NotebookNode

from recovery_research.exhibits import METADATA_KEY
from recovery_research.reports.drawings import (
    NO_DESCRIPTION,
    NO_DRAWING,
    DrawingError,
    clean_svg,
    write_address,
)
from recovery_research.reports.html_cleaning import strip_tags
from recovery_research.reports.notebook_html import Prose, write_mathml
from recovery_research.texts import strip_sequences

LONGEST_JSON = 100_000
PICTURES = ("svg+xml", "png", "jpeg", "gif", "webp", "bmp")
# How a warning begins: with a place on the computer it ran on, which tells nobody.
_PLACE = re.compile(r"^(?:[A-Za-z]:)?[/\\][^\n]*?\.py:\d+: (?=\w+: )", re.MULTILINE)
_SEEN = re.compile(r"<(img|svg|math|hr|progress|meter)[\s>]")
# What Python says of an object that has no text of its own.
_ADDRESS_ONLY = re.compile(r"<[\w.]+( object)?( at 0x[0-9a-f]+)?>")
_ONLY_TEX = re.compile(r"\s*(\$\$?)([^$]+)\1\s*")


@dataclass
class Displays:
    """Writes the outputs of cells.

    Attributes
    ----------
    prose : Prose
        Writes Markdown, and holds the page's cleaner, which is told what is left out.
    """

    prose: Prose
    _given_up: set[str] = field(default_factory=set)

    def write(self, output: NotebookNode) -> str:
        """Write an output of a cell."""
        if output.output_type == "stream":
            text = write_plain(_PLACE.sub("", output.text))
            if output.name != "stderr":
                return text
            summary = "<summary>Messages</summary>"
            return f'<details class="messages">{summary}{text}</details>'
        if output.output_type == "error":
            return write_plain("\n".join(output.traceback), kind="traceback")
        data, marks = dict(output.data), output.get("metadata", {})
        self._note_figure(data, marks)
        found = find_interactive(data)
        if found is not None:
            return self._write_interactive(*found, data, marks)
        return self._write_best(data, marks)

    def take_notes(self) -> tuple[str, ...]:
        """Return what was left out since the last time."""
        return tuple(self.prose.cleaner.take_notes())

    def _leave_out(self, what: str) -> None:
        self.prose.cleaner.notes.append(what)

    def _note_figure(self, data: dict, marks: dict) -> None:
        """Say what is left out of the file that keeps a figure."""
        own, svg = marks.get(METADATA_KEY), data.get("image/svg+xml")
        if not isinstance(own, dict) or not isinstance(svg, str):
            return
        notes: list[str] = []
        try:
            clean_svg(svg, notes)
        except DrawingError:
            notes.append(NO_DRAWING)
        for note in notes:
            self._leave_out(f"{note}, in figures/{own.get('name')}.svg")

    def _write_interactive(
        self, kind: str, interactive: Interactive, data: dict, marks: dict
    ) -> str:
        shown = self._write_picture(data, marks)
        if shown:
            return shown
        try:
            svg = self._draw(interactive, data.pop(kind))
            return self._write_picture({"image/svg+xml": svg}, marks)
        except NoStillError as error:
            self._leave_out(f"{interactive.name}; {error}")
        # That it is drawn by a script has been said.
        kept = self.prose.cleaner.notes
        before = len(kept)
        data.pop("application/javascript", None)
        shown = self._write_best(data, marks)
        kept[before:] = [note for note in kept[before:] if note != "a script"]
        return shown

    def _draw(self, interactive: Interactive, content: object) -> str:
        # Where a library hangs once it is not waited for again.
        if interactive.name in self._given_up:
            raise NoStillError("drawing one before it took too long")
        try:
            return draw_still(interactive, content)
        except SlowStillError:
            self._given_up.add(interactive.name)
            raise

    def _write_best(self, data: dict, marks: dict) -> str:
        texts = {k: v for k, v in data.items() if isinstance(v, str)}
        if "text/html" in texts:
            cleaner = self.prose.cleaner
            before = len(cleaner.notes)
            cleaned = cleaner.clean(texts["text/html"])
            if len(cleaner.notes) == before or _is_seen(cleaned):
                return f'<div class="output">{cleaned}</div>'
        if "text/markdown" in texts:
            written = self.prose.write_output(texts["text/markdown"])
            return f'<div class="output">{written}</div>'
        shown = self._write_picture(texts, marks)
        if shown:
            return shown
        if "text/latex" in texts:
            return self._write_latex(texts["text/latex"])
        if "application/json" in data:
            return self._write_json(data["application/json"])
        self._note_unknown(data)
        text = texts.get("text/plain", "")
        return "" if not text or _ADDRESS_ONLY.fullmatch(text) else write_plain(text)

    def _write_picture(self, data: dict, marks: dict) -> str:
        for kind in PICTURES:
            content = data.get(f"image/{kind}")
            if not isinstance(content, str):
                continue
            if kind != "svg+xml":
                source = re.sub(r"[^A-Za-z0-9+/=]", "", content)
                return write_figure(f"data:image/{kind};base64,{source}", marks)
            # The file of a figure has been looked at, and told about, already.
            notes = [] if METADATA_KEY in marks else self.prose.cleaner.notes
            try:
                return write_figure(write_address(clean_svg(content, notes)), marks)
            except DrawingError:
                notes.append(NO_DRAWING)
        return ""

    def _write_latex(self, tex: str) -> str:
        found = _ONLY_TEX.fullmatch(tex)
        if found is not None:
            return write_mathml(found[2].strip(), display=True)
        return f'<div class="output">{self.prose.write_output(tex)}</div>'

    def _write_json(self, value: object) -> str:
        try:
            text = json.dumps(value, indent=1, ensure_ascii=False)
        except (ValueError, TypeError, RecursionError):
            self._leave_out("JSON that is nested too deep")
            return ""
        if len(text) > LONGEST_JSON:
            self._leave_out(f"{len(text) - LONGEST_JSON:,} more characters of JSON")
        return write_plain(text[:LONGEST_JSON])

    def _note_unknown(self, data: dict) -> None:
        if "application/javascript" in data:
            self._leave_out("a script")
        known = ("application/javascript", "text/html", "text/plain")
        drawings = tuple(f"image/{kind}" for kind in PICTURES)
        for kind, content in data.items():
            if kind not in known and kind not in drawings and kind != "text/csv":
                self._leave_out(f"an output of the kind {str(kind)[:80]}")
            elif kind != "application/javascript" and not isinstance(content, str):
                self._leave_out(f"an output of the kind {kind} that is no text")


def write_plain(text: str, kind: str = "plain") -> str:
    """Write text as it is."""
    plain = escape(strip_sequences(text)).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f'<pre class="{kind}" tabindex="0">{plain}</pre>'


def write_figure(address: str, marks: dict) -> str:
    """Write a picture with the description that its marks have."""
    own = marks.get(METADATA_KEY, marks)
    alt = own.get("alt", NO_DESCRIPTION) if isinstance(own, dict) else NO_DESCRIPTION
    picture = f'<img alt="{escape(str(alt))}" src="{address}">'
    return f'<figure class="exhibit-figure">{picture}</figure>'


def _is_seen(html: str) -> bool:
    return _SEEN.search(html) is not None or bool(strip_tags(_drop_sheets(html)))


def _drop_sheets(html: str) -> str:
    return re.sub(r"<style>[^<]*</style>", "", html)


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


def find_interactive(kinds: Iterable[str]) -> tuple[str, Interactive] | None:
    """Return the first kind of an output that needs a script to be seen."""
    for kind in kinds:
        for pattern, interactive in _KINDS:
            if re.fullmatch(pattern, kind):
                return kind, interactive
    return None


def draw_still(interactive: Interactive, content: object) -> str:
    """Draw an interactive figure once."""
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
