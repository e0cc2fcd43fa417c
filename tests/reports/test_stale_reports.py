"""A report is run again when anything that it read has changed, and says why."""

import json
import shutil

import pytest
from command_calls import call
from sample_notebooks import write_notebook

from recovery_research.reports import execution
from recovery_research.reports.comparisons import compare_records
from recovery_research.reports.kernel_watch_notes import NOTES_VARIABLE
from recovery_research.reports.provenance import trace_request
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import prepare_request
from recovery_research.reports.runner import run_report
from recovery_research.reports.staging import Shelf
from recovery_research.reports.stored_runs import find_stored

READS = [
    "md:# Does it read?",
    'parameters:paths = ["a.csv", "b.csv"]  # what is read\nfolder = "d"  # and this',
    "import pathlib\ntexts = [open(path).read() for path in paths]\n"
    "texts += [each.read_text() for each in pathlib.Path(folder).glob('*.csv')]",
    "import sys\nsys.path.insert(0, '..')\nimport above\nfrom pkg.low import n",
    "import os\nlevel = os.environ.get('SHOP_LEVEL')\nprint(texts, level, n)",
    "import numpy as np\nimport pandas as pd\nimport recovery_research as rr\n"
    "pd.DataFrame({'a': np.random.default_rng(3).normal(size=3)}).describe()",
    "md:## What this does not show\n\n- Anything.",
]
DOUBTS = [
    "parameters:n = 1  # how many",
    "import time\ntime.time()",
    "import numpy as np\nnp.random.normal()",
    "import drawn\ndrawn.draw()",
    "!true",
]
CHANGES = {
    "books/b.csv": "b.csv has changed",
    "books/d/new.csv": "the folder {}/books/d holds other files",
    "books/d/c.csv": "c.csv has changed",
    "above.py": "the module {}/above.py has changed",
    "books/pkg/low.py": "the module {}/books/pkg/low.py has changed",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("stale")
    books = home / "books"
    for folder in ("d", "pkg"):
        (books / folder).mkdir(parents=True)
    for name in ("a.csv", "b.csv", "d/c.csv"):
        (books / name).write_text("n\n1\n")
    for name in ("../above.py", "pkg/__init__.py", "pkg/low.py"):
        (books / name).write_text("n = 1\n")
    (books / "drawn.py").write_text(
        "import uuid, datetime\ndef draw():\n"
        "    return uuid.uuid4(), datetime.date.today()\n"
    )
    write_notebook(books / "reads.ipynb", READS)
    write_notebook(books / "doubts.ipynb", DOUBTS)
    return home


@pytest.fixture(scope="module")
def first(home):
    return run_report(home / "books/reads.ipynb", reports=home / "reports")


@pytest.fixture(scope="module")
def doubtful(home):
    return run_report(home / "books/doubts.ipynb", reports=home / "reports")


def ask(home, name="reads", reports=None):
    """Return the stored run, or why there is none."""
    request = prepare_request(home / f"books/{name}.ipynb")
    why = []
    shelf = Shelf(reports or home / "reports", request.report)
    found = find_stored(request, shelf, trace_request(request), tell=why.append)
    return found.run_id if found else "; ".join(why)


def test_what_a_report_read_is_in_its_record(first, home):
    inputs = first.record.inputs
    names = {path.removeprefix(f"{home}/") for path in (*inputs.files, *inputs.modules)}
    assert names == {
        "books/a.csv", "books/b.csv", "books/d/c.csv", "above.py",
        "books/pkg/__init__.py", "books/pkg/low.py",
    }  # fmt: skip
    assert set(inputs.folders) == {f"{home}/books/d"}
    assert inputs.environment["SHOP_LEVEL"] == "absent"
    assert inputs.unknown == []
    assert len(first.record.key) == 64
    shown = call("show", "reads", "--reports", home / "reports").stdout
    for line in ("file {}/books/b.csv", "names in {}/books/d", "module {}/above.py"):
        assert f"  {line.format(home)}\n" in shown
    assert "variable SHOP_LEVEL (not there)" in shown
    assert "cannot be known" not in shown


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_anywhere_is_seen(first, home, name):
    assert ask(home) == first.run_id
    path = home / name
    before = path.read_text() if path.is_file() else None
    path.write_text("n = 2\n")
    try:
        assert ask(home).endswith(CHANGES[name].format(home))
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert ask(home) == first.run_id


def test_a_variable_is_seen(first, home, monkeypatch):
    monkeypatch.setenv("SHOP_LEVEL", "2")
    assert ask(home) == "the environment variable SHOP_LEVEL is another one"
    monkeypatch.delenv("SHOP_LEVEL")
    assert ask(home) == first.run_id


def test_it_is_told_why_a_report_runs_again(first, home):
    request = ["run", home / "books/reads.ipynb", "--reports", home / "reports"]
    same = call(*request)
    assert "nothing has changed" in same.stderr
    (home / "books/b.csv").write_text("n\n22\n")
    try:
        again = call(*request)
        assert f"runs again: {home}/books/b.csv has changed\n" in again.stderr
        newest = Shelf(home / "reports", "reads").latest()
        assert newest.name != first.run_id
        changes = compare_records(first.record, read_record(newest))
        assert [(c.part, c.name) for c in changes] == [("data", f"{home}/books/b.csv")]
    finally:
        (home / "books/b.csv").write_text("n\n1\n")
    # What was true before is so again.
    assert ask(home) == first.run_id


def test_what_cannot_be_known_is_never_unchanged(doubtful, home):
    record = doubtful.record
    assert record.inputs.unknown[:4] == [
        "cell 2 reads the clock (time.time)",
        "cell 3 draws luck without a seed (numpy.random)",
        "cell 4 reads the clock (today in drawn.py)",
        "cell 4 draws luck without a seed (os.urandom in drawn.py)",
    ]
    assert "cell 5 runs another program" in record.inputs.unknown[4]
    assert record.key is None
    assert ask(home, "doubts") == "cannot be known: cell 2 reads the clock (time.time)"
    shown = call("show", "doubts", "--reports", home / "reports").stdout
    assert "cannot be known, so it always runs again\n  cell 2 reads" in shown
    plan = home / "plan.toml"
    plan.write_text(
        '[plan]\nreports = "reports"\n[reports.doubts]\nnotebook = "books/doubts.ipynb"\n'
    )
    said = call("run-all", plan, "--dry-run").stdout
    assert "; would run: cannot be known: cell 2 reads the clock" in said


def test_a_run_of_a_version_that_did_not_watch_is_not_unchanged(first, home, tmp_path):
    folder = tmp_path / "reads" / first.run_id
    shutil.copytree(first.folder, folder)
    assert ask(home, reports=tmp_path) == first.run_id
    document = json.loads((folder / "run.json").read_text())
    del document["inputs"]
    document["ingredients"].pop("inputs")
    (folder / "run.json").write_text(json.dumps(document | {"schema_version": 2}))
    unwatched = "what the notebook reads could not be watched"
    assert ask(home, reports=tmp_path) == f"cannot be known: {unwatched}"
    shown = call("show", first.run_id, "--reports", tmp_path).stdout
    assert f"read\n  {unwatched}" in shown


def test_a_kernel_that_nobody_watches_is_not_known(home, monkeypatch, tmp_path):
    make = execution.kernel_environment

    def unwatched(*given):
        environment = make(*given)
        del environment[NOTES_VARIABLE]
        return environment

    monkeypatch.setattr(execution, "kernel_environment", unwatched)
    run = run_report(home / "books/reads.ipynb", reports=tmp_path)
    assert run.succeeded
    assert run.record.inputs.unknown == ["what the notebook reads could not be watched"]
    assert run.record.key is None
