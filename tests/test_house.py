"""The house rules that a machine can hold: who imports whom, sizes, docstrings, files."""

import ast
import dataclasses
import inspect
import json
import operator
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import recovery_research as rr

PACKAGE = Path(rr.__file__).parent
ROOT = PACKAGE.parent
SOURCES = sorted(
    path for path in PACKAGE.rglob("*.py") if "_installed" not in path.parts
)
LONGEST_CODE, LONGEST_FILE, LONGEST_BODY = 400, 650, 50

# The rooms are the folders; what lies in none is the ground that they all stand on. A
# module imports from its own room, the ground and the rooms named.
GROUND, DOOR = "ground", "recovery_research"
MAY_IMPORT = {
    GROUND: set(),
    # The same analyses take simulated tables and a user's own: they know of neither.
    "analysis": set(),
    "model": {"analysis"},
    "calibration": {"model", "analysis"},
    "studies": {"model", "analysis"},
    "plots": {"model"},
    # The example files are simulated, and an order log is counted as a simulation is.
    "customer_data": {"model", "analysis"},
    "reports": {"customer_data"},
    "cli": {"reports", "customer_data", "calibration", "model"},
    "guide": {"reports", "customer_data"},
}
# Where the reports meet the rest: what a notebook shows, customers' files among the
# parameters, their format, and the names that declarations look up when they are used.
BORDER = {
    "reports.artifacts", "reports.cell_displays", "reports.run_request",
    "reports.format_reference", "reports.declared_parameters",
}  # fmt: skip
# Who alone may import what, at the top of a file or within a function.
ONLY = {
    "numba": {"model._compile"},
    "papermill": {"reports"},
    "nbclient": {"reports"},
    "nbconvert": {"reports"},
}
# Drawing is loaded when something is drawn, but by those who do nothing else.
DRAWING, DRAWERS = ("matplotlib", "seaborn"), ("plots", "fonts")


def module_of(path):
    """Return a file's name as it is imported, without the package's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or DOOR


MODULES = {module_of(path): path for path in SOURCES}


def room_of(module):
    if module == DOOR:
        return DOOR
    if module == "__main__":
        return "cli"
    room = module.partition(".")[0]
    return room if (PACKAGE / room).is_dir() else GROUND


def imports_of(path):
    """Every import of a file as (module, at run time, at the top of the file).

    Modules of the package come as ``.room.name``; what is imported for type checkers
    alone is not imported at run time.
    """
    found = []

    def walk(node, running, top):
        for child in ast.iter_child_nodes(node):
            inside = isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            )
            checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(
                child.test
            )
            for name in names_imported(child):
                found.append((name, running, top))
            walk(child, running and not checking, top and not inside)

    walk(ast.parse(path.read_text(encoding="utf-8")), True, True)
    return found


def names_imported(node):
    if isinstance(node, ast.Import):
        return [own_name(alias.name) for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert not node.level, "imports are written in full"
    return [own_name(f"{node.module}.{alias.name}") for alias in node.names]


def own_name(name):
    """Return the package's module that a name is or is in, or another's package."""
    package, _, rest = name.partition(".")
    if package != PACKAGE.name:
        return package
    while rest and rest not in MODULES:
        rest = rest.rpartition(".")[0]
    return f".{rest or DOOR}"


IMPORTS = [
    (module, name, running, top)
    for module, path in MODULES.items()
    for name, running, top in imports_of(path)
]


def test_the_readings_of_the_imports_are_not_blind():
    seen = {(module, name) for module, name, _, _ in IMPORTS}
    for known in (
        ("model._compile", "numba"), ("model._lifetime_loop", ".model._customer"),
        ("model.forks", ".model.simulation"), ("reports.runner", ".reports.artifacts"),
        ("reports.run_request", ".customer_data.mapping"), ("calibration.fit", "scipy"),
        ("cli.main", ".paths"), ("cli.main", ".recovery_research"),
    ):  # fmt: skip
        assert known in seen


def test_every_room_is_in_the_table():
    rooms = {room_of(module) for module in MODULES} - {DOOR}
    assert rooms == set(MAY_IMPORT)


def test_imports_run_one_way():
    wrong = []
    for module, name, running, _ in IMPORTS:
        if not running or not name.startswith(".") or module == DOOR:
            continue
        here, there = room_of(module), room_of(name[1:])
        # The front door, for the version or what is public.
        allowed = {DOOR} if here in ("reports", "cli", "guide") else set()
        if there not in allowed | {here, GROUND} | MAY_IMPORT[here]:
            wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_the_reports_meet_the_rest_at_one_border():
    ground = {"exhibits", "results", "fonts", "reference"}  # of customers' analyses
    crossing = {
        module
        for module, name, running, _ in IMPORTS
        if running
        and room_of(module) == "reports"
        and (room_of(name[1:]) in MAY_IMPORT or not name.startswith("."))
        and (name[1:] in ground or room_of(name[1:]) not in ("reports", GROUND))
        and name.startswith(".")
        and name != f".{DOOR}"
    }
    looked_up = {
        module
        for module, path in MODULES.items()
        if room_of(module) == "reports"
        and re.search(r'"recovery_research\.(?!reports)', path.read_text("utf-8"))
    }
    assert crossing | looked_up == BORDER


def circle_in(edges):
    """Return the modules that reach themselves, or that only such can reach."""
    graph = {}
    for module, name in edges:
        graph.setdefault(module, set()).add(name)
    while free := [m for m, needs in graph.items() if not needs & set(graph)]:
        for module in free:
            del graph[module]
    return sorted(graph)


def test_no_file_imports_itself_round_a_corner():
    edges = {
        (module, name[1:])
        for module, name, running, _ in IMPORTS
        if running and name.startswith(".") and DOOR not in (module, name[1:])
    }
    assert circle_in(edges) == []


def test_a_circle_would_be_seen():
    assert circle_in([("a", "b"), ("b", "c"), ("c", "d")]) == []
    assert circle_in([("a", "b"), ("b", "c"), ("c", "b")]) == ["a", "b", "c"]


def test_heavy_packages_stay_in_their_rooms():
    wrong = [
        f"{module} imports {name}"
        for module, name, running, top in IMPORTS
        if running
        and (
            not {module, room_of(module)} & ONLY.get(name, {module})
            or (name in DRAWING and top and not {module, room_of(module)} & {*DRAWERS})
        )
    ]
    assert wrong == []


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("numba", "pandas", "scipy", "matplotlib", "seaborn", "statsmodels",
             "papermill", "nbconvert", "IPython", "numpy")  # fmt: skip
    script = f"import sys, recovery_research; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def code_lines(text):
    """Count the lines that are neither blank, comments nor docstrings."""
    told = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    return sum(
        number not in told and not re.match(r"\s*(#|$)", line)
        for number, line in enumerate(text.splitlines(), start=1)
    )


def test_no_file_is_long():
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
    }
    long = {
        name
        for name, text in texts.items()
        if code_lines(text) > LONGEST_CODE or len(text.splitlines()) > LONGEST_FILE
    }
    assert long == set()


def body_lines(function):
    """Lines of a function without its signature and docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_is_long():
    long = [
        f"{module}: {node.name} has {body_lines(node)} lines"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and body_lines(node) > LONGEST_BODY
    ]
    assert long == []


def test_no_room_is_a_lumber_room():
    names = {path.stem for path in SOURCES}
    assert names.isdisjoint({"utils", "util", "helpers", "helper", "common", "config",
                             "misc", "tools"})  # fmt: skip


def test_notebooks_need_the_door_alone():
    found = {
        line.strip()
        for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        for line in "".join(cell["source"]).splitlines()
        if cell["cell_type"] == "code"
        and re.match(r"\s*(from|import) recovery_research", line)
    }
    assert found == {"import recovery_research as rr"}


PUBLIC = sorted(rr.__all__) + [
    f"{room}.{name}"
    for room in ("customer_data", "plots", "studies")
    for name in getattr(rr, room).__all__
]


def sections_of(thing):
    text = inspect.getdoc(thing) or ""
    return set(re.findall(r"^([A-Z]\w+)\n-+$", text, flags=re.MULTILINE)), text


@pytest.mark.parametrize("name", PUBLIC)
def test_public_docstrings(name):
    thing = operator.attrgetter(name)(rr)
    if inspect.ismodule(thing) or (
        inspect.isclass(thing) and issubclass(thing, Exception)
    ):
        assert thing.__doc__
        return
    sections, text = sections_of(thing)
    first = text.splitlines()[0]
    assert first.endswith((".", ")"))
    assert len(first) < 80
    if inspect.isclass(thing):
        assert "Attributes" in sections
        fields = [f.name for f in dataclasses.fields(thing)]
    else:
        signature = inspect.signature(thing)
        fields = list(signature.parameters)
        assert not fields or "Parameters" in sections
        assert signature.return_annotation in (None, "None") or "Returns" in sections
    described = text.partition(
        "Attributes\n" if inspect.isclass(thing) else "Parameters\n"
    )[2]
    for field in fields:
        # Named at the left margin, perhaps in company: ``low, high : float``.
        listed = rf"^[*\w, ]*\b{field}\b[\w, ]* :|^[*\w, ]*\b{field}\b[\w, ]*$"
        assert re.search(listed, described, flags=re.MULTILINE), f"{name}: {field}"


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]


# What conda-forge calls otherwise than the package index; all else has its name there.
# (matplotlib-base is matplotlib without a window system; psycopg-c is psycopg[binary].)
ON_CONDA_FORGE = {
    "jupyter-client": ["jupyter_client"], "matplotlib": ["matplotlib-base"],
    "duckdb": ["python-duckdb"], "psycopg": ["psycopg", "psycopg-c"],
}  # fmt: skip


def test_environment_lists_what_the_project_lists():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert re.search(r"channels:\s*\n\s*- conda-forge\b", text)
    head, _, piped = text.partition("- pip:")
    listed = re.findall(r"^\s+- ([\w.-]+)\s*([<>=][^\n#]*)?$", head, re.MULTILINE)
    extras = project()["optional-dependencies"]
    every = [*project()["dependencies"]]
    for extra in re.search(r"\[(.*)\]", extras["all"][0]).group(1).split(","):
        every += [line for line in extras[extra] if not line.startswith("recovery-")]
    wanted = [
        ("python", project()["requires-python"]),
        ("pip", ""),
        ("conda-forge", ""),
    ]
    for line in every:
        name, bounds = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", line).groups()
        wanted += [(each, bounds) for each in ON_CONDA_FORGE.get(name, [name])]
    assert sorted(listed) == sorted(wanted)
    assert re.findall(r"^\s+- (\S.*)$", piped, flags=re.MULTILINE) == ["-e ."]


def test_the_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version = re.search(r"^version:\s*['\"]?([\w.]+)", text, flags=re.MULTILINE).group(
        1
    )
    assert version == rr.__version__ == project()["version"]
