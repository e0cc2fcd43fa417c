"""Every notebook keeps the house's rules, runs, and runs the same twice."""

import ast
import json
import re

import pandas as pd
import pytest

from recovery_research.analysis.ratios import paradox_ratio
from recovery_research.customer_data.reading import read_customers
from recovery_research.paths import notebooks_folder
from recovery_research.reports import run_report
from recovery_research.reports.notebooks import list_notebooks, read_notebook
from recovery_research.reports.parameter_files import read_profiles

NOTEBOOKS = {path.stem: path for path in list_notebooks(notebooks_folder())}
# As small as still gives each claim of the notebook a fair chance; the others run in
# their profile `quick`.
SMALL = {
    "00-the-model": {"n_customers": 4000},
    "02-compare-policies": {"n_customers": 2000},
    "03-recovery-paradox": {"n_customers": 30_000},
    "04-cause-or-selection": {"n_replications": 12, "truth_customers": 16_000},
}


@pytest.fixture(params=NOTEBOOKS, scope="module")
def notebook(request):
    return NOTEBOOKS[request.param]


def cells_of(path, kind):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == kind]


def test_there_are_the_notebooks_promised():
    assert {"00-the-model", "01-one-customer"} <= set(NOTEBOOKS)
    assert {"02-compare-policies", "03-recovery-paradox"} <= set(NOTEBOOKS)


def test_committed_stripped(notebook):
    raw = json.loads(notebook.read_text(encoding="utf-8"))
    assert set(raw["metadata"]) == {"kernelspec", "language_info"}
    for cell in raw["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def test_title_is_a_question_and_the_end_says_what_is_not_shown(notebook):
    prose = cells_of(notebook, "markdown")
    title = prose[0].splitlines()[0]
    assert title.startswith("# ")
    assert title.endswith("?")
    headings = re.findall(r"^#+ (.+)$", "\n".join(prose), flags=re.MULTILINE)
    assert headings[-1] == "What this does not show"


def test_cells_are_short_and_hide_nothing(notebook):
    for text in cells_of(notebook, "code"):
        assert len(text.splitlines()) <= 15, text
        assert "filterwarnings" not in text
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.end_lineno - node.lineno < 3, text


def test_a_claim_says_what_it_stands_for(notebook):
    claims = [
        node
        for text in cells_of(notebook, "code")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assert)
    ]
    assert claims
    assert all(node.msg is not None for node in claims)


def test_every_parameter_can_be_read_and_is_explained(notebook):
    read = read_notebook(notebook)
    assert read.parameters
    assert all(parameter.help for parameter in read.parameters.values())


def test_profiles_are_there(notebook):
    assert {"quick", "standard", "full"} <= set(read_profiles(notebook))


def test_no_result_is_typed_into_prose(notebook):
    # A decimal fraction or a percentage in the text is a result that can go stale.
    prose = "\n".join(cells_of(notebook, "markdown"))
    without_maths = re.sub(r"\$[^$]*\$|`[^`]*`", "", prose)
    assert not re.search(r"\d+\.\d+|\d\s?%", without_maths)


# Every notebook runs in the long tier, the main job in the quick one as well.
QUICK = {"02-compare-policies"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in NOTEBOOKS
    ],
)
def runs(request, tmp_path_factory):
    given = SMALL.get(request.param)
    return [
        run_report(
            request.param,
            given or {},
            profile="standard" if given else "quick",
            reports=tmp_path_factory.mktemp(f"run{k}"),
        )
        for k in range(2)
    ]


def test_runs_and_leaves_a_whole_report(runs):
    for run in runs:
        assert run.succeeded, run
        for name in ("report.ipynb", "report.html", "run.json"):
            assert (run.folder / name).stat().st_size > 1000
        assert list((run.folder / "tables").glob("*.csv"))
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        assert 'class="tex"' not in page, "an equation could not be drawn"


def test_runs_twice_the_same(runs):
    first, again = (
        {
            path.relative_to(run.folder): path.read_bytes()
            for kind in ("tables", "figures")
            for path in (run.folder / kind).iterdir()
        }
        for run in runs
    )
    assert first == again


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_rows"),
    [("example", 9), ("example-orders", 9), ("example-complaints", 6)],
)
def test_a_file_is_set_beside_the_simulated(name, n_rows, tmp_path):
    run = run_report(
        "03-recovery-paradox",
        {"source": name, "mapping": name, "n_customers": 30_000},
        reports=tmp_path,
    )
    assert run.succeeded, run
    table = pd.read_csv(run.folder / "tables" / "spend-ratios.csv")
    assert len(table) == n_rows
    read = read_customers(name, mapping=name)
    own = table[(table["world"] == "your file") & (table["treated"] == "recovered")]
    if name == "example-complaints":
        assert own.empty
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        assert "The paradox cannot be asked of it" in page
    else:
        found = paradox_ratio(read.customers, outcome="followup_spend")
        assert own["estimate"].item() == pytest.approx(found.estimate, rel=1e-12)
        assert own["ci_high"].item() == pytest.approx(found.ci_high, rel=1e-12)
