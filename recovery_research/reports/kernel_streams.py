"""What a notebook prints, cut within the kernel before it can flood the runner.

Imported by kernels, so it imports next to nothing itself.
"""

from __future__ import annotations

from collections import Counter

from ipykernel.iostream import OutStream

from recovery_research.reports.kernel_watch import listen
from recovery_research.reports.output_limits import LONGEST_TEXT

STREAM_CLASS = f"{__name__}.CutStream"


class CutStream(OutStream):
    """A kernel's standard output or error, of which a cell fills only so much.

    The kernel sends faster than the runner can read, and what is sent waits in the
    runner's memory: a gigabyte printed took more than two there. One character more
    than is kept is let through, by which the runner knows that it has to say so.
    """

    def __init__(self, *arguments, **options) -> None:
        # Before the stream itself, whose threads may write at once.
        self._said: Counter[str] = Counter()
        # The first thing of ours that a kernel makes, before the shell itself.
        listen()
        super().__init__(*arguments, **options)

    def write(self, string: str) -> int:
        """Write a text, or as much of it as the cell has room for."""
        if not isinstance(string, str):
            return super().write(string)  # which refuses it
        cell = str(self.parent_header.get("msg_id"))
        left = LONGEST_TEXT + 1 - self._said[cell]
        self._said[cell] += len(string)
        if left > 0:
            super().write(string[:left])
        return len(string)
