"""What each extra brings, and what a core without any of them can do and says."""

import ast
import json
import re
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions

import duckdb
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from customer_files import MAPPING, ROWS, write_rows
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recovery_research._extras import EXTRAS
from recovery_research.paths import PACKAGE
from recovery_research.reports.exit_codes import EXIT_BAD_INPUT

ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OWN = PROJECT["name"]
PROVIDERS = {
    module: {canonicalize_name(name) for name in names}
    for module, names in packages_distributions().items()
    if module != PACKAGE.name
}


def required(*extras):
    """Return what the core requires, and the extras, by name."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {
        canonicalize_name(r.name): r for r in map(Requirement, lines) if r.name != OWN
    }


def close_over(requirements):
    """Return all distributions that are installed with some."""
    found, todo = set(), list(requirements.values())
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            needs = map(Requirement, distribution(name).requires or ())
            todo += [
                r for r in needs if not r.marker or r.marker.evaluate({"extra": ""})
            ]
    return found


def world_with(*extras):
    """Return the modules that are not there if no more than some extras is installed."""
    there = close_over(required(*extras))
    return sorted(m for m, providers in PROVIDERS.items() if not providers & there)


# Every finder of the process finds nothing of what is not there.
WORLD = """
import json, sys

absent = set(json.loads(sys.argv[1]))

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            return None
        return self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Without, sys.meta_path)
"""


def run_in(absent, script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", WORLD + script, json.dumps(absent), *arguments],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip


CORE_WORK = """
import matplotlib
matplotlib.use("Agg")
import recovery_research as rr
from recovery_research.plots.simulated import plot_retention

experiment = rr.Experiment(
    world=rr.load_world("evidence"),
    policies=rr.choose_policies(["silence", "service"]),
    population=rr.load_population("webshop"),
    n_customers=2_000,
)
history = rr.simulate(experiment)
customers = rr.tabulate_customers(history)
print(rr.paradox(customers, outcome="followup_spend", policy="service"))
forks = rr.tabulate_forks(experiment.but(policies=experiment.policies[1:]))
print(rr.contrast_forks(forks, outcome="followup_spend"))
plot_retention(rr.tabulate_weeks(history)).figure.savefig(sys.argv[2])
read = rr.read_customers("data/examples/example.csv", mapping="example")
given = {"outcome": "followup_spend", "bounds": 2.0}
print(rr.paradox(read.customers, **given))
print(rr.adjust(read.customers, covariates=["orders_before"], **given))
print(rr.draft_mapping("data/examples/example.csv"))
rooms = {m for m in sys.modules if m.startswith("recovery_research.")}
found = rr.search("report")["summary"].str
assert found.contains("recovery-research[reports]", regex=False).any()
print(json.dumps(sorted(m for m in rooms if ".reports" in m or ".cli" in m)))
"""


def test_the_core_simulates_compares_adjusts_reads_and_draws_alone(tmp_path):
    done = run_in(world_with(), CORE_WORK, str(tmp_path / "plot.svg"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "plot.svg").is_file()
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_world_without_extras_is_without_them():
    absent = {*world_with()}
    assert absent >= {name for names in EXTRAS.values() for name in names}
    assert absent.isdisjoint({"numpy", "pandas", "pyarrow", "llvmlite", "PIL"})


def write_files(folder):
    """Write one file of each kind that an extra reads."""
    names = [line.split(",") for line in ROWS]
    book = openpyxl.Workbook()
    for row in [["id", "problem"], *(line[:2] for line in names)]:
        book.active.append(row)
    book.save(folder / "book.xlsx")
    pyreadstat.write_sav(pd.DataFrame({"id": ["a"]}), folder / "people.sav")
    # Enough of an OpenDocument workbook to be known by.
    with zipfile.ZipFile(folder / "open.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with duckdb.connect(str(folder / "people.duckdb")) as connection:
        connection.execute("create table people as select 1 as id")
    sqlite3.connect(folder / "people.sqlite").close()
    write_rows(folder / "people.csv", ROWS)


ASKED = """
import recovery_research as rr
folder, mapping = sys.argv[2], json.loads(sys.argv[3])
joined = mapping | {"source": {"files": ["people.csv"], "query": "select 1"}}
said = {}
def ask(what, do, *given, **named):
    try:
        do(*given, **named)
    except (ImportError, ValueError) as error:
        said[what] = [type(error).__name__, str(error)]
for name in ("book.xlsx", "people.sav", "open.ods", "people.duckdb"):
    ask(name, rr.read_customers, f"{folder}/{name}", mapping=mapping)
ask("join", rr.read_customers, f"{folder}/people.csv", mapping=joined)
ask("url", rr.read_customers, f"sqlite:///{folder}/people.sqlite", mapping=mapping)
ask("run_report", getattr, rr, "run_report")
print(json.dumps(said))
"""
BY = {
    "book.xlsx": "files", "people.sav": "files", "open.ods": "files",
    "people.duckdb": "databases", "join": "databases", "url": "databases",
    "run_report": "reports",
}  # fmt: skip


def test_whatever_misses_its_extra_says_in_a_line_which(tmp_path):
    write_files(tmp_path)
    done = run_in(world_with(), ASKED, str(tmp_path), json.dumps(MAPPING))
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert said.keys() == BY.keys()
    for what, (kind, message) in said.items():
        assert kind == "MissingExtraError", (what, message)
        assert "\n" not in message
        assert message.endswith(f'pip install "recovery-research[{BY[what]}]"'), what


def test_a_missing_driver_of_postgres_says_its_extra():
    script = """
import recovery_research as rr
rr.read_customers("postgresql+psycopg://h/x", mapping=json.loads(sys.argv[2]))
"""
    done = run_in(world_with("databases"), script, json.dumps(MAPPING))
    assert done.stderr.rstrip().endswith('"recovery-research[postgres]"')


COMMAND = """
from recovery_research.cli import run
run(args=sys.argv[2:], prog_name="recovery-research")
"""


@pytest.mark.parametrize("extras", [(), ("reports",)])
def test_the_command_says_in_a_line_what_to_install(extras, tmp_path):
    write_files(tmp_path)
    call = ("check", str(tmp_path / "book.xlsx"), "--mapping", "example")
    done = run_in(world_with(*extras), COMMAND, *call)
    (line,) = done.stderr.splitlines()
    extra = "files" if extras else "reports"
    assert line.startswith("error: ")
    assert line.endswith(f'pip install "recovery-research[{extra}]"')
    assert (done.returncode, done.stdout) == (EXIT_BAD_INPUT, "")


def test_publishing_to_s3_says_its_extra():
    script = """
from recovery_research.reports.destinations import open_store
open_store("s3://bucket/reports")
"""
    done = run_in(world_with("reports"), script)
    assert done.stderr.rstrip().endswith('"recovery-research[s3]"')


# ----------------------------------------------------------------- lists agree


def list_imports(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_every_import_is_of_the_core_or_of_an_extra():
    """Of those required themselves, or what they are made of, as numba is of llvmlite."""
    core = required()
    extras = {module for modules in EXTRAS.values() for module in modules}
    imported = {name for path in PACKAGE.rglob("*.py") for name in list_imports(path)}
    foreign = imported - set(sys.stdlib_module_names) - {PACKAGE.name}
    unlisted = {m for m in foreign - extras if not PROVIDERS[m] & core.keys()}
    assert unlisted == {"llvmlite", "pydantic_core"}
    # `IPython` is asked for when a kernel has it; drivers are another package's import.
    assert extras - foreign <= {"IPython", "psycopg", "s3fs"}


def test_extras_hold_what_is_said_of_them():
    core = required()
    for extra, modules in EXTRAS.items():
        listed = required(extra).keys() - core.keys()
        for module in modules:
            providers = PROVIDERS[module]
            if module != "docutils":  # Sphinx is made of it
                assert providers & listed, f"{module} is not in [{extra}]"
            assert not providers & core.keys()


def test_all_are_all_that_users_need():
    (every,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    tools = {"dev", "docs", "bench", "all"}
    assert every.name == OWN
    assert every.extras == PROJECT["optional-dependencies"].keys() - tools


def test_extras_that_are_named_exist():
    files = [
        path
        for folder in ("recovery_research", "tests", "notebooks")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".j2", ".md", ".ipynb", ".toml"}
    ]
    named = {
        extra
        for path in [*files, ROOT / "README.md", ROOT / "pyproject.toml"]
        for found in re.findall(
            r"(?:recovery-research|'\.)\[([\w, ]+)\]", path.read_text("utf-8")
        )
        for extra in found.split(",")
    }
    assert {"all", "bench", "reports"} <= named
    assert named <= PROJECT["optional-dependencies"].keys()


def test_the_lock_is_made_of_all_extras():
    made = re.search(
        r"^lock:.*(?:\n\t.*)+", (ROOT / "Makefile").read_text("utf-8"), re.M
    )
    assert "--all-extras" in made.group()
    locked = set(
        re.findall(
            r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.M
        )
    )
    wanted = required(*PROJECT["optional-dependencies"])
    assert wanted.keys() <= {canonicalize_name(name) for name in locked}
