"""What has been published to a place, file by file, by content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from recovery_research.reporting.catalogue import is_safe_name
from recovery_research.reporting.checks import CHECK_FILE
from recovery_research.reporting.shelf import FAILED, is_run_id
from recovery_research.reporting.stores import Store

MANIFEST_FILE = "manifest.json"
VERSION = 2
# Of each run, named by its path, each file's size and SHA-256.
Files = dict[str, tuple[int, str]]
Manifest = dict[str, Files]


def read_manifest(store: Store) -> Manifest:
    """Read what was published to a place; nothing if that cannot be told.

    Parameters
    ----------
    store : Store
        The place.

    Returns
    -------
    dict of str to dict
    """
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        document = json.loads(store.read(MANIFEST_FILE))
        if document["schema_version"] == VERSION:
            return {
                place: {
                    name: (int(size), str(sha))
                    for name, (size, sha) in files.items()
                    if ".." not in name.split("/")
                }
                for place, files in document["runs"].items()
                if is_place(place)
            }
    return {}


def write_manifest(manifest: Manifest) -> str:
    """Write a manifest as JSON.

    Parameters
    ----------
    manifest : dict of str to dict
        Files of each run.

    Returns
    -------
    str
    """
    return json.dumps({"schema_version": VERSION, "runs": manifest}, indent=1) + "\n"


def list_files(folder: Path) -> Files:
    """List a run's files with their content; the page last, the record before it.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    dict of str to tuple
        Sizes and hashes by name.
    """
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent) / name
            # The note of the last check changes each day, and the index tells it.
            hidden = name.startswith(".") or name == CHECK_FILE
            if not hidden and path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    sha = hashlib.file_digest(file, "sha256").hexdigest()
                    size = file.tell()
                found[path.relative_to(folder).as_posix()] = (size, sha)
    order = {"run.json": 1, "report.html": 2}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], 0), item)))


def find_stale(
    place: str, files: Files, known: Manifest, sizes: Mapping[str, int] | None
) -> list[str]:
    """Find the files of a run that are not at the destination as they are here.

    Parameters
    ----------
    place : str
        Path of the run.
    files : dict of str to tuple
        Its files.
    known : dict of str to dict
        What was published.
    sizes : mapping of str to int or None
        Sizes of what lies at the destination; None if it cannot be listed.

    Returns
    -------
    list of str
    """
    before = known.get(place, {})
    return [
        name
        for name, now in files.items()
        if before.get(name) != now
        or (sizes is not None and sizes.get(f"{place}/{name}") != now[0])
    ]


def find_gone(reports: Path, known: Manifest) -> list[str]:
    """Find the published runs that are no longer here, and whose turn to go it is.

    The newest good run of a report is not among them if there is none here: the last
    good report is never lost because a folder is empty.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    known : dict of str to dict
        What was published.

    Returns
    -------
    list of str
        Sorted.
    """
    newest: dict[str, str] = {}
    for place in sorted(known):
        report, *rest = place.split("/")
        if FAILED not in rest:
            newest[report] = place
    return [
        place
        for place in sorted(known)
        if not (reports / place).is_dir() and place not in newest.values()
    ]


def is_place(place: object) -> bool:
    """Return whether a text is the path of a finished run, and leads nowhere else.

    Parameters
    ----------
    place : object
        What a manifest says.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_place("loyalty/failed/20260105-063000-1a2b3c"), is_place("../etc")
    (True, False)
    """
    parts = place.split("/") if isinstance(place, str) else []
    if len(parts) == 3 and parts[1] == FAILED:
        del parts[1]
    return len(parts) == 2 and all(map(is_safe_name, parts)) and is_run_id(parts[1])
