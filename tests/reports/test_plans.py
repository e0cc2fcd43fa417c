"""Plans: read whole, every mistake named, before anything starts."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from past_runs import lay_run
from sample_notebooks import write_notebook

from recovery_research.cli import main
from recovery_research.reports.plan_runs import USUAL_BYTES, WORKER_BYTES, expect_cost
from recovery_research.reports.plans import PlanError, lay_out_grid, read_plan
from recovery_research.reports.provenance import (
    list_ingredients,
    make_key,
    trace_request,
)
from recovery_research.reports.run_request import Retries, check_report_name

PARAMETERS = (
    "parameters:n = 3  # how many [1 to 9]\n"
    'world = "evidence"  # which beliefs {claims, evidence}\n'
    'orders_file = ""  # the log\n'
    "share = 0.25  # of the price"
)


@pytest.fixture
def folder(tmp_path):
    write_notebook(tmp_path / "loyalty.ipynb", [PARAMETERS, "1"])
    (tmp_path / "orders.csv").write_text("a,b\n1,2\n")
    (tmp_path / "profiles.toml").write_text("[loyalty.quick]\nn = 2\n")
    return tmp_path


def plan(folder, text, **options):
    (folder / "nightly.toml").write_text(text)
    return read_plan(folder / "nightly.toml", **options)


GOOD = """
[plan]
reports = "out"
jobs = 3
memory_mb = 4000
[defaults]
profile = "quick"
limits = { cell_seconds = 60, run_seconds = 600 }
retries = { times = 1, wait_seconds = 0.5 }
[reports.loyalty]
notebook = "./loyalty.ipynb"
data = { orders_file = "orders.csv", warehouse = "env:WAREHOUSE" }
data_as_of = 2026-01-31
always_run = true
[reports.loyalty.parameters]
n = 5
[reports.loyalty.limits]
run_seconds = 30
memory_mb = 500
[reports.sweep]
notebook = "./loyalty.ipynb"
grid = { world = ["claims", "evidence"], share = [0.25, 1] }
retries = { times = 0 }
[notify]
command = ["true"]
"""


def test_a_plan_becomes_checked_orders(folder):
    made = plan(folder, GOOD)
    assert made.reports == folder / "out"
    assert (made.jobs, made.memory_bytes) == (3, 4_000_000_000)
    assert [p.name for p in made.entries] == [
        "loyalty",
        "sweep--world-claims--share-0_25",
        "sweep--world-claims--share-1",
        "sweep--world-evidence--share-0_25",
        "sweep--world-evidence--share-1",
    ]
    first, second = made.entries[:2]
    request = first.request
    assert request.values() == {
        "n": 5,
        "world": "evidence",
        "orders_file": "orders.csv",
        "share": 0.25,
    }
    assert request.choices["n"].origin == "plan nightly.toml"
    assert request.report == "loyalty"
    assert request.sources == {
        "orders_file": str(folder / "orders.csv"),
        "warehouse": "env:WAREHOUSE",
    }
    assert request.data_as_of == datetime(2026, 1, 31, tzinfo=UTC)
    limits = request.limits
    assert (limits.cell_seconds, limits.run_seconds) == (60, 30)
    assert limits.memory_bytes == 500_000_000
    assert request.retries == Retries(1, 0.5)
    assert request.plan.entry == "loyalty"
    assert first.always_run
    assert second.request.values()["n"] == 2, "from the profile"
    assert second.request.plan.grid == {"world": "claims", "share": 0.25}
    assert second.request.retries.times == 0
    assert made.tables.notify == {"command": ["true"]}
    assert plan(folder, GOOD, reports=folder / "else").reports == folder / "else"


HEAD = '[reports.a]\nnotebook = "./loyalty.ipynb"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[reports", "nightly.toml: is not TOML: Expected"),
        ("", r"nightly.toml: top level needs the key 'reports'"),
        ("[reports]", "top level reports: should"),
        (
            "[report.a]\n" + HEAD,
            "top level has no key 'report'; .*Did you mean 'reports'",
        ),
        (
            HEAD + "limits = { run_secs = 600 }",
            r"\[reports.a.limits\] has no key 'run_secs'; got 600; allowed are "
            r"cell_seconds, memory_mb, run_seconds. Did you mean 'run_seconds'",
        ),
        (
            HEAD + "limits = { run_seconds = -1 }",
            "run_seconds: .*greater than 0.*got -1",
        ),
        (HEAD + "limits = { cell_seconds = inf }", "cell_seconds: .*finite"),
        (HEAD + 'limits = "long"', r"\[reports.a\] limits: .*got 'long'"),
        (
            HEAD + "retries = { times = 99 }",
            "times: .*less than or equal to 10.*got 99",
        ),
        (HEAD + "always_run = 1", "always_run: .*boolean.*got 1"),
        (HEAD + 'data_as_of = "soon"', "data_as_of: .*got 'soon'"),
        (HEAD + "[plan]\njobs = 0", r"\[plan\] jobs: .*got 0"),
        ('[reports.a]\nprofile = "quick"', r"\[reports.a\] needs the key 'notebook'"),
        ('[reports.a]\nnotebook = "loyaltea"', r"\[reports.a\] there is no notebook"),
        ('[reports.a]\nnotebook = "./x.ipynb"', "there is no file .*x.ipynb"),
        ('[reports."a b"]\nnotebook = "./loyalty.ipynb"', "letters, digits, hyphens"),
        ('[reports.latest]\nnotebook = "./loyalty.ipynb"', "no report can be called"),
        (HEAD + 'profile = "quik"', "no profile 'quik'.*Did you mean 'quick'"),
        (
            HEAD + "parameters = { n = 10, wold = 1 }",
            r"(?s)\[reports.a\] parameters: n: 10 is not allowed; allowed is 1 to 9"
            r".*\[reports.a\] parameters: there is no parameter 'wold'.*'world'",
        ),
        (HEAD + 'parameters = { n = "5" }', "n: needs whole number"),
        (HEAD + "grid = { n = [1, 2, 10] }", "grid: n: 10 is not allowed"),
        (HEAD + "grid = { n = [1, 1] }", "n: 1 stands there twice"),
        (HEAD + "grid = { n = [] }", "n: should have at least 1|n: .*at least 1"),
        (HEAD + "grid = { n = 1 }", "grid.* n: .*list.*got 1"),
        (HEAD + "parameters = { n = 1 }\ngrid = { n = [1] }", "n stands in parameters"),
        (HEAD + 'data = { x = "gone.csv" }', "data: x: there is no file .*gone.csv"),
        (HEAD + 'data = { x = "db://me:pass@host/x" }', "x holds a password"),
        (
            HEAD + 'data = { orders_file = "orders.csv" }\n'
            'parameters = { orders_file = "x" }',
            "orders_file stands in parameters",
        ),
        (HEAD + HEAD.replace("reports.a", "reports.A"), "both be filed under 'A'"),
    ],
)
def test_every_mistake_is_named(folder, text, said):
    with pytest.raises(PlanError, match=said) as caught:
        plan(folder, text)
    assert all(
        line.startswith("nightly.toml: ") for line in str(caught.value).splitlines()
    )
    result = CliRunner().invoke(main.main, ["run-all", str(folder / "nightly.toml")])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "pass@" not in result.output
    assert not (folder / "reports").exists()


def test_all_mistakes_are_told_at_once(folder):
    text = HEAD + "parameters = { n = 0 }\n[reports.b]\nnotebook = './y.ipynb'\n"
    with pytest.raises(PlanError) as caught:
        plan(folder, text)
    assert "[reports.a]" in str(caught.value)
    assert "[reports.b]" in str(caught.value)
    with pytest.raises(PlanError, match="cannot read the plan"):
        read_plan(folder / "absent.toml")


def test_reports_are_chosen_by_name(folder):
    made = plan(folder, GOOD)
    assert len(made.choose([])) == 5
    assert len(made.choose(["sweep"])) == 4
    names = ["sweep--world-claims--share-1", "loyalty"]
    assert [p.name for p in made.choose(names)] == ["loyalty", names[0]]
    with pytest.raises(PlanError, match=r"no report 'sweeps'; .*Did you mean 'sweep'"):
        made.choose(["sweeps"])


def test_a_dry_run_starts_nothing(folder):
    plan(folder, GOOD)
    arguments = [
        "run-all",
        str(folder / "nightly.toml"),
        "--dry-run",
        "--only",
        "sweep",
    ]
    result = CliRunner().invoke(main.main, arguments)
    assert result.exit_code == 0, result.output
    assert (
        "sweep--world-claims--share-1: loyalty, profile quick; would run"
        in result.output
    )
    assert "    share=1.0" in result.output
    assert "4 reports in" in result.output
    assert not (folder / "out").exists()


# ------------------------------------------------------------------------- grids


def test_a_grid_is_every_combination_under_names_of_its_own():
    assert lay_out_grid("a", {}) == {"a": {}}
    laid = lay_out_grid("a", {"x": [1, 2], "y": ["p", "q", "r"]})
    assert len(laid) == 6
    assert laid["a--x-2--y-q"] == {"x": 2, "y": "q"}
    # Texts that look alike once they are fit for a file name stay apart.
    alike = lay_out_grid("a", {"x": ["p q", "p/q", "P Q", "", "ä"]})
    assert len(alike) == 5
    assert sorted(c["x"] for c in alike.values()) == sorted(
        ["p q", "p/q", "P Q", "", "ä"]
    )
    assert len({name.lower() for name in alike}) == 5
    long = lay_out_grid("a", {"x": ["p" * 300, "p" * 299 + "q"]})
    assert len(long) == 2
    for name in [*alike, *long]:
        check_report_name(name)
    with pytest.raises(ValueError, match="1,001 combinations; allowed are 1,000"):
        lay_out_grid("a", {"x": list(range(1001))})


# ------------------------------------------------------------------- ingredients


def key_of(folder, text=HEAD):
    request = plan(folder, text).entries[0].request
    return make_key(list_ingredients(request, trace_request(request)))


def test_the_key_changes_with_every_ingredient_and_with_nothing_else(folder):
    data = HEAD + 'data = { orders_file = "orders.csv" }\n'
    seen = {key_of(folder), key_of(folder, data)}
    assert len(seen) == 2
    same = (
        data.replace("reports.a", "reports.b"),
        data + "limits = { run_seconds = 9 }",
        data + "parameters = { n = 3 }",
        data + "data_as_of = 2026-01-01",
    )
    for text in same:
        assert key_of(folder, text) in seen
    changes = (
        lambda: (folder / "orders.csv").write_text("a,b\n1,3\n"),
        lambda: write_notebook(folder / "loyalty.ipynb", [PARAMETERS, "2"]),
        lambda: (folder / "beside.py").write_text("x = 1"),
    )
    for change in changes:
        change()
        key = key_of(folder, data)
        assert key not in seen
        seen.add(key)
    assert key_of(folder, data + "parameters = { n = 4 }") not in seen
    assert key_of(folder, HEAD + 'data = { x = "env:DB" }') is None


def test_a_file_that_a_parameter_names_is_an_ingredient(folder):
    text = HEAD + 'parameters = { orders_file = "orders.csv" }\n'
    before = key_of(folder, text)
    (folder / "orders.csv").write_text("other")
    assert key_of(folder, text) != before


# -------------------------------------------------------------------------------- costs


def test_costs_are_expected_from_the_last_good_run(folder):
    planned = plan(folder, HEAD).entries[0]
    assert expect_cost(planned, folder / "r") == (USUAL_BYTES + WORKER_BYTES, None)
    lay_run(folder / "r", report="a", peak_memory=100_000_000, total_seconds=7.0)
    assert expect_cost(planned, folder / "r") == (120_000_000 + WORKER_BYTES, 7.0)
    record = json.loads((folder / "r/a/latest/run.json").read_text())
    assert record["peak_memory"] == 100_000_000
