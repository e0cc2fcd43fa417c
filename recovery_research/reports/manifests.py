"""What each host has published to a place, file by file, by content.

Every host writes a manifest of its own there, ``manifest-HOST.json``, so that two of
them need no lock between them, and nobody takes away what another has put.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from recovery_research.reports.records import CHECK_FILE
from recovery_research.reports.report_folders import (
    FAILED,
    RESERVED_NAMES,
    find_lost,
    is_run_id,
)
from recovery_research.reports.run_files import is_inner_path, is_plain_name
from recovery_research.reports.stores import Store

VERSION = 3
LONGEST_HOST = 60
# What was written before hosts were told apart: files of runs, and nobody's.
COMMON_FILE = "manifest.json"
_FILE = re.compile(r"manifest-([A-Za-z0-9][A-Za-z0-9._-]*)\.json")
# Of each run, named by its path, each file's size and SHA-256.
Files = dict[str, tuple[int, str]]


@dataclass(slots=True)
class Manifest:
    """What one host has put to a place.

    Attributes
    ----------
    runs : dict of str to dict
        Files of each run, by the run's path.
    told : dict of str to dict
        What an index tells of each run, if that is known.
    leaving : set of str
        Runs that are being taken away; no index leads to them.
    """

    runs: dict[str, Files] = field(default_factory=dict)
    told: dict[str, dict] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)

    def drop(self, place: str) -> None:
        """Forget a run."""
        self.runs.pop(place, None)
        self.told.pop(place, None)
        self.leaving.discard(place)

    def write(self) -> str:
        """Write it as JSON."""
        document = {
            "schema_version": VERSION,
            "runs": {place: self.runs[place] for place in sorted(self.runs)},
            "told": {place: self.told[place] for place in sorted(self.told)},
            "leaving": sorted(self.leaving),
        }
        return json.dumps(document, indent=0) + "\n"


def name_host(reports: Path, given: str | None = None) -> str:
    """Return the name under which a reports folder of this machine publishes."""
    if given is not None:
        if not _FILE.fullmatch(name_file(given)) or len(given) > LONGEST_HOST:
            raise ValueError(
                f"a host is named with letters, digits, dots, hyphens and underscores, "
                f"{LONGEST_HOST} at most, such as nightly-ci; got {given[:80]!r}."
            )
        return given
    node = platform.node()
    digest = hashlib.sha256(f"{node}\n{reports.resolve()}".encode()).hexdigest()[:8]
    words = re.sub(r"[^A-Za-z0-9]+", "-", node).strip("-")[:40] or "host"
    return f"{words}-{digest}"


def name_file(host: str) -> str:
    """Return the name of a host's manifest."""
    return f"manifest-{host}.json"


def list_manifests(names: Sequence[str] | Mapping[str, int]) -> dict[str, str]:
    """Return the files among some that are manifests, by host."""
    found = {name: _FILE.fullmatch(name) for name in names}
    return {match[1]: name for name, match in sorted(found.items()) if match}


def read_manifest(store: Store, name: str) -> Manifest:
    """Read what a host has put to a place; nothing of what cannot be told."""
    with suppress(FileNotFoundError):
        return parse_manifest(store.read(name))
    return Manifest()


def parse_manifest(content: bytes) -> Manifest:
    """Read a manifest; nothing of what leads elsewhere or cannot be understood."""
    made = Manifest()
    try:
        document = json.loads(content)
        if document["schema_version"] not in (2, VERSION):
            return made
        for place, files in document["runs"].items():
            if is_place(place):
                made.runs[place] = {
                    name: (int(size), str(sha))
                    for name, (size, sha) in files.items()
                    if is_inner_path(name)
                }
        told, leaving = document.get("told", {}), document.get("leaving", [])
        made.told = {
            place: said
            for place, said in told.items()
            if place in made.runs and isinstance(said, dict)
        }
        made.leaving = {place for place in leaving if place in made.runs}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Manifest()
    return made


def list_files(folder: Path) -> tuple[Files, list[str]]:
    """List a run's files with their content; the page last, the record before it."""
    found, left_out = {}, []
    for parent, folders, names in os.walk(folder):
        inside = Path(parent).relative_to(folder)
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in links
        )
        for name in (*names, *links):
            path, inner = Path(parent) / name, (inside / name).as_posix()
            # The note of the last check changes each day, and the index tells it.
            if name.startswith(".") or name == CHECK_FILE:
                continue
            if path.is_symlink() or not path.is_file() or not is_inner_path(inner):
                left_out.append(inner)
                continue
            with path.open("rb") as file:
                sha = hashlib.file_digest(file, "sha256").hexdigest()
                found[inner] = (file.tell(), sha)
    order = {"run.json": 1, "report.html": 2}
    return (
        dict(sorted(found.items(), key=lambda item: (order.get(item[0], 0), item))),
        sorted(left_out),
    )


def find_stale(
    place: str, files: Files, known: Mapping[str, Files], sizes: Mapping[str, int]
) -> list[str]:
    """Find the files of a run that are not at the destination as they are here."""
    before = known.get(place, {})
    return [
        name
        for name, now in files.items()
        if before.get(name) != now or sizes.get(f"{place}/{name}") != now[0]
    ]


def find_gone(
    reports: Path, known: Mapping[str, Files], only: Sequence[str] = ()
) -> list[str]:
    """Find the published runs that are no longer here, and whose turn to go it is.

    The newest good run of a report is not among them if there is none here: the last
    good report is never lost because a folder is empty or a disk is away.
    """
    newest: dict[str, str] = {}
    for place in sorted(known):
        report, *rest = place.split("/")
        if FAILED not in rest:
            newest[report] = place
    away = find_lost(reports)
    return [
        place
        for place in sorted(known)
        if not (reports / place).is_dir()
        and place not in newest.values()
        and place.partition("/")[0] not in away
        and (not only or place.partition("/")[0] in only)
    ]


def is_place(place: object) -> bool:
    """Return whether a text is the path of a finished run, and leads nowhere else.

    Examples
    --------
    >>> is_place("loyalty/failed/20260105-063000-1a2b3c"), is_place("../etc")
    (True, False)
    """
    parts = place.split("/") if isinstance(place, str) else []
    if len(parts) == 3 and parts[1] == FAILED:
        del parts[1]
    return (
        len(parts) == 2
        and all(map(is_plain_name, parts))
        and not parts[0].startswith(".")
        and parts[0] not in RESERVED_NAMES
        and is_run_id(parts[1])
    )
