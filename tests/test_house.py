"""The house rules that a machine can hold: who imports whom, sizes, docstrings, files."""

import ast
import dataclasses
import inspect
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
LONGEST_FILE, LONGEST_BODY = 350, 50

# Rooms, along the data's walk. A module imports from its own room and the rooms named.
ROOMS = {
    "words": ("near_names", "said_names", "table_cells", "terminal_texts",
              "display_tables", "results", "reference"),
    "loop": ("_compile", "_luck", "_mind", "_books", "_kernel", "_sums"),
    "inputs": ("places", "whole_files", "free_memory", "ledgers", "coefficients", "worlds", "populations",
               "policies", "justice", "experiments"),
    "simulation": ("simulation", "outcomes", "orders", "departures"),
    "analyses": ("analyses",),
    "customers": ("customers",),
    "truth": ("forks", "gaps", "surveys", "survey_sentences", "claims", "moments",
              "searches", "calibration", "patterns", "verification"),
    "studies": ("studies", "study_samples", "study_truths", "study_estimators",
                "study_batches", "study_runs", "study_tables", "diagnosis"),
    "figures": ("figures", "figures_customers", "figures_fonts", "figures_model",
                "figures_studies", "exhibits"),
    "reports": ("reporting", "command_line", "customer_commands", "world_commands",
                "history_commands", "look_commands", "plan_commands", "command_ends",
                "command_group", "command_json", "command_names", "command_start",
                "guide", "__main__"),
}  # fmt: skip
# What everybody may say, and needs nothing for, is in "words".
MAY_IMPORT = {
    "words": set(),
    "loop": set(),
    "inputs": {"loop"},
    "simulation": {"loop", "inputs"},
    # The same analyses take simulated tables and a user's own: they know of neither.
    "analyses": set(),
    # The example files are simulated, and an order log is counted as a simulation is.
    "customers": {"loop", "inputs", "simulation", "analyses"},
    "truth": {"loop", "inputs", "simulation", "analyses"},
    "studies": {
        "loop",
        "inputs",
        "simulation",
        "analyses",
        "customers",
    },
    "figures": {"inputs", "analyses"},
    "reports": {"inputs", "truth", "figures", "customers"},
}
# Who alone may import what, at the top of a file or within a function.
ONLY = {
    "numba": {"_compile"},
    "papermill": {"reporting"},
    "nbclient": {"reporting"},
    "nbconvert": {"reporting"},
}
DRAWING = ("matplotlib", "seaborn")


def module_of(path):
    return path.relative_to(PACKAGE).with_suffix("").as_posix().split("/")[0]


def room_of(module):
    for room, modules in ROOMS.items():
        if module in modules:
            return room
    raise AssertionError(f"{module} has no room; give it one in ROOMS")


def imports_of(path):
    """Every import of a file as (module, at run time, at the top of the file).

    Modules of the package come as ``.name``; what is imported for type checkers alone
    is not imported at run time.
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
            for name in names_imported(child, path):
                found.append((name, running, top))
            walk(child, running and not checking, top and not inside)

    walk(ast.parse(path.read_text(encoding="utf-8")), True, True)
    return found


def names_imported(node, path):
    if isinstance(node, ast.Import):
        return [own_name(alias.name) for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    if not node.level:
        return [
            own_name(f"{node.module}.{alias.name}" if node.module == PACKAGE.name
                     else node.module) for alias in node.names
        ]  # fmt: skip
    if path.parent != PACKAGE:  # within a folder, `from .x` is its own room
        return []
    return [f".{node.module.split('.')[0]}"] if node.module else [
        f".{alias.name}" for alias in node.names
    ]  # fmt: skip


def own_name(name):
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return parts[0]
    known = {module_of(path) for path in SOURCES}
    return f".{parts[1]}" if len(parts) > 1 and parts[1] in known else "."


IMPORTS = [
    (path, name, running, top)
    for path in SOURCES
    for name, running, top in imports_of(path)
]


def test_the_readings_of_the_imports_are_not_blind():
    seen = {(module_of(path), name) for path, name, _, _ in IMPORTS}
    for known in (
        ("_compile", "numba"), ("_kernel", "._mind"), ("forks", ".simulation"),
        ("gaps", ".simulation"), ("reporting", ".places"), ("patterns", "scipy"),
    ):  # fmt: skip
        assert known in seen


def test_imports_run_one_way():
    wrong = []
    for path, name, running, _ in IMPORTS:
        importer = module_of(path)
        if not running or not name.startswith(".") or importer == "__init__":
            continue
        if name == ".":  # the package's front door, for its version or public names
            allowed = room_of(importer) == "reports"
        else:
            here, there = room_of(importer), room_of(name[1:])
            allowed = there in {here, "words"} | MAY_IMPORT[here]
        if not allowed:
            wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_no_module_imports_itself_round_a_corner():
    graph = {}
    for path, name, running, _ in IMPORTS:
        if running and name.startswith(".") and name != f".{module_of(path)}":
            graph.setdefault(module_of(path), set()).add(name[1:])
    graph.pop("__init__", None)
    while graph:
        free = [m for m, needs in graph.items() if not needs & set(graph)]
        assert free, f"a circle among {sorted(graph)}"
        for module in free:
            del graph[module]


def test_heavy_packages_stay_in_their_rooms():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path, name, running, top in IMPORTS
        if running
        and (
            module_of(path) not in ONLY.get(name, {module_of(path)})
            or (name in DRAWING and top and not module_of(path).startswith("figures"))
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


def test_no_file_is_long():
    long = {
        path.relative_to(ROOT).as_posix()
        for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
        if len(path.read_text("utf-8").splitlines()) > LONGEST_FILE
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
        f"{path.relative_to(PACKAGE)}: {node.name} has {body_lines(node)} lines"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and body_lines(node) > LONGEST_BODY
    ]
    assert long == []


def test_no_room_is_a_lumber_room():
    names = {path.stem for path in SOURCES}
    assert names.isdisjoint({"utils", "util", "helpers", "helper", "common", "config",
                             "misc", "tools"})  # fmt: skip


PUBLIC = sorted(rr.__all__)


def sections_of(thing):
    text = inspect.getdoc(thing) or ""
    return set(re.findall(r"^([A-Z]\w+)\n-+$", text, flags=re.MULTILINE)), text


@pytest.mark.parametrize("name", PUBLIC)
def test_public_docstrings(name):
    thing = getattr(rr, name)
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


def bare(requirement):
    """Return a requirement's name and the rest, spelled the one way."""
    name, rest = re.fullmatch(r"\s*([\w.-]+)\s*(.*?)\s*", requirement).groups()
    return name.lower().replace("_", "-"), rest.replace(" ", "")


def test_environment_lists_what_the_project_lists():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert re.search(r"channels:\s*\n\s*- conda-forge\b", text)
    head, _, piped = text.partition("- pip:")
    listed = dict(
        map(bare, re.findall(r"^\s+- ([\w.-]+\s*[<>=][^\n#]*|pip)\s*$", head, re.M))
    )
    listed.pop("pip")
    assert listed.pop("python") == project()["requires-python"]
    wanted = dict(map(bare, project()["dependencies"]))
    # On conda-forge matplotlib without a window system is called matplotlib-base.
    if "matplotlib-base" in listed:
        listed["matplotlib"] = listed.pop("matplotlib-base")
    assert listed == wanted
    assert re.findall(r"^\s+- (\S.*)$", piped, flags=re.MULTILINE) == ["-e ."]


def test_the_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version = re.search(r"^version:\s*['\"]?([\w.]+)", text, flags=re.MULTILINE).group(
        1
    )
    assert version == rr.__version__ == project()["version"]
