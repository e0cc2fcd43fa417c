"""Whether all that a run read is as it was, and what it read in words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from recovery_research.places import project_root
from recovery_research.reporting.environments import package_environment
from recovery_research.reporting.ingredients import hash_content
from recovery_research.reporting.input_states import (
    ABSENT,
    FILES,
    FOLDER,
    FOLDERS,
    IMPORT_FOLDERS,
    KINDS,
    LISTINGS,
    MODULES,
    OTHER,
    PRESENCE,
    TIMES,
    hash_text,
    sign,
)
from recovery_research.reporting.kernel_notes import ENVIRONMENT
from recovery_research.reporting.records import InputsRecord

UNWATCHED = "what the notebook reads could not be watched"
# Slow on purpose: a short password must not be found by trying.
_EFFORT = {"n": 2**12, "r": 8, "p": 1, "dklen": 32}
MOST_SHOWN = 40
_SHOWN = {
    FILES: "file",
    MODULES: "module",
    FOLDERS: "names in",
    LISTINGS: "names and sizes in",
    IMPORT_FOLDERS: "modules in",
    PRESENCE: "whether there is",
    TIMES: "time and size of",
    ENVIRONMENT: "variable",
}
_IS_GONE = "{} is gone"
_HAS_CHANGED = {
    FILES: "{} has changed",
    MODULES: "the module {} has changed",
    FOLDERS: "the folder {} holds other files",
    LISTINGS: "the folder {} holds other files",
    IMPORT_FOLDERS: "the folder {} holds other modules",
    PRESENCE: "{} is there now, or not any more",
    TIMES: "{} has changed",
}


def find_change(
    inputs: InputsRecord | None,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> str | None:
    """Return the first thing of a run's inputs that is another one now, in words.

    Parameters
    ----------
    inputs : InputsRecord or None
        As recorded; None in a record of a version that did not look.
    folder : Path
        Folder of the notebook.
    environment : mapping of str to str, optional
        Environment variables that a run would have; by default those of this process.

    Returns
    -------
    str or None
        None if a run would read the same.
    """
    if inputs is None:
        return f"cannot be known: {UNWATCHED}"
    if inputs.unknown:
        return f"cannot be known: {inputs.unknown[0]}"
    root = project_root(folder)
    for kind in KINDS:
        for short, state in getattr(inputs, kind).items():
            now = measure(kind, place_long(short, root))
            if now != state:
                gone = now == ABSENT and kind != PRESENCE
                return (_IS_GONE if gone else _HAS_CHANGED[kind]).format(short)
    environment = kernel_variables() if environment is None else environment
    for name, state in inputs.environment.items():
        value = environment.get(name)
        if strengthen(name, ABSENT if value is None else hash_text(value)) != state:
            return f"the environment variable {name} is another one"
    return None


def describe_inputs(inputs: InputsRecord | None) -> list[str]:
    """Describe what a run read and what of it cannot be known, in lines of text.

    Parameters
    ----------
    inputs : InputsRecord or None
        As recorded.

    Returns
    -------
    list of str
    """
    if inputs is None:
        return ["", "read", f"  {UNWATCHED}"]
    lines = [
        f"  {_SHOWN[kind]} {name}{' (not there)' if state == ABSENT else ''}"
        for kind in (*KINDS, ENVIRONMENT)
        for name, state in getattr(inputs, kind).items()
    ]
    if len(lines) > MOST_SHOWN:
        left = len(lines) - MOST_SHOWN
        lines = [*lines[:MOST_SHOWN], f"  and {left:,} more (--json shows all)"]
    doubts = [f"  {said}" for said in inputs.unknown]
    unknown = ["", "cannot be known, so it always runs again", *doubts]
    return ["", "read", *lines, *(unknown if doubts else [])]


def measure(kind: str, path: str) -> str:
    """Return how a thing stands: a file's content, and of others what `sign` says.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    path : str
        Absolute path.

    Returns
    -------
    str
    """
    state = sign(kind, path)
    if kind not in (FILES, MODULES) or state in (ABSENT, FOLDER, OTHER):
        return state
    try:
        return hash_content(Path(path))
    except OSError:
        return ABSENT


@lru_cache(maxsize=512)
def strengthen(name: str, digest: str) -> str:
    """Return the hash of an environment variable, slow to try values against.

    Parameters
    ----------
    name : str
        Name of the variable.
    digest : str
        Quick hash of its value, or ``"absent"``.

    Returns
    -------
    str
    """
    if digest == ABSENT:
        return ABSENT
    return hashlib.scrypt(digest.encode(), salt=name.encode(), **_EFFORT).hex()


def kernel_variables() -> dict[str, str]:
    """Return the environment that a kernel would have, its private parts aside.

    Returns
    -------
    dict of str to str
    """
    return {"PYTHONHASHSEED": "0", **package_environment()}


def place_short(path: str, root: Path | None) -> str:
    """Return a path as the record has it: from the project folder, if inside it."""
    if root is not None and Path(path).is_relative_to(root):
        return Path(path).relative_to(root).as_posix()
    return Path(path).as_posix()


def place_long(short: str, root: Path | None) -> str:
    """Return the absolute path of what the record has."""
    return str(Path(short) if root is None else root / short)
