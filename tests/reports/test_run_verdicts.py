"""How a run ended, told truly, whatever its cells did; cells numbered as written."""

import json

import nbformat
import pytest
from bs4 import BeautifulSoup
from fault_runs import SHORT, TABLE, notebook
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sample_notebooks import write_notebook

from recovery_research.reports import run_report
from recovery_research.reports.executed_cells import number_cell
from recovery_research.reports.execution import Execution
from recovery_research.reports.failures import judge
from recovery_research.reports.output_limits import DEEPEST, OutputGuard


def ended(*outputs, source="do()", **seen):
    """Judge a run that ended in its third cell, an injected one before it."""
    injected = new_code_cell("n = 1", metadata={"tags": ["injected-parameters"]})
    cells = [new_code_cell("n = 1"), injected, new_code_cell(source)]
    cells[2].outputs = list(outputs)
    return judge(Execution(new_notebook(cells=cells), [0, 1], 2, **seen))


def raised(name, value):
    return new_output("error", ename=name, evalue=value, traceback=["at line 1"])


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("", "incomplete"),
        ("0", "incomplete"),
        ("None", "incomplete"),
        ("False", "incomplete"),
        ("1", "cell failed"),
        ("True", "cell failed"),
        ("no data", "cell failed"),
    ],
)
def test_leaving_without_an_error_is_not_failing(value, verdict):
    outcome = ended(raised("SystemExit", value))
    assert outcome.verdict == verdict
    assert outcome.message.endswith(", in cell 2: do()")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KeyboardInterrupt", "", "KeyboardInterrupt, in cell 2: do()"),
        ("GeneratorExit", "x", "GeneratorExit: x, in cell 2: do()"),
        ("ValueError", "a\nb", "ValueError: a b, in cell 2: do()"),
    ],
)
def test_an_error_is_told_by_its_name(name, value, said):
    outcome = ended(raised(name, value))
    assert (outcome.verdict, outcome.message) == ("cell failed", said)
    assert outcome.error == name


def test_an_error_that_shows_nothing_is_told_all_the_same():
    told = CellExecutionError("Traceback", "UsageError", "no such magic")
    outcome = ended(cell_error=told, error=RuntimeError("Exception encountered"))
    assert outcome.message == "UsageError: no such magic, in cell 2: do()"
    assert outcome.verdict == "cell failed"


def test_other_ends():
    assert ended(left=True, error=DeadKernelError("gone")).verdict == "incomplete"
    assert ended(error=DeadKernelError("gone")).verdict == "kernel died"
    deep = ended(error=RecursionError("maximum recursion depth exceeded"))
    assert deep.verdict == "cell failed"
    assert deep.message == "its output is nested too deeply to be read, in cell 2: do()"


def test_cells_are_numbered_as_their_author_sees_them():
    tags = [["failure-banner"], [], ["parameters"], ["injected-parameters"], ["x"]]
    cells = [new_code_cell("1", metadata={"tags": tag}) for tag in tags]
    cells[1] = new_markdown_cell("# T")
    numbers = [number_cell(cells, index) for index in range(5)]
    assert numbers == [0, 1, 2, 2, 3]


# ------------------------------------------------------- what cannot be kept


def admit(kind, **content):
    guard = OutputGuard(lambda _: None, lambda _: None)
    message = {"msg_type": kind, "content": content}
    assert guard.admit(message, 4)
    return content, [said for cell, said in guard.left_out if cell == 4]


def nested(levels):
    value = "end"
    for number in range(levels):
        value = {"a": value} if number % 2 else [value]
    return value


KINDS = ["text/html", "text/plain", "image/png", "image/svg+xml", "text/x-own"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [3, None, True, 0.5, {"a": "b"}, [1, "a"], [[]]])
def test_a_display_of_the_wrong_type_is_left_out_and_told(kind, value):
    content, said = admit("display_data", data={kind: value}, metadata={})
    assert content["data"] == {"text/plain": f"[left out: {kind} that is no text]"}
    assert said == [f"shows {kind} that is no text; left out"]


def test_what_else_there_is_to_show_stays():
    data = {"text/html": ["<b>", "x</b>"], "image/png": 3, "application/json": [1]}
    content, said = admit("display_data", data=data, metadata=[1])
    assert content["data"] == {"text/html": "<b>x</b>", "application/json": [1]}
    assert content["metadata"] == {}
    assert len(said) == 2
    assert admit("display_data", data=[3], metadata={})[0]["data"] == {}


@pytest.mark.parametrize("levels", [DEEPEST - 1, DEEPEST + 1, 100_000])
def test_what_is_nested_too_deeply_is_left_out(levels):
    data = {"application/vnd.x+json": nested(levels), "text/plain": "t"}
    content, said = admit("display_data", data=data, metadata={"a": nested(levels)})
    kept = levels < DEEPEST
    assert ("application/vnd.x+json" in content["data"]) is kept
    assert bool(content["metadata"]) is (levels + 1 < DEEPEST)
    assert len(said) == 2 - kept - (levels + 1 < DEEPEST)


@pytest.mark.parametrize("traceback", [None, 3, [None, 1], "text"])
def test_what_an_error_says_of_itself_becomes_text(traceback):
    content, _ = admit("error", ename="E", evalue=None, traceback=traceback)
    output = new_output("error", **content)
    nbformat.validate(new_notebook(cells=[new_code_cell("1", outputs=[output])]))


# ------------------------------------------------------------- with a kernel

ODD = """\
from IPython.display import display
class Odd:
    def __init__(self, bundle): self.bundle = bundle
    def _repr_mimebundle_(self, **_): return self.bundle
class Html:
    def __init__(self, value): self.value = value
    def _repr_html_(self): return self.value
deep = {}
for _ in range(900): deep = {'a': deep}
odd = [{'text/html': 3}, {'text/html': {1, 2}}, {'image/png': None}, [1], 3, {3: 'x'},
    {'text/html': ['<i>', 'joined</i>']},
    {'application/json': deep}, {'application/json': float('nan')},
    {'text/plain': 'a\\udc80b'}]
display(*map(Odd, odd), *map(Html, [b'<b>', 3, None]))
display({'text/plain': 'm'}, metadata=deep, raw=True)
display({'text/plain': 'k'}, raw=True, metadata={'recovery_research': {'kind': ['t']}})
Odd(({'text/html': '<p>kept</p>'}, [1]))
"""
STUBBORN = "class Stop(Exception):\n    def _render_traceback_(self): return None\n"


def test_odd_displays_and_expected_errors_do_not_spoil_a_run(tmp_path):
    cells = ["md:# T", SHORT, ODD, "1 / 0", "raise RuntimeError('never')", TABLE]
    path = write_notebook(tmp_path / "odd.ipynb", cells)
    document = json.loads(path.read_text())
    document["cells"][3]["metadata"]["tags"] = ["raises-exception"]
    document["cells"][4]["metadata"]["tags"] = ["skip-execution"]
    path.write_text(json.dumps(document))
    run = run_report(path, reports=tmp_path / "reports")
    assert run.succeeded, run.message
    said = run.record.warnings
    for what in ("text/html that is no text", "metadata that is no table",
                 "application/json that is nested", "metadata that is nested"):  # fmt: skip
        assert any(text.startswith(f"cell 3 shows {what}") for text in said), said
    assert len(run.record.cell_seconds) == len(cells)
    executed = nbformat.read(run.folder / "report.ipynb", as_version=4)
    nbformat.validate(executed)
    page = BeautifulSoup((run.folder / "report.html").read_text(), "html.parser")
    shown = page.main.get_text()
    assert "[left out: text/html that is no text]" in shown
    assert "kept" in shown
    assert "joined" in shown
    expected = page.find("summary", string=lambda text: "meant to raise" in str(text))
    assert "ZeroDivisionError" in expected.parent.get_text()


@pytest.mark.parametrize(
    ("cell", "verdict", "said"),
    [
        ("quit()", "incomplete", "the notebook left, in cell 2: quit()"),
        ("%nosuch", "cell failed", "UsageError: Line magic function `%nosuch` not fou"),
        (f"{STUBBORN}raise Stop", "cell failed", "Stop, in cell 2: class Stop(Exc"),
    ],
)
def test_other_ends_of_a_kernel(tmp_path, cell, verdict, said):
    run = run_report(notebook(tmp_path, cell, "1"), reports=tmp_path / "reports")
    assert run.verdict == verdict
    assert run.message.startswith(said)
    assert run.record.failure.cell == 2
    page = BeautifulSoup((run.folder / "report.html").read_text(), "html.parser")
    assert page.find(class_="failure").find("h3").get_text() == "Cell 2"
    (failed,) = page.main.find_all(class_="failed")
    assert failed.summary["aria-label"] == "Code of cell 2"
