"""What a run's numbers are made of, as one key: equal keys, equal numbers."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from recovery_research.places import PACKAGE, project_root
from recovery_research.reporting.given_paths import is_file_source
from recovery_research.reporting.orders import Order
from recovery_research.reporting.provenance import gather_provenance, hash_bytes
from recovery_research.reporting.records import InputsRecord, Provenance

UNKNOWN = ""
INPUTS = "inputs"


def trace_order(order: Order) -> Provenance:
    """Gather all that the numbers of an order will depend on.

    Parameters
    ----------
    order : Order
        Checked order.

    Returns
    -------
    Provenance
    """
    notebook = order.notebook
    gathered = gather_provenance(notebook.path, notebook.content)
    return gathered.model_copy(
        update={
            "package_sha256": hash_package(),
            "modules_sha256": _hash_modules(notebook.path.parent),
            "sources_sha256": hash_sources(order),
        }
    )


def list_ingredients(order: Order, provenance: Provenance) -> dict[str, str]:
    """Return one hash or version for each ingredient of a run.

    Parameters
    ----------
    order : Order
        Checked order.
    provenance : Provenance
        What its numbers depend on.

    Returns
    -------
    dict of str to str
    """
    sources = provenance.sources_sha256
    known = UNKNOWN not in sources.values()
    return {
        "notebook": provenance.notebook_sha256,
        "modules": _hash_table(provenance.modules_sha256),
        "parameters": _hash_table(order.values()),
        "package": provenance.package_sha256 or UNKNOWN,
        "data": _hash_table(provenance.data_sha256),
        "sources": _hash_table(sources) if known else UNKNOWN,
        # What another interpreter holds is not known here.
        "python": UNKNOWN if order.notebook.kernel else provenance.python,
        "distributions": _hash_table(provenance.distributions),
    }


def add_inputs(ingredients: dict[str, str], inputs: InputsRecord) -> dict[str, str]:
    """Add what a run was seen to read to the ingredients known before it.

    Parameters
    ----------
    ingredients : dict of str to str
        As `list_ingredients` gives them.
    inputs : InputsRecord
        What was read.

    Returns
    -------
    dict of str to str
    """
    read = UNKNOWN if inputs.unknown else _hash_table(inputs.model_dump())
    return {**ingredients, INPUTS: read}


def make_key(ingredients: dict[str, str]) -> str | None:
    """Return the key of a run, or None if an ingredient cannot be known.

    Parameters
    ----------
    ingredients : dict of str to str
        Ingredients.

    Returns
    -------
    str or None
    """
    if UNKNOWN in ingredients.values():
        return None
    return _hash_table(ingredients)


def hash_sources(order: Order) -> dict[str, str]:
    """Hash the files that an order reads; what is no file has an empty hash.

    Parameters
    ----------
    order : Order
        Checked order.

    Returns
    -------
    dict of str to str
        Labels and hashes.
    """
    return {label: _hash_source(path) for label, path in _find_sources(order).items()}


def date_sources(order: Order) -> datetime | None:
    """Return when the youngest of an order's data files was written, or None.

    Parameters
    ----------
    order : Order
        Checked order.

    Returns
    -------
    datetime or None
        In UTC.
    """
    places = [path for path in _find_sources(order).values() if path]
    times = [path.stat().st_mtime for path in places if path.is_file()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def hash_package() -> str:
    """Hash the code and templates of this package.

    Returns
    -------
    str
    """
    files = sorted(
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    state = tuple((str(path), *_read_state(path)) for path in files)
    return _hash_files(state)


def hash_content(path: Path) -> str:
    """Hash a file; once, as long as its time and size stay.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str

    Raises
    ------
    OSError
        If it cannot be read.
    """
    return _hash_file(str(path), *_read_state(path))


def _hash_source(path: Path | None) -> str:
    try:
        return hash_content(path) if path else UNKNOWN
    except OSError:
        return UNKNOWN


def _find_sources(order: Order) -> dict[str, Path | None]:
    """Find what was named as a source, and text parameters that name a file."""
    found: dict[str, Path | None] = {}
    for label, place in order.sources.items():
        found[label] = Path(place) if is_file_source(place) else None
    for name, choice in order.choices.items():
        value = choice.value
        if name in found or choice.parameter.secret or not isinstance(value, str):
            continue
        if not is_file_source(value):
            found[name] = None
            continue
        path = _find_file(order.notebook.path.parent, value)
        if path is not None:
            found[name] = path
    return found


def _find_file(folder: Path, value: str) -> Path | None:
    """Find a file where the notebook would look for it, or the user have meant it."""
    # Longer than any path, or one that no file can have.
    if not value or len(value) > 1000 or "\0" in value:
        return None
    root = project_root()
    places = [folder, Path.cwd(), *([root, root / "data"] if root else [])]
    for place in places:
        with suppress(OSError, ValueError, RuntimeError):
            path = place / Path(value).expanduser()
            if path.is_file():
                return path
    return None


def _hash_modules(folder: Path) -> dict[str, str]:
    """Hash the Python files beside the notebook, which it can import."""
    # An editor's lock file may have such a name and lead nowhere.
    return {
        path.name: hash_bytes(path.read_bytes())
        for path in sorted(folder.glob("*.py"))
        if path.is_file() and not path.name.startswith(".")
    }


def _hash_table(table: dict) -> str:
    return hash_bytes(json.dumps(table, sort_keys=True).encode())


def _read_state(path: Path) -> tuple[int, int, int]:
    """Return what differs if a file was written, also by who set its time back."""
    state = path.stat()
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size


@lru_cache(maxsize=20_000)
def _hash_file(path: str, *_state: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4)
def _hash_files(state: tuple[tuple, ...]) -> str:
    table = {
        Path(path).relative_to(PACKAGE).as_posix(): _hash_file(path, *rest)
        for path, *rest in state
    }
    return _hash_table(table)
