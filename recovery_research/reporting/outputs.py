"""What a running notebook says, cut where it floods, and heard as it comes."""

from __future__ import annotations

from collections.abc import Callable

from recovery_research.terminal_texts import strip_sequences

LONGEST_TEXT = 1_000_000
LARGEST_OUTPUTS = 200_000_000
LONGEST_HEARD = 2000
CUT = "\n[cut here: a cell's text is kept up to {0:,} characters]\n"


class OutputGuard:
    """Stands between the kernel's messages and the notebook.

    Text that a cell prints beyond a million characters is cut, with a note in its
    place. Tables and figures are never cut; if they come to more than 200 million
    characters, the report cannot be whole and the run is stopped.

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

    def admit(self, message: dict, cell: int) -> bool:
        """Look at a message before the notebook gets it; shorten it if need be.

        Parameters
        ----------
        message : dict
            Message of the kernel; changed in place.
        cell : int
            Position of the cell.

        Returns
        -------
        bool
            Whether it goes on to the notebook.
        """
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            return self._admit_text(content, cell)
        if kind in ("display_data", "execute_result", "update_display_data"):
            return self._admit_data(content)
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

    Parameters
    ----------
    outputs : list of NotebookNode
        A cell's outputs; texts are changed in place.

    Returns
    -------
    list of NotebookNode
        Standard output before standard error, where they follow one another.
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
