"""The compiled loop with one part taken out, to see what that part costs."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

from recovery_research import model

SOURCE = Path(model.__file__).parent


def take_out(source: str, function: str, instead: str) -> str:
    """Return the source with one function's body replaced by an expression.

    Raises LookupError if the function is not there exactly once: a stub that plants
    nothing would report that its part costs nothing.
    """
    tree = ast.parse(source)
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    if len(found) != 1:
        raise LookupError(f"{function} is defined {len(found)} times, not once.")
    found[0].body = [ast.Return(ast.parse(instead, mode="eval").body)]
    return ast.unparse(ast.fix_missing_locations(tree))


def build_stub(
    name: str, replacements: dict[tuple[str, str], str], folder: Path
) -> ModuleType:
    """Import a copy of the loop in which some functions do nothing.

    Parameters
    ----------
    name : str
        Name of the copy; another for each stub.
    replacements : dict of (module, function) to str
        What each function returns in place of its work.
    folder : Path
        Where the copy is laid; it must be on no other use.

    Returns
    -------
    module
        The copy's ``_lifetime_loop``.
    """
    package = folder / f"stub_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for path in SOURCE.glob("_*.py"):
        if path.name != "__init__.py":
            # Its parts import one another, not those that are measured against.
            source = path.read_text().replace(model.__name__, package.name)
            (package / path.name).write_text(source)
    for (module, function), instead in replacements.items():
        path = package / f"{module}.py"
        path.write_text(take_out(path.read_text(), function, instead))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return importlib.import_module(f"{package.name}._lifetime_loop")
