"""What analyses hand back: one base, whole frames, short tables, nothing unescaped."""

import dataclasses
import inspect

import numpy as np
import pandas as pd
import pytest

import recovery_research as rr
from recovery_research.results import ROWS_SHOWN, Result, write_value

PUBLIC = [getattr(rr, name) for name in rr.__all__]
# Made here, not returned by an analysis: a question, not an answer.
QUESTIONS = {"Experiment", "Study", "History", "Truth"}


@pytest.mark.parametrize("name", sorted(rr.__all__))
def test_what_a_public_function_returns_is_public(name):
    thing = getattr(rr, name)
    if not inspect.isfunction(thing):
        return
    written = str(inspect.signature(thing).return_annotation)
    module = inspect.getmodule(thing)
    for word in set(written.replace("[", " ").replace("]", " ").split()):
        found = getattr(module, word.split(".")[-1], None)
        if dataclasses.is_dataclass(found) and issubclass(found, Result):
            assert found.__name__ in rr.__all__, f"{name} returns {found.__name__}"


def test_every_public_result_has_the_one_base():
    with_frame = {c for c in PUBLIC if inspect.isclass(c) and hasattr(c, "to_frame")}
    assert len(with_frame) > 20
    assert {c.__name__ for c in with_frame if not issubclass(c, Result)} <= {
        "ReportRun"
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Found(Result):
    outcome: str
    estimate: float
    n_treated: int
    better: bool = True
    note: str = ""
    policy: str | None = None
    p_value: float = float("nan")


def test_the_frame_keeps_everything_and_the_table_what_is_there():
    found = Found("spend_<b>&", 1.23456789, 12_345)
    frame = found.to_frame()
    assert frame["estimate"].item() == 1.23456789
    assert list(frame) == [field.name for field in dataclasses.fields(Found)]
    page = found._repr_html_()
    assert "<b>" not in page
    for shown in ("spend_&lt;b&gt;&amp;", "n treated", "12,345", "1.235", "yes"):
        assert shown in page
    for empty in ("note", "policy", "p value"):
        assert f">{empty}<" not in page
    assert "n treated" in str(found)
    assert "n_treated" not in str(found)


@dataclasses.dataclass(frozen=True, slots=True)
class Rows(Result):
    n: int

    def to_frame(self):
        return pd.DataFrame({"week": np.arange(self.n), "share": 0.5, "empty": np.nan})

    def __str__(self):
        return "a < b"


@pytest.mark.parametrize("n", [0, 2, ROWS_SHOWN, ROWS_SHOWN + 3])
def test_many_rows_show_their_first_and_count_the_rest(n):
    page = Rows(n)._repr_html_()
    assert page.count("<tr>") == 1 + min(n, ROWS_SHOWN)
    assert ("3 more rows" in page) == (n > ROWS_SHOWN)
    assert "a &lt; b" in page


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "yes"), (np.False_, "no"), (3, "3"), (np.int64(12_345), "12,345"),
     (0.000123456, "0.0001235"), (123_456.7, "123,457"), (-0.5, "-0.5"),
     (float("inf"), "inf"), (float("nan"), ""), (None, ""), ("a_b", "a_b"),
     (("a", 1), "('a', 1)")],
)  # fmt: skip
def test_values_are_written_with_digits_that_count(value, written):
    assert write_value(value) == written


def test_questions_are_no_results():
    names = {c.__name__ for c in PUBLIC if inspect.isclass(c)}
    assert names >= QUESTIONS
    assert not any(issubclass(getattr(rr, name), Result) for name in QUESTIONS)
