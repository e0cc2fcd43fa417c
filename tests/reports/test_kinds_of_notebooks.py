"""Notebooks as people have them: old, odd, anywhere, with kernels of their own."""

import json
import os
import sys
from pathlib import Path

import pytest
from command_calls import call
from sample_notebooks import write_notebook

from recovery_research.reports import run_report
from recovery_research.reports.notebooks import (
    NotebookError,
    read_notebook,
    write_runnable,
)
from recovery_research.reports.run_request import prepare_request


def code(source="1", tags=(), **more):
    return {"cell_type": "code", "source": source, "outputs": [],
            "execution_count": None, "metadata": {"tags": list(tags)}, **more}  # fmt: skip


TAGGED = code("n = 1", ["parameters"])


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"nbformat": 3}, "is in format 3 of notebooks, not 4"),
        ({"nbformat": 5}, "is in format 5 of notebooks, not 4"),
        ({}, "is not a notebook in format 4"),
        ([1], "is not a notebook in format 4"),
        ({"cells": None}, "is not a notebook in format 4"),
        ({"metadata": None}, "is not a notebook in format 4"),
        ({"cells": [code(3)]}, "is not a notebook in format 4"),
        ({"cells": [{**code(), "metadata": None}]}, "cell 1, no metadata"),
        ({"cells": [code("'\ud800'")]}, "cell 1 holds half a character"),
        ({"cells": [TAGGED, code(), TAGGED]}, "cell 1 and 3: one code cell"),
        ({"cells": [{**TAGGED, "cell_type": "markdown"}]}, "cell 1: one code cell"),
        ({"cells": [TAGGED, code("n = 2", ["injected-parameters"])]}, "papermill made"),
        ({"metadata": {"kernelspec": {"language": "R"}}}, "only Python is run"),
    ],
)
def test_other_notebooks_are_refused_in_a_line(tmp_path, document, said):
    whole = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": []}
    path = tmp_path / "odd.ipynb"
    path.write_text(
        json.dumps(whole | document if document not in ({}, [1]) else document)
    )
    with pytest.raises(NotebookError, match=said):
        read_notebook(path)


def test_cells_without_ids_of_their_own_get_the_same_every_time(tmp_path):
    cells = [TAGGED, code(id="a"), code(id="a"), code(id="not an id"), code(id=3)]
    cells[1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "old"}]
    path = tmp_path / "ids.ipynb"
    whole = {"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": cells}
    path.write_text("\ufeff" + json.dumps(whole))
    text = write_runnable(read_notebook(path))
    assert text == write_runnable(read_notebook(path))
    made = json.loads(text)["cells"]
    assert len({cell["id"] for cell in made}) == len(cells)
    assert all(cell["outputs"] == [] for cell in made)


def test_a_notebook_is_named_by_its_path_as_in_a_shell(tmp_path, monkeypatch):
    (tmp_path / "recovery-research.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    for folder in (tmp_path, tmp_path / "notebooks"):
        title = f"md:# In {folder.name}"
        write_notebook(folder / "x.ipynb", [title, "parameters:n = 1"])
    monkeypatch.chdir(tmp_path)
    here = f"In {tmp_path.name}"
    for name in ("x.ipynb", "./x.ipynb", "./x", str(tmp_path / "x.ipynb")):
        assert here in call("describe", name).stdout, name
    assert "In notebooks" in call("describe", "x").stdout
    for name, said in (
        ("./y.ipynb", "there is no file y.ipynb.\n"),
        ("./notebooks", "notebooks is not a notebook file"),
        ("y.ipynb", "there is no notebook 'y.ipynb'"),
    ):
        refused = call("run", name)
        assert refused.exit_code == 2
        assert said in refused.stderr


# ------------------------------------------------------------------ kernels


def install_kernel(folder, name, program, **more):
    """Write a kernel's specification as `ipykernel install` does."""
    place = folder / "kernels" / name
    place.mkdir(parents=True)
    argv = [str(program), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": name, "language": "python", **more}
    (place / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("HOME", str(tmp_path))
    own = {"env": {"WHOSE_KERNEL": "theirs"}}
    install_kernel(tmp_path / "jupyter", "theirs", sys.executable, **own)
    return tmp_path / "jupyter"


def asking_for(folder, name, *cells):
    spec = {"kernelspec": {"name": name, "display_name": name}}
    return write_notebook(folder / "asks.ipynb", ["parameters:n = 1", *cells], **spec)


def test_another_kernel_is_used_where_it_is_installed(kernels, tmp_path):
    whose = "import os\nassert os.environ['WHOSE_KERNEL'] == 'theirs' and n == 1"
    path = asking_for(tmp_path, "theirs", whose)
    run = run_report(path, reports=tmp_path / "reports")
    assert run.succeeded, run.message
    assert run.record.key is None  # what is in there is not known here


def test_another_kernel_is_never_replaced_by_ours(kernels, tmp_path):
    install_kernel(kernels, "lisp", sys.executable, language="lisp")
    for name, said in (
        ("their", r"'their', which is not installed; there are .*theirs.*"
                  r"Did you mean 'theirs'\?"),
        ("lisp", "which runs 'lisp'; only Python is run"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            prepare_request(asking_for(tmp_path, name))


@pytest.mark.parametrize("program", ["absent", "forbidden"])
def test_a_kernel_whose_program_does_not_start_is_called_that(
    kernels, tmp_path, program
):
    (tmp_path / "forbidden").write_text("")
    os.chmod(tmp_path / "forbidden", 0o644)
    install_kernel(kernels, "bad", tmp_path / program)
    run = run_report(asking_for(tmp_path, "bad"), reports=tmp_path / "reports")
    assert (run.verdict, run.exit_code) == ("not started", 7)
    said = {"absent": "No such file", "forbidden": "Permission denied"}[program]
    assert f"its program {tmp_path / program} could not be started" in run.message
    assert said in run.message
    assert len(run.record.attempts) == 1, "it will not be there in five seconds"
    assert Path(run.page).is_file()
