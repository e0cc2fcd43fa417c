"""The log that each run keeps beside its report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recovery_research.reporting.masks import mask_text
from recovery_research.terminal_texts import calm

LOG_FILE = "run.log"
LOG_FORM = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
LOG_TIME = "%Y-%m-%dT%H:%M:%S"


@contextmanager
def keep_log(folder: Path, secrets: list[str]) -> Iterator[logging.Logger]:
    """Log one run into its folder, and to whoever listens to the reporting room.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    secrets : list of str
        What must not be seen in it.

    Yields
    ------
    Logger
    """
    log = logging.Logger(f"recovery_research.reporting.{folder.name}", logging.INFO)
    log.parent = logging.getLogger("recovery_research.reporting")
    log.addFilter(_Masking(secrets))
    handler = _QuietHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter(LOG_FORM, LOG_TIME))
    handler.formatter.converter = time.gmtime  # as all times of a record
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()


class _Masking(logging.Filter):
    """Writes out each message, masks secrets in it, and lets it pass."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self.secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        text = mask_text(record.getMessage(), self.secrets)
        record.msg, record.args = calm(text), None
        if record.exc_info:
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text = calm(mask_text(told, self.secrets))
        return True


class _QuietHandler(logging.FileHandler):
    """A log on a full disk loses lines; it does not take the report with it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            self.stream = None
