"""What says which run of a report is its last good one: a text, and what follows it.

``reports/NAME/latest.txt`` holds the id of the run. The link ``latest``, the page
``latest.html`` and their like in ``reports/latest/`` are for people who browse; they
are made anew whenever they do not lead where the text does. A copy that follows links
turns a link into a folder that never changes again; such a folder is a run by its
record, and is turned into a link again.
"""

from __future__ import annotations

import filecmp
import json
import logging
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from recovery_research.atomic_files import put_in_place, rename_synced
from recovery_research.reports.report_folders import (
    LATEST,
    is_run_id,
    read_within,
    write_shared,
)

_log = logging.getLogger("recovery_research.reports.latest")
TRASH = ".trash-"
_PAGE = (
    '<!doctype html><meta charset="utf-8"><title>latest report</title>'
    '<meta http-equiv="refresh" content="0; url={0}/report.html">'
    '<a href="{0}/report.html">latest report</a>\n'
)
# Added beside a run when it is long finished, so a copy need not have the newest.
_NOTES = frozenset({"checked.json", "notices.json"})
_MOST_BYTES = 200


class Pointer:
    """A link and a page that lead to one folder, and perhaps the text that names it.

    Parameters
    ----------
    link : Path
        Place of the link; page and text stand beside it.
    before : str, optional
        What makes an address of a run's id there. With it there is no text: the one
        beside the runs is enough.
    """

    def __init__(self, link: Path, before: str = "") -> None:
        self.link, self._before = link, before
        self.text, self.page = (
            link.with_name(f"{link.name}{ending}") for ending in (".txt", ".html")
        )

    def read(self) -> str | None:
        """Return the id of the run that the text names; None if it names none."""
        said = _read_text(self.text).strip()
        return said if is_run_id(said) else None

    def is_right(self, run_id: str | None) -> bool:
        """Return whether all of it leads to a run, as far as that can be had."""
        if run_id is None:
            return not any(map(os.path.lexists, (self.text, self.page))) and (
                not self.link.is_symlink()
            )
        target = self._before + run_id
        if self.link.is_symlink():
            leads = os.readlink(self.link) == target
        else:
            leads = os.path.lexists(self.link) and self.find_copy() is None
        said = self._say(target).items()
        return leads and all(_read_text(path) == text for path, text in said)

    def write(self, run_id: str | None) -> None:
        """Have all of it lead to a run, the text first."""
        if run_id is None:
            for path in (self.text, self.page):
                path.unlink(missing_ok=True)
            if self.link.is_symlink():
                self.link.unlink()
            return
        target = self._before + run_id
        for path, text in self._say(target).items():
            if _read_text(path) != text:
                write_shared(path, text)
        if self._before:
            self.text.unlink(missing_ok=True)
        if self.link.is_symlink():
            if os.readlink(self.link) != target:
                _make_link(self.link, target)
        elif os.path.lexists(self.link):
            _log.warning(
                "%s is no link and was left alone; %s beside it leads to the last good "
                "report",
                self.link,
                self.page.name,
            )
        else:
            _make_link(self.link, target)

    def _say(self, target: str) -> dict[Path, str]:
        text = {} if self._before else {self.text: f"{target}\n"}
        return text | {self.page: _PAGE.format(target)}

    def find_copy(self) -> str | None:
        """Return the id of the run of which a copy stands in the link's place."""
        if self.link.is_symlink() or not self.link.is_dir():
            # Some programs keep a link as a file that holds where it led.
            said = _read_text(self.link).strip().removeprefix(self._before)
            return said if is_run_id(said) else None
        with suppress(OSError, ValueError, RecursionError):
            record = json.loads(read_within(self.link, "run.json"))
            if isinstance(record, dict) and record.get("verdict") == "succeeded":
                run_id = record.get("run_id")
                return run_id if is_run_id(run_id) else None
        return None

    def thaw(self, shelf: Path) -> None:
        """Take away a copy of a run that stands in the link's place; lose nothing."""
        run_id = self.find_copy()
        if run_id is None:
            return
        if not self.link.is_dir():
            self.link.unlink()
            return
        original = shelf / run_id
        if not os.path.lexists(original):
            put_in_place(self.link, original)
        elif _holds_all(original, self.link):
            trash = self.link.with_name(f"{TRASH}{secrets.token_hex(3)}")
            rename_synced(self.link, trash)
            shutil.rmtree(trash, ignore_errors=True)
        else:
            aside = self.link.with_name(f"{LATEST}-{run_id}-{secrets.token_hex(3)}")
            rename_synced(self.link, aside)
            _log.warning("%s differs from the run it was copied from; kept", aside)


def _make_link(link: Path, target: str) -> None:
    fresh = link.with_name(f".{link.name}-{secrets.token_hex(3)}")
    try:
        fresh.symlink_to(target, target_is_directory=True)
        rename_synced(fresh, link)
    except (OSError, NotImplementedError):
        with suppress(OSError):
            fresh.unlink()
        # One that leads elsewhere is worse than none; the page is there.
        with suppress(OSError):
            if link.is_symlink():
                link.unlink()


def _read_text(path: Path) -> str:
    with suppress(OSError, ValueError):
        return read_within(path.parent, path.name, most=_MOST_BYTES * 10).decode()
    return ""


def _holds_all(original: Path, copy: Path) -> bool:
    """Return whether a run has every file that a copy of it has, to the byte."""
    for parent, folders, names in os.walk(copy):
        inside = Path(parent).relative_to(copy)
        for name in names:
            if name.startswith(".") or name in _NOTES:
                continue
            one, other = Path(parent) / name, original / inside / name
            try:
                if not filecmp.cmp(one, other, shallow=False):
                    return False
            except OSError:
                return False
        if any((Path(parent) / folder).is_symlink() for folder in folders):
            return False
    return True
