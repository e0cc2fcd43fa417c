"""What a run's numbers depend on: code, data, versions."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path

from recovery_research.own_code import trace_imports
from recovery_research.paths import PACKAGE, project_root, source_root
from recovery_research.reports.parameter_files import is_file_source
from recovery_research.reports.records import GitRecord, InputsRecord, Provenance
from recovery_research.reports.run_request import RunRequest

GIT_SECONDS = 20


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def gather_provenance(notebook: Path, content: bytes) -> Provenance:
    """Gather what a run of a notebook will depend on."""
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


UNKNOWN = ""
INPUTS = "inputs"
RUNNER = ("recovery_research.reports.runner",)


def trace_request(request: RunRequest) -> Provenance:
    """Gather all that the numbers of a request will depend on."""
    notebook = request.notebook
    gathered = gather_provenance(notebook.path, notebook.content)
    return gathered.model_copy(
        update={
            "package_sha256": hash_package(),
            "modules_sha256": _hash_modules(notebook.path.parent),
            "sources_sha256": hash_sources(request),
        }
    )


def list_ingredients(request: RunRequest, provenance: Provenance) -> dict[str, str]:
    """Return one hash or version for each ingredient of a run."""
    sources = provenance.sources_sha256
    known = UNKNOWN not in sources.values()
    return {
        "notebook": provenance.notebook_sha256,
        "modules": _hash_table(provenance.modules_sha256),
        "parameters": _hash_table(request.values()),
        # What the kernel imports of this package is among what it was seen to read.
        "package": hash_runner(),
        "data": _hash_table(provenance.data_sha256),
        "sources": _hash_table(sources) if known else UNKNOWN,
        # What another interpreter holds is not known here.
        "python": UNKNOWN if request.notebook.kernel else provenance.python,
        "distributions": _hash_table(provenance.distributions),
    }


def add_inputs(ingredients: dict[str, str], inputs: InputsRecord) -> dict[str, str]:
    """Add what a run was seen to read to the ingredients known before it."""
    read = UNKNOWN if inputs.unknown else _hash_table(inputs.model_dump())
    return {**ingredients, INPUTS: read}


def make_key(ingredients: dict[str, str]) -> str | None:
    """Return the key of a run, or None if an ingredient cannot be known."""
    if UNKNOWN in ingredients.values():
        return None
    return _hash_table(ingredients)


def hash_sources(request: RunRequest) -> dict[str, str]:
    """Hash the files that a request reads; what is no file has an empty hash."""
    return {label: _hash_source(path) for label, path in _find_sources(request).items()}


def date_sources(request: RunRequest) -> datetime | None:
    """Return when the youngest of a request's data files was written, or None."""
    places = [path for path in _find_sources(request).values() if path]
    times = [path.stat().st_mtime for path in places if path.is_file()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def hash_package() -> str:
    """Hash the code and templates of this package."""
    files = sorted(
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    state = tuple((str(path), *_read_state(path)) for path in files)
    return _hash_files(state)


def hash_runner() -> str:
    """Hash what makes a report of what a kernel gives: the runner and its page."""
    return _hash_files(
        tuple((str(path), *_read_state(path)) for path in _list_runner())
    )


@lru_cache(maxsize=1)
def _list_runner() -> tuple[Path, ...]:
    code = trace_imports(RUNNER, room="reports").values()
    page = (PACKAGE / "reports" / "templates" / "report").iterdir()
    return tuple(sorted({*code, *page}))


def hash_content(path: Path) -> str:
    """Hash a file; once, as long as its time and size stay."""
    return _hash_file(str(path), *_read_state(path))


def _hash_source(path: Path | None) -> str:
    try:
        return hash_content(path) if path else UNKNOWN
    except OSError:
        return UNKNOWN


def _find_sources(request: RunRequest) -> dict[str, Path | None]:
    """Find what was named as a source, and text parameters that name a file."""
    found: dict[str, Path | None] = {}
    for label, place in request.sources.items():
        found[label] = Path(place) if is_file_source(place) else None
    for name, choice in request.choices.items():
        value = choice.value
        if name in found or choice.parameter.secret or not isinstance(value, str):
            continue
        if not is_file_source(value):
            found[name] = None
            continue
        path = _find_file(request.notebook.path.parent, value)
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
