"""What a kernel's process itself says, apart from the notebook's outputs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

LONGEST_LAST_WORDS = 4000
PIECE = 65_536
WAIT_SECONDS = 2.0


@dataclass
class LastWords:
    """The end of what was said, and never more of it.

    A file would do, but for a notebook whose children print gigabytes.
    """

    said: bytes = b""

    @contextmanager
    def hear(self) -> Iterator[int]:
        """Listen while the block runs.

        Yields
        ------
        int
            Handle to write to, for the standard output of a process.
        """
        reading, writing = os.pipe()
        thread = threading.Thread(target=self._listen, args=[reading], daemon=True)
        thread.start()
        try:
            yield writing
        finally:
            os.close(writing)
            # Not for ever: a process that nobody knows may hold the other end.
            thread.join(WAIT_SECONDS)

    def text(self) -> str:
        """Return what was said last.

        Returns
        -------
        str
        """
        return self.said[-LONGEST_LAST_WORDS:].decode(errors="replace").strip()

    def _listen(self, handle: int) -> None:
        with suppress(OSError):
            while piece := os.read(handle, PIECE):
                self.said = (self.said + piece)[-LONGEST_LAST_WORDS:]
        os.close(handle)
