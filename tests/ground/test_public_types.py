"""What type checkers see of the package."""

import ast
from pathlib import Path

import recovery_research as rr

PACKAGE = Path(rr.__file__).parent


def read_table():
    """Return the names that are attached lazily, as (module, name)."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (table,) = (
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "submod_attrs"
    )
    rooms = next(
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "submodules"
    )
    return [
        *(("recovery_research", room) for room in rooms),
        *((module, name) for module, names in table.items() for name in names),
    ]


def read_stub():
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    return [
        (node.module.removeprefix("recovery_research."), alias.name, alias.asname)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_the_stub_has_the_names_of_the_table():
    # Checkers take a name of a stub for public where it is imported as itself.
    wanted = sorted((module, name, name) for module, name in read_table())
    assert sorted(read_stub()) == wanted
    assert {name for _, name, _ in wanted} == set(rr.__all__)


def test_the_package_says_that_it_has_types():
    assert (PACKAGE / "py.typed").is_file()
