"""Hostile parameters and damaged notebooks: refused before a kernel starts, or kept."""

import json

import pytest
from fault_runs import SHORT
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_notebooks import write_notebook

from recovery_research.reports import run_report
from recovery_research.reports.notebooks import NotebookError
from recovery_research.reports.run_request import layer_given, prepare_request

DECLARED = (
    "parameters:n = 1  # how many [1 to 99]\nshare = 0.25  # of it [0 to 1]\n"
    'world = "evidence"  # beliefs {claims, evidence}\nnote = ""  # any text\n'
    'names = ["a"]  # any\nlearn = True  # whether'
)
TOLD = (
    "import json\nfrom IPython.display import display\n"
    "told = json.dumps([n, share, world, note, names, learn])\n"
    "marks = {'recovery_research': {'kind': 'table', 'name': 'told', 'caption': 'c'}}\n"
    "display({'text/csv': told, 'text/plain': 't'}, raw=True, metadata=marks)"
)
HOSTILE = [
    '"; raise SystemExit; "',
    "'''\nimport os; os._exit(3)\n'''",
    "{braces} {0} %s %(x)s ${HOME} `id` $(id)",
    "<script>alert(1)</script>",
    "\\",
    "\\n\\x00",
    "\u202e\u2028\ud7ff",
    "x" * 5000,
    "a\r\nb\tc",
]
ANY = st.one_of(
    st.integers(-5, 120),
    st.floats(-1, 2),
    st.sampled_from(
        [
            *HOSTILE,
            "claims",
            "evidence",
            "",
            "env:HOME",
            None,
            float("nan"),
            float("-inf"),
        ]
    ),
    st.text(max_size=20),
    st.booleans(),
    st.lists(st.one_of(st.text(max_size=9), st.sampled_from(HOSTILE)), max_size=3),
)
NAMES = st.sampled_from(
    [
        "n",
        "share",
        "world",
        "note",
        "names",
        "learn",
        "N",
        "n; import os",
        "class",
        "__x",
    ]
)
SETS = st.dictionaries(NAMES, ANY, max_size=4)
# Sets that are likely to be right, so that some do run.
FAIR = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 99),
        "share": st.floats(0, 1),
        "note": st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30)),
        "names": st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3),
        "learn": st.booleans(),
    },
)
DEFAULTS = [1, 0.25, "evidence", "", ["a"], True]
KEYS = ["n", "share", "world", "note", "names", "learn"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    return write_notebook(folder / "told.ipynb", [DECLARED, TOLD])


def check_set(path, values, *, run):
    """Refused before anything starts, or run exactly as given."""
    reports = path.parent / "reports"
    try:
        request = prepare_request(path, layer_given(values))
    except ValueError:
        before = set(reports.rglob("*"))
        with pytest.raises(ValueError):
            run_report(path, values, reports=reports)
        assert set(reports.rglob("*")) == before
        return
    expected = [
        values.get(key, default) for key, default in zip(KEYS, DEFAULTS, strict=True)
    ]
    assert [request.values()[key] for key in KEYS] == expected
    if not run:
        return
    done = run_report(path, values, reports=reports)
    assert done.succeeded, (values, done.message)
    told = json.loads((done.folder / "tables/told.csv").read_text())
    assert told == expected
    assert [type(v) for v in told] == [type(v) for v in DEFAULTS]
    assert {p.name: p.value for p in done.record.parameters} == request.values()


@settings(max_examples=300)
@given(values=SETS)
def test_hostile_parameters_are_refused_or_kept_as_they_are(hostile, values):
    check_set(hostile, values, run=False)


@settings(max_examples=4)
@given(values=FAIR)
def test_fair_parameters_run_exactly_as_given(hostile, values):
    check_set(hostile, values, run=True)


@pytest.mark.slow
@settings(max_examples=1000)
@given(values=st.one_of(SETS, FAIR))
def test_a_thousand_parameter_sets(hostile, values):
    check_set(hostile, values, run=True)


# ------------------------------------------------------------ damaged notebooks


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "broken.ipynb"),
        ("[]", "format 4"),
        ('{"nbformat": 3, "worksheets": []}', "is in format 3"),
        ('{"nbformat": 4, "cells": 3, "metadata": {}}', "format 4"),
        (
            '{"nbformat": 4, "cells": [], "metadata": '
            '{"kernelspec": {"language": "R"}}}',
            "only Python is run",
        ),
    ],
)
def test_files_that_are_no_notebooks_are_refused(tmp_path, content, said):
    (tmp_path / "broken.ipynb").write_text(content)
    with pytest.raises(NotebookError, match=said):
        run_report(tmp_path / "broken.ipynb", reports=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_parameters_cells_are_counted(tmp_path):
    notebook = write_notebook(tmp_path / "count.ipynb", [SHORT, SHORT])
    with pytest.raises(NotebookError, match="and no other"):
        run_report(notebook, reports=tmp_path)
    for name in ("a b.ipynb", "{x}.ipynb", "..ipynb", "-x.ipynb"):
        notebook = write_notebook(tmp_path / name, [SHORT])
        with pytest.raises(NotebookError, match="letters, digits, hyphens"):
            run_report(notebook, reports=tmp_path)


def test_bad_parameters_start_nothing(tmp_path):
    notebook = write_notebook(tmp_path / "short.ipynb", [SHORT, "1"])
    with pytest.raises(ValueError, match="Did you mean 'seed'"):
        run_report(notebook, {"seeds": 1}, reports=tmp_path / "reports")
    with pytest.raises(TypeError, match="n: needs whole number"):
        run_report(notebook, {"n": "1"}, reports=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()
