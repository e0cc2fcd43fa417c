"""A wrong parameter is refused in the first cell, in JupyterLab and plain papermill."""

import ast
import json

import papermill
import pytest
from click.testing import CliRunner
from IPython.core.interactiveshell import InteractiveShell
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from recovery_research.cli import main
from recovery_research.paths import notebooks_folder
from recovery_research.reports.checked_parameters import check_cells
from recovery_research.reports.declared_parameters import ParameterError
from recovery_research.reports.notebooks import list_notebooks, read_notebook

NOTEBOOKS = {path.stem: path for path in list_notebooks(notebooks_folder())}
DECLARED = (
    "weeks = 104.0  # weeks of observation [66 to 520]\n"
    "policy = 'service'  # how the firm answers {policy names}"
)
LATER = ["import recovery_research as rr", "x = round(3.7)  # see [1]", "y = 5"]
GOOD = {"weeks": 104.0, "policy": "service"}


def injected(**values):
    return "# Parameters\n" + "\n".join(f"{k} = {v!r}" for k, v in values.items())


@pytest.mark.parametrize(
    "cells",
    [
        [DECLARED],
        ["", *LATER, DECLARED],
        [DECLARED, *LATER],
        [DECLARED, injected(**GOOD)],
        [DECLARED.replace("104.0", "50.0"), DECLARED],  # edited, and run again
        [DECLARED.replace("weeks =", "n_weeks ="), DECLARED],
        [],
        LATER,
    ],
)
def test_good_values_pass_whatever_ran_before(cells):
    check_cells(cells, {**GOOD, "n_weeks": 1.0, "y": 5})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"weeks": 50.0}, "weeks: 50.0 is not allowed; allowed is 66 to 520"),
        ({"weeks": "104"}, "weeks: needs number"),
        ({"policy": "servise"}, "'servise' is not allowed; .* Did you mean 'service'"),
        ({"policy": ["service"]}, "policy: needs text"),
    ],
)
def test_wrong_values_are_refused_whatever_ran_between(wrong, said):
    values = {**GOOD, **wrong}
    for cells in (
        [DECLARED],
        [DECLARED, injected(**values)],
        [DECLARED, *LATER],
        ["y = 5  # how many [1 to 9]", DECLARED, "z = 1  # scratch"],
    ):
        with pytest.raises(ParameterError, match=said):
            check_cells(cells, {**values, "y": 5, "z": 1})


def test_names_and_cells_that_cannot_be_used_are_refused():
    with pytest.raises(ParameterError, match=r"no parameter 'week'; .*mean 'weeks'"):
        check_cells([DECLARED, injected(week=50.0)], {**GOOD, "week": 50.0})
    for cell, said in (
        ("weeks = 'a'  # weeks [66 to 520]", "a range needs a number"),
        ("weeks = round(1.5)  # weeks [66 to 520]", "computes its value"),
        ("weeks = 50.0  # weeks [66 to 520]", "50.0 is not allowed"),
    ):
        with pytest.raises(ParameterError, match=said):
            check_cells([cell], {"weeks": 104.0})


def test_in_ipython_the_error_is_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=config)
    shell.run_cell("import recovery_research as rr", store_history=True)
    shell.run_cell(DECLARED.replace("104.0", "50.0"), store_history=True)
    ended = shell.run_cell("rr.check_parameters()", store_history=True)
    InteractiveShell.clear_instance()
    assert "weeks: 50.0 is not allowed" in str(ended.error_in_exec)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("WrongParameterError: weeks: 50.0 is not")


@pytest.fixture(params=NOTEBOOKS, scope="module")
def path(request):
    return NOTEBOOKS[request.param]


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]


def test_every_notebook_checks_in_its_first_cell_and_keeps_its_parameters(path):
    _, first, *others = code_cells(path)
    assert first.count("rr.check_parameters()") == 1
    names = set(read_notebook(path).parameters)
    for text in (first, *others):
        stored = {
            node.id
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        # Else running the first cell again would refuse what the notebook made.
        assert not stored & names, text


def find_wrong(parameter):
    """Return a value that a parameter may not have, or None if it may be any."""
    if parameter.range is not None:
        return parameter.type(parameter.range.low - 1)
    if parameter.allowed() is None:
        return None
    return [parameter.allowed()[0], "nobody"] if parameter.many else "nobody"


def test_first_cells_refuse_what_the_command_line_refuses(path):
    """Every parameter of every notebook, one wrong value, without a kernel."""
    parameters = read_notebook(path).parameters
    cell = code_cells(path)[0]
    values = {name: parameter.default for name, parameter in parameters.items()}
    check_cells([cell], values)
    for name, parameter in parameters.items():
        wrong = find_wrong(parameter)
        if wrong is None:
            continue
        written = ",".join(wrong) if parameter.many else str(wrong)
        words = ["run", path.stem, "-p", f"{name}={written}"]
        refused = CliRunner().invoke(main.main, words)
        assert refused.exit_code == 2, refused.output
        said = refused.stderr.strip().partition("command line: ")[2]
        with pytest.raises(ParameterError) as caught:
            check_cells([cell, injected(**{name: wrong})], {**values, name: wrong})
        assert str(caught.value) == f"parameters: {said}"


@pytest.mark.slow
def test_plain_papermill_fails_in_the_first_cell(path, tmp_path):
    parameters = read_notebook(path).parameters
    wrong = {n: find_wrong(p) for n, p in parameters.items()}
    name = next((n for n in wrong if wrong[n] is not None), None)
    with pytest.raises(PapermillExecutionError) as caught:
        papermill.execute_notebook(
            path, tmp_path / "out.ipynb", {name: wrong[name]}, progress_bar=False,
            cwd=path.parent,
        )  # fmt: skip
    assert caught.value.ename == "WrongParameterError"
    assert f"parameters: {name}: " in caught.value.evalue
    assert len(caught.value.traceback) == 1
    ran = [c for c in json.loads((tmp_path / "out.ipynb").read_text())["cells"]
           if c["cell_type"] == "code" and c["execution_count"]]  # fmt: skip
    assert "rr.check_parameters()" in "".join(ran[-1]["source"])
