"""Values of parameters: refused before anything runs, or run as given."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator
from parameter_cells import CELL, one

from recovery_research.reports.checked_parameters import (
    Layer,
    check_value,
    choose_parameters,
    read_text,
)
from recovery_research.reports.declared_parameters import (
    ParameterError,
    is_secret,
    read_declarations,
)


@pytest.fixture(scope="module")
def declared():
    return read_declarations(CELL)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_customers", "20_000", 20_000),
        ("n_customers", "+5", 5),
        ("rate", "1e3", 1000.0),
        ("rate", "7", 7.0),
        ("rate", ".5", 0.5),
        ("learn", "false", False),
        ("learn", "true", True),
        ("label", "007", "007"),
        ("label", "1_000", "1_000"),
        ("label", "true", "true"),
        ("label", "", ""),
        ("label", "a=b", "a=b"),
        ("label", '"; import os; "', '"; import os; "'),
        ("tools", "saw", ["saw"]),
        ("tools", "saw, glue_gun", ["saw", "glue_gun"]),
        ("tools", '["glue_gun"]', ["glue_gun"]),
        ("shares", "0.2,1", [0.2, 1.0]),
        ("sizes", "[1, 2]", [1, 2]),
    ],
)
def test_text_is_converted_by_the_declared_type(declared, name, text, value):
    found = read_text(declared[name], text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_customers", "hello"),
        ("n_customers", "1e3"),
        ("n_customers", "007"),
        ("n_customers", "1.0"),
        ("n_customers", "true"),
        ("n_customers", " 5"),
        ("n_customers", "5\n"),
        ("n_customers", ""),
        ("n_customers", "٣"),
        ("n_customers", "9" * 5000),
        ("n_customers", "0"),
        ("n_customers", "10000001"),
        ("n_customers", "1);import os;(1"),
        ("rate", "nan"),
        ("rate", "inf"),
        ("rate", "-inf"),
        ("rate", "1e999"),
        ("rate", "-0.1"),
        ("rate", "0x10"),
        ("confidence", "1"),
        ("learn", "yes"),
        ("learn", "1"),
        ("learn", "0"),
        ("learn", "TRUE"),
        ("world", "Evidence"),
        ("world", ""),
        ("label", "a\0b"),
        ("label", "a\udcffb"),
        ("tools", ""),
        ("tools", "saw,"),
        ("tools", "[]"),
        ("tools", "[1]"),
        ("tools", '["saw"'),
        ("tools", "spoon"),
        ("tools", "[" * 100_000),
        ("shares", "0.2,1.2"),
        ("shares", "[NaN]"),
        ("sizes", "[true]"),
        ("sizes", "[1.0]"),
    ],
)
def test_other_text_is_refused(declared, name, text):
    with pytest.raises(ParameterError, match=name):
        read_text(declared[name], text)


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("n_customers", np.int64(5), 5),
        ("rate", np.float32(0.5), 0.5),
        ("rate", 3, 3.0),
        ("learn", np.bool_(False), False),
        ("label", np.str_("x"), "x"),
        ("tools", ("saw",), ["saw"]),
        ("sizes", [np.int32(4)], [4]),
    ],
)
def test_values_become_plain_python(declared, name, value, plain):
    found = check_value(declared[name], value)
    assert found == plain
    assert type(found) is type(plain)
    assert json.loads(json.dumps(found)) == plain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_customers", 5.0),
        ("n_customers", True),
        ("n_customers", "5"),
        ("n_customers", None),
        ("rate", True),
        ("rate", "0.5"),
        ("rate", 1j),
        ("learn", 1),
        ("learn", "true"),
        ("label", 5),
        ("label", b"x"),
        ("tools", "saw"),
        ("tools", {"saw"}),
        ("sizes", [1.5]),
        ("sizes", [None]),
    ],
)
def test_other_types_are_refused(declared, name, value):
    with pytest.raises(TypeError, match=f"{name}: needs"):
        check_value(declared[name], value)


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float64("nan"), 10**400])
def test_numbers_that_are_not_finite_are_refused(declared, value):
    with pytest.raises(ParameterError, match="rate"):
        check_value(declared["rate"], value)


def test_messages_name_the_nearest(declared):
    with pytest.raises(ParameterError, match="Did you mean 'evidence'"):
        read_text(declared["world"], "evidense")
    with pytest.raises(ParameterError, match="Did you mean 'glue_gun'"):
        read_text(declared["tools"], "hammer,gluegun")
    with pytest.raises(ParameterError, match="Did you mean 'n_customers'"):
        choose_parameters(declared, [Layer("call", {"n_customer": 5})])


@pytest.mark.parametrize(
    "name",
    [
        "n customers",
        "n=1;import os",
        "class",
        "1n",
        "",
        "x\ny",
        "a.b",
        "__x__",
        3,
        "\N{FULLWIDTH LATIN SMALL LETTER N}",
    ],
)
def test_names_that_are_not_declared_are_refused(declared, name):
    with pytest.raises(ParameterError, match=r"name of a parameter|no parameter"):
        choose_parameters(declared, [Layer("call", {name: 1})])


# --------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "name", ["token", "db_password", "api_key", "APIKEY", "secret"]
)
def test_secrets_are_known_by_their_names(name):
    assert is_secret(name)
    assert not is_secret(f"n_{name}s_left")


def test_a_secret_is_given_by_reference_only(monkeypatch):
    monkeypatch.setenv("RR_TOKEN", "hush")
    token = one('token = ""  # for the database')
    assert read_text(token, "env:RR_TOKEN") == "env:RR_TOKEN"
    assert check_value(token, "") == ""
    with pytest.raises(ParameterError, match="never in plain text") as caught:
        read_text(token, "hunter2")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ParameterError, match="'RR_ABSENT' is not set"):
        read_text(token, "env:RR_ABSENT")


# ------------------------------------------------------------------ properties


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = values | st.lists(values, max_size=3)


@given(name=st.sampled_from(sorted(read_declarations(CELL))), value=values)
def test_any_value_is_refused_or_reaches_the_notebook_exactly(name, value):
    """What papermill writes into the notebook evaluates to what was given."""
    parameter = read_declarations(CELL)[name]
    try:
        plain = check_value(parameter, value)
    except ParameterError:
        return
    space: dict = {}
    exec(PythonTranslator.codify({name: plain}), space)
    assert space[name] == value
    assert space[name] == json.loads(json.dumps(plain, allow_nan=False))


@given(name=st.sampled_from(sorted(read_declarations(CELL))), text=st.text())
def test_any_text_is_refused_or_of_the_declared_type(name, text):
    parameter = read_declarations(CELL)[name]
    try:
        plain = read_text(parameter, text)
    except ParameterError:
        return
    for element in plain if parameter.many else [plain]:
        assert type(element) is parameter.type
