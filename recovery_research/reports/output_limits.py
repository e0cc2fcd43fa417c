"""What a running notebook says, cut where it floods, and heard as it comes."""

from __future__ import annotations

import re
from collections.abc import Callable

from recovery_research.texts import strip_sequences

LONGEST_TEXT = 1_000_000
LARGEST_OUTPUTS = 200_000_000
LONGEST_HEARD = 2000
DEEPEST = 100
CUT = "\n[cut here: a cell's text is kept up to {0:,} characters]\n"
_WORDS: dict[type, str] = {dict: "table", str: "text"}
_JSON_KIND = re.compile(r"application/(.*\+)?json")


class OutputGuard:
    """Stands between the kernel's messages and the notebook.

    Text that a cell prints beyond a million characters is cut, with a note in its
    place. Tables and figures are never cut; if they come to more than 200 million
    characters, the report cannot be whole and the run is stopped. What no notebook
    file can hold, such as a picture that is a number, is left out and told.

    Parameters
    ----------
    hear : callable
        Told each line of output as it comes.
    refuse : callable
        Told in words why the run cannot go on.
    """

    def __init__(
        self, hear: Callable[[str], None], refuse: Callable[[str], None]
    ) -> None:
        self._hear, self._refuse = hear, refuse
        self._texts: dict[int, int] = {}
        self._total = 0
        self._line = ""
        self.cut_cells: list[int] = []
        self.left_out: list[tuple[int, str]] = []

    def admit(self, message: dict, cell: int) -> bool:
        """Look at a message before the notebook gets it; shorten it if need be."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            return self._admit_text(content, cell)
        if kind in ("display_data", "execute_result", "update_display_data"):
            self._mend_data(content, cell)
            return self._admit_data(content)
        if kind == "error":
            _mend_error(content)
        return True

    def end_cell(self) -> None:
        """Let the last line of a cell be heard, though it has no end."""
        if self._line.strip():
            self._hear(_tidy(self._line))
        self._line = ""

    def _admit_text(self, content: dict, cell: int) -> bool:
        left = LONGEST_TEXT - self._texts.get(cell, 0)
        text = content["text"]
        if cell in self.cut_cells:
            return False
        self._texts[cell] = self._texts.get(cell, 0) + len(text)
        if len(text) > left:
            text = content["text"] = text[:left] + CUT.format(LONGEST_TEXT)
            self.cut_cells.append(cell)
        *lines, rest = (self._line + text).split("\n")
        for line in lines:
            self._hear(_tidy(line))
        # A line without an end must not be copied whole with every piece that comes.
        self._line = rest if len(rest) <= LONGEST_HEARD else _tidy(rest)
        return True

    def _mend_data(self, content: dict, cell: int) -> None:
        """Leave out what no notebook file can hold, with a note in its place."""
        if not isinstance(content.get("data"), dict):
            content["data"] = {}
        notes, data = [], content["data"]
        for kind, value in list(data.items()):
            if isinstance(value, list) and all(isinstance(v, str) for v in value):
                value = data[kind] = "".join(value)
            why = _find_fault(value, object if _JSON_KIND.fullmatch(kind) else str)
            if why:
                del data[kind]
                notes.append(f"{kind} that {why}")
        why = _find_fault(content.get("metadata"), dict)
        if why:
            content["metadata"] = {}
            notes.append(f"metadata that {why}")
        self.left_out += [(cell, f"shows {note}; left out") for note in notes]
        if notes and data.keys() <= {"text/plain"}:
            note = f"[left out: {', '.join(notes)}]"
            data["text/plain"] = "\n".join(filter(None, [data.get("text/plain"), note]))

    def _admit_data(self, content: dict) -> bool:
        data = content.get("data", {})
        self._total += sum(len(str(value)) for value in data.values())
        if self._total > LARGEST_OUTPUTS:
            self._refuse(
                f"the report's outputs are more than {LARGEST_OUTPUTS:,} characters"
            )
            return False
        for line in str(data.get("text/plain", ""))[:LONGEST_HEARD].splitlines():
            self._hear(_tidy(line))
        return True


def _mend_error(content: dict) -> None:
    """Make texts of what an exception says of itself, which may be anything."""
    for part in ("ename", "evalue"):
        content[part] = str(content.get(part) or "")
    traceback = content.get("traceback")
    lines = traceback if isinstance(traceback, list) else []
    content["traceback"] = [str(line) for line in lines]


def _find_fault(value: object, wanted: type) -> str:
    """Say why a notebook cannot hold a part of an output; empty if it can."""
    if not isinstance(value, wanted):
        return f"is no {_WORDS[wanted]}"
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return ""
    return f"is nested more than {DEEPEST} levels deep"


def _tidy(line: str) -> str:
    """Return a line without colours and without what was written over."""
    line = line.rstrip("\r").rpartition("\r")[2]
    return strip_sequences(line[: 2 * LONGEST_HEARD])[:LONGEST_HEARD]


def join_streams(outputs: list[dict]) -> list[dict]:
    """Join what a cell printed piece by piece into one text a stream.

    The pieces come as the clock wills, and equal runs must give equal reports. This
    is what nbclient does, in time that grows with the text and not with the square of
    its longest line: there, a line of a million characters takes many minutes in
    which nothing else is heard.
    """
    joined: list[dict] = []
    streams: dict[str, dict] = {}
    pieces: dict[str, list[str]] = {}
    for output in outputs:
        if output["output_type"] != "stream":
            joined.append(output)
        elif output["name"] in streams:
            pieces[output["name"]].append(output["text"])
        else:
            joined.append(output)
            streams[output["name"]] = output
            pieces[output["name"]] = [output["text"]]
    for name, output in streams.items():
        output["text"] = _write_over("".join(pieces[name]))
    for index in range(len(joined) - 1):
        pair = joined[index : index + 2]
        if [part.get("name") for part in pair] == ["stderr", "stdout"]:
            joined[index : index + 2] = reversed(pair)
    return joined


def _write_over(text: str) -> str:
    """Drop what a carriage return has written over, line by line."""
    if "\r" not in text:
        return text
    return "\n".join(_keep_last(line) for line in text.split("\n"))


def _keep_last(line: str) -> str:
    ends = line.endswith("\r")
    last = line.rstrip("\r").rpartition("\r")[2]
    return f"{last}\r" if ends else last
