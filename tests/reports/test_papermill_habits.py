"""What people who know papermill write into notebooks, and how they call them."""

import json
import shlex
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parameter_cells import one
from sample_notebooks import write_notebook

from recovery_research.reports import run_report
from recovery_research.reports.checked_parameters import (
    DEEPEST,
    Layer,
    check_value,
    choose_parameters,
    read_text,
)
from recovery_research.reports.declared_parameters import ParameterError
from recovery_research.reports.execution import TupleTranslator
from recovery_research.reports.failures import write_command
from recovery_research.reports.notebooks import read_notebook
from recovery_research.reports.parameter_files import (
    describe_notebook,
    read_parameter_file,
)
from recovery_research.reports.records import read_record
from recovery_research.reports.run_finder import write_value
from recovery_research.reports.run_request import prepare_request
from recovery_research.reports.type_hints import read_literal, read_type_hint

# ------------------------------------------------------------- declarations


@pytest.mark.parametrize(
    ("source", "kind", "default"),
    [
        ("x: int = 1", "whole number", 1),
        ("x: float = 1", "number", 1.0),
        ("x: bool = False", "true or false", False),
        ("x: 'str' = 'a'", "text", "a"),
        ("x: int = None", "whole number or none", None),
        ("x: Optional[float] = None", "number or none", None),
        ("x: t.Union[int, None] = 3", "whole number or none", 3),
        ("x: float | None = 1", "number or none", 1.0),
        ("x: int | float = 2", "number", 2.0),
        ("x: int | str = 2", "any value", 2),
        ("x: list[int] = []", "list of whole number", []),
        ("x: List[float] = [1]", "list of number", [1.0]),
        ("x: tuple[str, ...] = ('a',)", "list of text", ["a"]),
        ("x: list = None", "list of any value", None),
        ("x: dict[str, int] = {}", "table", {}),
        ("x: pd.Timestamp = None", "any value", None),
        ("x: pd.Timestamp = '2024-01-31'", "text", "2024-01-31"),
        ("x = None", "any value", None),
        ("x = None  # type: float", "number or none", None),
        ("x = None  # a share [0 to 1]", "number or none", None),
        ("x = None  # which {a, b}", "text or none", None),
        ("x = []", "list of any value", []),
        ("x = ()", "list of any value", []),
        ("x = [1, 'a', None]", "list of any value", [1, "a", None]),
        ("x = [[1], [2]]", "list of any value", [[1], [2]]),
        ("x = {'a': [1, None]}", "table", {"a": [1, None]}),
        ("x = 60 * 60", "whole number", 3600),
        ("x = [-1, 10 * 1024**2]", "list of whole number", [-1, 10485760]),
        ("x = 1 / 4", "number", 0.25),
        ("x = -(2 + 3) % 4", "whole number", 3),
        ("x = '''a\nb'''", "text", "a\nb"),
    ],
)
def test_declarations_that_papermill_takes(source, kind, default):
    parameter = one(source)
    assert parameter.kind == kind
    chosen = choose_parameters({"x": parameter}, [])["x"].value
    assert chosen == default
    assert type(chosen) is type(default)


def test_what_stands_beside_the_type_still_counts():
    limited = one("x: float = None  # type: float  a share [0 to 1]")
    with pytest.raises(ParameterError, match="allowed is 0 to 1"):
        read_text(limited, "2")
    assert one("x = None  # type: int  how many").help == "how many"
    chosen = one("x: Literal['a', 'b'] = 'a'")
    with pytest.raises(ParameterError, match="allowed are a, b"):
        read_text(chosen, "c")
    with pytest.raises(ParameterError, match="needs whole number"):
        choose_parameters({"x": one("x: int = 'a'")}, [])
    assert one("x = {}  # options such as {a: 1}").help == "options such as {a: 1}"


@given(st.text())
def test_a_type_hint_is_read_or_says_nothing(text):
    # In quotes it is the same hint, said beforehand.
    assert read_type_hint(repr(text)) == read_type_hint(text)


numbers = st.integers(-1000, 1000) | st.floats(-1e3, 1e3).map(lambda x: round(x, 3))


@given(numbers, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), numbers)
def test_arithmetic_comes_to_what_python_makes_of_it(left, sign, right):
    import ast

    text = f"({left}) {sign} ({right})"
    try:
        found = read_literal(ast.parse(text, mode="eval").body)
    except ValueError:
        return
    assert found == eval(text)


# ------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ("x = None", "5", 5),
        ("x = None", "007", "007"),
        ("x = None", "2024-01-31", "2024-01-31"),
        ("x = None", "True", True),
        ("x = None", "null", None),
        ("x = None", '{"a": [1]}', {"a": [1]}),
        ("x: float = None", "None", None),
        ("x: float = None", "0.5", 0.5),
        ("x: str = None", "none", "none"),
        ("x = ''", "None", "None"),
        ("x = {}", '{"a": null}', {"a": None}),
        ("x = []", "[]", []),
        ("x = []", "1,a", [1, "a"]),
        ("x = [[1]]", "[[1, 2], []]", [[1, 2], []]),
    ],
)
def test_texts_for_what_may_be_anything(source, text, value):
    found = read_text(one(source), text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "value", "said"),
    [
        ("x = None", float("nan"), "finite"),
        ("x = None", {"a": [float("inf")]}, "finite"),
        ("x = None", {1: 2}, "keys of a table are texts"),
        ("x = None", {"a\0": 2}, "no file can keep"),
        ("x = None", {1, 2}, "needs any value"),
        ("x = None", b"x", "needs any value"),
        ("x = None", 2**64, "64 bits"),
        ("x = {}", [1], "needs table"),
        ("x = {}", None, "needs table"),
        ("x = [1]", [], "the list is empty"),
        ("x = None", "postgresql://a:hush@b/c", "holds a password"),
        ("x = {}", {"u": ["postgresql://a:hush@b/c"]}, "holds a password"),
        ("x = {}", {"postgresql://a:hush@b/c": 1}, "holds a password"),
    ],
)
def test_what_no_record_can_keep_is_refused(source, value, said):
    with pytest.raises(ParameterError, match=said) as caught:
        check_value(one(source), value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 3, 500, 100_000])
def test_a_parameter_nested_too_deeply_is_refused_in_a_line(levels):
    text = "[" * levels + "]" * levels
    for source in ("x = None", "x = []", "x = [1]", "x = {}"):
        if levels == DEEPEST and source != "x = {}" and source != "x = [1]":
            assert read_text(one(source), text)
            continue
        with pytest.raises(ParameterError) as caught:
            read_text(one(source), text)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "value", [date(2024, 1, 31), datetime(2024, 1, 31, 6, 30), "2024-01-31"]
)
def test_a_date_for_a_text_is_written_as_one(value):
    told = check_value(one("start = '2024-01-01'"), value)
    assert told == (value if isinstance(value, str) else value.isoformat())
    assert check_value(one("x = None"), [value]) == [told]
    with pytest.raises(ParameterError, match="needs whole number"):
        check_value(one("n = 1"), value)


def test_parameter_files(tmp_path):
    declared = {"o": one("o = {}"), "d": one("d = ''"), "n": one("n = None")}
    file = tmp_path / "p.toml"
    file.write_text("d = 2024-05-01\nn = 07:30:00\n[o]\na = [1, {b = 2}]\n")
    chosen = choose_parameters(declared, [read_parameter_file(file)])
    values = {name: choice.value for name, choice in chosen.items()}
    assert values == {"d": "2024-05-01", "n": "07:30:00", "o": {"a": [1, {"b": 2}]}}
    file = tmp_path / "p.yaml"
    for text in ("o: {a: 1}", "n: [1]"):
        file.write_text(text)
        with pytest.raises(ParameterError, match="write it in TOML or JSON"):
            choose_parameters(declared, [read_parameter_file(file)])


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    anything,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(anything)
def test_any_value_is_refused_or_reaches_the_notebook_exactly(value):
    try:
        plain = check_value(one("x = None"), value)
    except ParameterError:
        return
    space: dict = {}
    exec(TupleTranslator.codify({"x": plain}), space)
    assert space["x"] == plain == json.loads(json.dumps(plain, allow_nan=False))
    assert json.dumps(plain) == json.dumps(value)


@given(st.lists(st.none() | st.integers() | st.text(), max_size=3).map(tuple))
def test_a_tuple_stays_one(value):
    space: dict = {}
    exec(TupleTranslator.codify({"x": value}), space)
    assert space["x"] == value


# ---------------------------------------------------------------- notebooks

HABITS = """\
n: int = 2
limit = None
rate: float = 1
start = "2024-01-01"
options = {"a": [1, None], "b": {}}
names = []
shape = (2, 3)
hour = 60 * 60"""
SHOW = (
    "from recovery_research.exhibits import show_table\nimport pandas as pd\n"
    "rows = [n, limit, rate, start, options, names, shape, hour]\n"
    "show_table(pd.DataFrame({'v': ['= ' + repr(v) for v in rows]}), name='v', caption='c')"
)


def test_a_notebook_with_all_habits_runs_and_is_recorded(tmp_path):
    path = write_notebook(tmp_path / "habits.ipynb", [f"parameters:{HABITS}", SHOW])
    given = {"options": {"c": 1}, "start": date(2024, 1, 31), "names": ["a", 1]}
    run = run_report(path, given, reports=tmp_path / "reports")
    assert run.succeeded, run.message
    assert [text.removeprefix("= ") for text in run.read_table("v")["v"]] == [
        *("2", "None", "1.0", "'2024-01-31'", "{'c': 1}", "['a', 1]", "(2, 3)", "3600")
    ]
    record = read_record(run.folder)
    assert record == run.record
    values = {p.name: p.value for p in record.parameters}
    assert values["options"] == {"c": 1}
    assert values["limit"] is None
    assert 'options={"c": 1}' in shlex.split(write_command(record))
    page = (run.folder / "report.html").read_text()
    assert "none" in page
    assert write_value(values["options"]) == '{"c": 1}'
    assert "options (table" in describe_notebook(read_notebook(path))


@pytest.mark.parametrize("cells", [[], ["md:# Only words"], ["print(1)"]])
def test_a_notebook_without_parameters_runs_as_it_is(tmp_path, cells):
    path = write_notebook(tmp_path / "plain.ipynb", cells)
    with pytest.raises(ParameterError, match="there are none in a cell tagged"):
        prepare_request(path, [Layer("command line", {"n": 1})])
    assert "no cell is tagged so" in describe_notebook(read_notebook(path))
    run = run_report(path, reports=tmp_path / "reports")
    assert run.succeeded, run.message
    said = "no cell is tagged 'parameters', so the notebook ran as it is"
    assert run.record.warnings == [said]
