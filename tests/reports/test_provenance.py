"""What the key of a run depends on: the data it reads, wherever they were named."""

import pytest
from sample_notebooks import write_notebook

from recovery_research.reports.checked_parameters import Layer
from recovery_research.reports.provenance import (
    hash_sources,
    list_ingredients,
    make_key,
    trace_request,
)
from recovery_research.reports.run_request import prepare_request

CELLS = [
    "md:# Does it read?",
    'parameters:source = "none"  # what is read',
    "print(source)",
    "md:## What this does not show\n\n- Anything.",
]


@pytest.fixture
def notebook(tmp_path):
    (tmp_path / "books").mkdir()
    path = tmp_path / "books" / "reads.ipynb"
    write_notebook(path, CELLS)
    return path


def request_of(notebook, source):
    return prepare_request(notebook, [Layer("here", {"source": source})])


def key_of(notebook, source):
    request = request_of(notebook, source)
    return make_key(list_ingredients(request, trace_request(request)))


@pytest.mark.parametrize("place", ["books", "called", "project", "project/data"])
def test_a_file_is_part_of_the_key_wherever_it_is_found(
    notebook, tmp_path, monkeypatch, place
):
    for folder in ("called", "project/data"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "called")
    monkeypatch.setattr(
        "recovery_research.reports.provenance.project_root",
        lambda: tmp_path / "project",
    )
    path = tmp_path / place / "mine.csv"
    path.write_text("a\n1\n")
    before = key_of(notebook, "mine.csv")
    assert key_of(notebook, "mine.csv") == before is not None
    path.write_text("a\n2\n")
    assert key_of(notebook, "mine.csv") != before


@pytest.mark.parametrize("source", ["sqlite:///mine.db", "env:WHERE_IT_IS"])
def test_what_no_hash_can_tell_has_no_key(notebook, source):
    assert hash_sources(request_of(notebook, source)) == {"source": ""}
    assert key_of(notebook, source) is None


@pytest.mark.parametrize("source", ["simulated", "", "~nobody/x", "x" * 2000])
def test_a_text_that_names_nothing_is_a_text(notebook, source):
    assert hash_sources(request_of(notebook, source)) == {}
    assert key_of(notebook, source) is not None
