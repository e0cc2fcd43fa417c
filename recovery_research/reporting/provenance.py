"""What a run's numbers depend on: code, data, versions."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path

from recovery_research.places import source_root
from recovery_research.reporting.records import GitRecord, Provenance

GIT_SECONDS = 20


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes as hexadecimal digits.

    Parameters
    ----------
    content : bytes
        The bytes.

    Returns
    -------
    str
    """
    return hashlib.sha256(content).hexdigest()


def gather_provenance(notebook: Path, content: bytes) -> Provenance:
    """Gather what a run of a notebook will depend on.

    Parameters
    ----------
    notebook : Path
        The notebook.
    content : bytes
        The file as it will run.

    Returns
    -------
    Provenance
    """
    return Provenance(
        notebook_sha256=hash_bytes(content),
        data_sha256=_hash_data(source_root() / "data"),
        git=_ask_git(notebook.parent),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.platform()}, {sys.byteorder}-endian",
        distributions=_list_distributions(),
    )


def _hash_data(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): hash_bytes(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _list_distributions() -> dict[str, str]:
    """List what is installed; again only if what is installed has changed."""
    return dict(_read_distributions(tuple(map(_read_place, sys.path))))


def _read_place(place: str) -> tuple:
    """Return what tells whether other packages are installed in a place than before.

    Not the time of the folder itself, which may be one where anybody writes.
    """
    try:
        with os.scandir(place or ".") as entries:
            return (place, *sorted(
                (entry.name, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.endswith((".dist-info", ".egg-info"))
            ))  # fmt: skip
    except OSError:
        with suppress(OSError):  # an archive
            return place, os.stat(place).st_mtime_ns
        return (place,)


@lru_cache(maxsize=2)
def _read_distributions(_state: tuple[tuple, ...]) -> dict[str, str]:
    found = {
        distribution.metadata["Name"]: distribution.version
        for distribution in distributions()
        if distribution.metadata["Name"]
    }
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _ask_git(folder: Path) -> GitRecord | None:
    commit = _run_git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _run_git(folder, "status", "--porcelain", "--ignore-submodules")
    # An answer that did not come is not a clean bill.
    return GitRecord(commit=commit, dirty=changes != "")


def _run_git(folder: Path, *arguments: str) -> str | None:
    # Of a checkout of another user's git says nothing unless told that it is safe;
    # the code in it is run here, so it is trusted already.
    trusted = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    command = ["git", "--no-optional-locks", *trusted, "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
