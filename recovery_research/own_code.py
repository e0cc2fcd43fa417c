"""Which files of this package a computation runs, and a hash of them.

What they import is read off their text, within functions too: a change elsewhere is no
change to what they compute.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from recovery_research.paths import PACKAGE

# What computes beside this package; others read, draw and show.
LIBRARIES = ("llvmlite", "numba", "numpy", "pandas", "scipy", "statsmodels")


def trace_imports(starts: Iterable[str], *, room: str = "") -> dict[str, Path]:
    """Return the modules that some import, however far, and their files.

    If a room is named, no other rooms are entered.

    Examples
    --------
    >>> sorted(trace_imports(["recovery_research.paths"]))[-2:]
    ['recovery_research._extras', 'recovery_research.paths']
    """
    found: dict[str, Path] = {}
    todo = list(starts)
    while todo:
        module = todo.pop()
        path = find_module(module)
        if module in found or path is None or (room and is_elsewhere(path, room)):
            continue
        found[module] = path
        # A module's package is imported before it.
        todo += [module.rpartition(".")[0], *list_imports(path)]
    return found


def find_module(module: str) -> Path | None:
    """Return the file of a module of this package, None of any other name."""
    first, *parts = module.split(".")
    if first != PACKAGE.name:
        return None
    place = PACKAGE.joinpath(*parts)
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((path for path in files if path.is_file()), None)


def is_elsewhere(path: Path, room: str) -> bool:
    """Return whether a file lies in another room than the one named."""
    parts = path.relative_to(PACKAGE).parts
    return len(parts) > 1 and parts[0] != room


def list_modules(*, apart_from: Iterable[str] = ()) -> Iterator[str]:
    """Yield every module of this package, some rooms apart."""
    left_out = {*apart_from, "_installed"}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in left_out:
            yield ".".join([PACKAGE.name, *parts]).removesuffix(".__init__")


@functools.cache
def list_imports(path: Path) -> tuple[str, ...]:
    """Return what a file imports when it runs; it may be a module or a name in one."""
    found: list[str] = []
    todo: list[ast.AST] = [ast.parse(path.read_bytes())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo += node.orelse
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found += [module, *(f"{module}.{a.name}" for a in node.names)]
        else:
            todo += ast.iter_child_nodes(node)
    return tuple(found)


@functools.cache
def hash_code(starts: tuple[str, ...]) -> str:
    """Hash the files that some modules run, and name the versions of what computes."""
    whole = hashlib.sha256()
    for module, path in sorted(trace_imports(starts).items()):
        whole.update(module.encode() + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    for name in LIBRARIES:
        whole.update(f"{name} {version(name)}\n".encode())
    whole.update(platform.python_version().encode())
    return whole.hexdigest()
