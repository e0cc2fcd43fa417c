"""A notebook's cells run here, without a kernel, and the corners of its parameters."""

import ast
import io
import itertools
import json
import math
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from recovery_research.exhibits import Exhibit
from recovery_research.reports.declared_parameters import Parameter
from recovery_research.reports.run_request import (
    RunRequest,
    layer_given,
    prepare_request,
)

# What these cost grows with their value; their upper ends take hours.
SIZES = ("n_customers", "n_replications", "truth_customers")


@dataclass
class Page:
    """What the cells of a notebook showed.

    Attributes
    ----------
    texts : dict of str to str
        Markdown that a code cell showed, by the cell's id.
    tables : dict of str to DataFrame
        As they are kept beside the report, by name.
    figures : dict of str to Exhibit
        By name.
    names : dict of str to object
        Every variable that the cells left.
    """

    texts: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)

    def keep(self, cell: str, shown: object) -> None:
        """Keep what a cell's last line came to."""
        if isinstance(shown, Exhibit):
            if shown.kind == "table":
                self.tables[shown.name] = pd.read_csv(io.StringIO(shown.data))
            else:
                self.figures[shown.name] = shown
        elif shown is not None and hasattr(shown, "data"):
            self.texts[cell] = shown.data


def request_report(
    notebook: str, values: dict | None = None, *, profile: str = "standard"
) -> RunRequest:
    """Check parameters as the command line does, before any kernel; may refuse."""
    return prepare_request(notebook, layer_given(values), profile=profile)


def run_cells(request: RunRequest) -> Page:
    """Run a notebook's cells in one namespace, as a kernel would, and keep its page.

    A kernel takes seconds to start; the cells of a small report do not.
    """
    page = Page()
    page.names = {"__name__": "__main__"}
    with unchanged_look():
        for cell in json.loads(request.notebook.content)["cells"]:
            if cell["cell_type"] != "code":
                continue
            run_cell("".join(cell["source"]), cell["id"], page)
            if "parameters" in cell["metadata"].get("tags", []):
                page.names.update(request.values())
    return page


def run_cell(source: str, name: str, page: Page) -> None:
    """Run one cell; its last line, if an expression, is what it shows."""
    tree = ast.parse(source)
    last = (
        tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    )
    exec(compile(tree, name, "exec"), page.names)
    if last is not None:
        line = ast.fix_missing_locations(ast.Expression(last.value))
        page.keep(name, eval(compile(line, name, "eval"), page.names))


@contextmanager
def unchanged_look():
    """Leave the look of figures as it was: a notebook sets its own."""
    import matplotlib as mpl

    with mpl.rc_context():
        yield


def list_ends(parameter: Parameter) -> list:
    """Return the values at the corners of what a parameter may be.

    Both ends of a range, or the nearest inside an open one; every choice; of a list
    the shortest and the longest. Nothing for a free text or an unbounded number.
    """
    allowed = parameter.allowed()
    if parameter.type is bool:
        allowed = (False, True)
    if allowed is not None and parameter.many:
        return [[allowed[0]], [allowed[-1], allowed[0]], list(allowed)]
    if allowed is not None:
        return list(allowed)
    if parameter.range is None:
        return []
    low, high = parameter.range.low, parameter.range.high
    if parameter.range.open:
        low, high = math.nextafter(low, math.inf), math.nextafter(high, -math.inf)
    ends = [each for each in (low, high) if math.isfinite(each)]
    ends = ends[:1] if parameter.name in SIZES else ends
    ends = [parameter.type(each) for each in ends]
    return [[each] for each in ends] if parameter.many else ends


def list_corners(
    parameters: dict, settings: tuple = (), *, n_mixed: int = 3, seed: int = 8
) -> list[dict]:
    """Return values to run a notebook with: everything small, one corner each, mixed.

    Parameters
    ----------
    parameters : dict of str to Parameter
        As the notebook declares them.
    settings : tuple of dict, optional
        Values that only make sense together, such as a file and its mapping.
    n_mixed : int, optional
        How many with a corner of every parameter at once, drawn.
    seed : int, optional
        Of the drawing.
    """
    ends = {name: list_ends(each) for name, each in parameters.items()}
    small = {name: ends[name][0] for name in SIZES if ends.get(name)}
    single = [
        {name: value}
        for name, values in ends.items()
        if name not in SIZES
        for value in values
    ]
    rng = np.random.default_rng(seed)
    mixed = [
        {
            name: values[int(rng.integers(len(values)))]
            for name, values in ends.items()
            if values
        }
        for _ in range(n_mixed if any(ends.values()) else 0)
    ]
    if settings:
        chosen = itertools.cycle(settings)
        mixed = [next(chosen) | each for each in mixed]
    return [small | each for each in ({}, *settings, *single, *mixed)]


def name_corner(values: dict) -> str:
    """Return a short name of a corner for the list of tests."""
    parts = (
        f"{name}={'+'.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in values.items()
        if name not in SIZES
    )
    return " ".join(parts)[:80] or "small"
