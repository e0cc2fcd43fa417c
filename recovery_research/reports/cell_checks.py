"""Parameters checked from within a notebook, where no runner has done so."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence

from recovery_research.reports.declarations import (
    Parameter,
    ParameterError,
    read_declarations,
)
from recovery_research.reports.parameters import Layer, choose_parameters

# What papermill puts over the values that it was given.
INJECTED_HEAD = "# Parameters\n"


class WrongParameterError(ParameterError):
    """A parameter that the notebook cannot use, told in one line where it runs."""

    def _render_traceback_(self) -> list[str]:
        # The way from here to where it was found out helps nobody.
        return [f"{type(self).__name__}: {self}"]


def check_parameters() -> None:
    """Refuse parameters that the command line would refuse, in a running notebook.

    Stands in the first cell after the parameters cell. In JupyterLab and plain
    papermill nothing else holds a value against the range, the choices or the names
    that stand behind it. Only IPython knows what cells there were; in other Pythons
    there is nothing to check.

    Raises
    ------
    ParameterError
        If a value, a name or the parameters cell itself cannot be used.

    Examples
    --------
    >>> check_parameters()
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    before = [str(source) for source in shell.user_ns.get("In", [])[:-1]]
    try:
        check_cells(before, shell.user_ns)
    except ParameterError as error:
        raise WrongParameterError(str(error)) from None


def check_cells(cells: Sequence[str], values: Mapping[str, object]) -> None:
    """Check the values of what cells have declared."""
    injected = cells[-1] if cells and cells[-1].startswith(INJECTED_HEAD) else ""
    written = [source for source in cells if not source.startswith(INJECTED_HEAD)]
    declared: dict[str, Parameter] = {}
    for age, source in enumerate(reversed(written)):
        found = _read_cell(source, strict=age == 0)
        # A cell that was edited and run again is no second one.
        if declared.keys().isdisjoint(found):
            declared |= found
    names = [name for name in declared if name in values]
    names += [name for name in _list_names(injected) if name not in declared]
    given = {name: values.get(name) for name in names}
    choose_parameters(declared, [Layer("parameters", given)])


def _read_cell(source: str, *, strict: bool) -> dict[str, Parameter]:
    """Return what a cell declares, if it is one that does nothing else."""
    try:
        found = read_declarations(source)
    except ParameterError:
        # The cell right before is taken for a mistake in the parameters cell where it
        # only sets names; of older ones nobody knows what they were.
        if strict and _list_names(source):
            raise
        return {}
    told = any(p.help or p.describe_allowed() for p in found.values())
    return found if told else {}


def _list_names(source: str) -> list[str]:
    """Return the names that a cell sets, if it does nothing else."""
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = []
    for each in statements:
        targets = each.targets if isinstance(each, ast.Assign) else [each]
        target = targets[0].target if isinstance(each, ast.AnnAssign) else targets[0]
        if len(targets) != 1 or not isinstance(target, ast.Name):
            return []
        names.append(target.id)
    return names
