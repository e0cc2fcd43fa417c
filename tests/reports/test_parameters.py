"""Parameters: declared once; given by files, profiles and layers."""

import pytest
from parameter_cells import CELL, one

from recovery_research.reports.checked_parameters import Layer, choose_parameters
from recovery_research.reports.declared_parameters import (
    ParameterError,
    Range,
    read_declarations,
    read_range,
    read_vocabulary,
    register_vocabulary,
)
from recovery_research.reports.parameter_files import (
    choose_profile,
    read_parameter_file,
)


@pytest.fixture(scope="module")
def declared():
    return read_declarations(CELL)


# ---------------------------------------------------------------- declarations


def test_declarations_are_read_as_written(declared):
    assert [p.kind for p in declared.values()] == [
        "whole number",
        "number",
        "number",
        "text",
        "list of text",
        "list of number",
        "list of whole number",
        "true or false",
        "text",
    ]
    n = declared["n_customers"]
    assert (n.default, n.help) == (20_000, "customers in each policy")
    assert n.range == Range(1, 10_000_000)
    assert declared["confidence"].range == Range(0, 1, open=True)
    assert declared["world"].choices == ("claims", "evidence")
    assert declared["tools"].allowed() == ("hammer", "saw", "glue_gun")
    label = declared["label"]
    assert (label.default, label.help, label.range) == ("a # b", "shown [EUR]", None)


def test_a_list_over_several_lines_keeps_its_comment():
    first = one('tools = [  # which {tool names}\n    "hammer",\n    "saw",\n]')
    last = one('tools = [\n    "hammer",\n    "saw",\n]  # which {tool names}')
    assert first == last
    assert first.vocabulary == "tool names"


def test_a_list_of_mixed_numbers_is_a_list_of_numbers():
    assert one("x = [1, 0.5]").default == [1.0, 0.5]
    assert {type(v) for v in one("x = [1, 0.5]").default} == {float}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("n = 3\ndouble = n * 2", "computes its value"),
        ("n = print('hi')", "computes its value"),
        ("n = f'{1}'", "computes its text"),
        ("n = 1; m = 2", "on one line with another"),
        ("n = m = 1", "not an assignment to one name"),
        ("n, m = 1, 2", "not an assignment to one name"),
        ("n += 1", "not an assignment to one name"),
        ("import os", "not an assignment to one name"),
        ("a.b = 1", "not an assignment to one name"),
        ("_n = 1", "reserved"),
        ("match = 1", "reserved"),
        ("n = b'x'", "as its default"),
        ("n = {1, 2}", "as its default"),
        ("n: int", "has no value"),
        ("n = 9**9**9", "computes its value"),
        ("n = 1 / 0", "computes its value"),
        ("n = datetime.date(2024, 1, 1)", "write a date as a text"),
        ("n = " + "-" * 5000 + "1", "nested too deeply"),
        ("n = 1\nn = 2", "declared twice"),
        ("n = = 1", "is not Python"),
        ("n = 1  # [1 until 3]", "cannot read the range"),
        ("n = 1  # [3 to 1]", "begins above its end"),
        ("n = 'a'  # [1 to 3]", "a range needs a number"),
        ("n = 1  # {1, a}", "not all of the default's type"),
        ("n = 'a'  # {a, a}", "choices are different values"),
        ("n = True  # {True, False}", "choices are different values"),
    ],
)
def test_other_statements_are_refused(source, said):
    with pytest.raises(ParameterError, match=said):
        read_declarations(source)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1 to 10", [1, 10, 5.5], [0.999, 10.001]),
        ("-2.5 to -1e-3", [-2.5, -0.001], [-2.6, 0]),
        ("between 0 and 1", [0.001], [0, 1]),
        ("0 or more", [0, 1e300], [-1e-9]),
        ("above 0", [1e-300], [0]),
        ("10 or less", [10, -1e300], [10.1]),
        ("below 1", [0.999], [1]),
    ],
)
def test_ranges(text, inside, outside):
    found = read_range(text)
    assert all(v in found for v in inside)
    assert not any(v in found for v in outside)
    assert read_range(found.describe()) == found


def test_default_outside_its_own_range_is_refused():
    with pytest.raises(ParameterError, match="allowed is 1 to 10"):
        choose_parameters(read_declarations("n = 11  # [1 to 10]"), [])


def test_vocabularies():
    with pytest.raises(ValueError, match="there is no vocabulary 'pet names'"):
        read_vocabulary("pet names")
    with pytest.raises(ValueError, match="ends in ' names'"):
        register_vocabulary("tools", [])
    register_vocabulary("module names", "string:ascii_lowercase")
    assert read_vocabulary("module names")[:3] == ("a", "b", "c")


# ---------------------------------------------------- files, profiles, layers


def test_later_layers_win_and_origins_are_kept(declared, tmp_path):
    (tmp_path / "profiles.toml").write_text(
        "[02-x.quick]\nn_customers = 7\nrate = 0.2\nshares = [0.3]\n"
    )
    (tmp_path / "mine.toml").write_text("rate = 0.3\nshares = [0.4, 0.5]\n")
    layers = [
        choose_profile(tmp_path / "02-x.ipynb", "quick"),
        read_parameter_file(tmp_path / "mine.toml"),
        Layer("command line", {"shares": "0.6"}, as_text=True),
    ]
    chosen = choose_parameters(declared, layers)
    found = {name: (c.value, c.origin) for name, c in chosen.items()}
    assert found["n_customers"] == (7, "profile quick")
    assert found["rate"] == (0.3, "file mine.toml")
    assert found["shares"] == ([0.6], "command line")
    assert found["world"] == ("evidence", "default")
    assert list(found) == list(declared)


def test_a_bad_value_is_refused_also_where_it_would_be_overridden(declared):
    layers = [Layer("profile quick", {"n_customers": 0}), Layer("call", {"rate": 1})]
    with pytest.raises(ParameterError, match="profile quick: n_customers"):
        choose_parameters(declared, [*layers, Layer("call", {"n_customers": 5})])


def test_profiles_are_refused_by_name(tmp_path):
    notebook = tmp_path / "02-x.ipynb"
    assert choose_profile(notebook, "standard").values == {}
    (tmp_path / "profiles.toml").write_text("[02-x.quick]\nn = 1\n")
    with pytest.raises(ParameterError, match=r"quick, standard\. Did you mean 'quick'"):
        choose_profile(notebook, "quik")
    (tmp_path / "profiles.toml").write_text("[02-x]\nn = 1\n")
    with pytest.raises(ParameterError, match=r"tables such as \[02-x.quick\]"):
        choose_profile(notebook, "quick")
    (tmp_path / "profiles.toml").write_text("[02-x\n")
    with pytest.raises(ParameterError, match="cannot read"):
        choose_profile(notebook, "quick")


def test_yaml_means_what_it_says(declared, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "n_customers: 10_000\nrate: 1e3\nlearn: false\nlabel: 010\n"
        "tools: [saw, hammer]\nshares:\n  - 1\n  - 0.5\n"
    )
    chosen = choose_parameters(declared, [read_parameter_file(path)])
    values = {name: choice.value for name, choice in chosen.items()}
    assert values["n_customers"] == 10_000
    assert values["rate"] == 1000.0
    assert values["learn"] is False
    assert values["label"] == "010"
    assert values["tools"] == ["saw", "hammer"]
    assert values["shares"] == [1.0, 0.5]
    for trap in ("learn: no", "n_customers: 010", "n_customers: 1:30", "rate: .nan"):
        path.write_text(trap)
        with pytest.raises(ParameterError):
            choose_parameters(declared, [read_parameter_file(path)])
    path.write_text("label: 2024-05-01")
    chosen = choose_parameters(declared, [read_parameter_file(path)])
    assert chosen["label"].value == "2024-05-01"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.toml", "rate = nan", "finite"),
        ("p.toml", "n = = 3", "cannot read"),
        ("p.toml", 'n_customers = "5"', "needs whole number"),
        ("p.json", '{"learn": "true"}', "needs true or false"),
        ("p.json", '{"rate": NaN}', "finite"),
        ("p.json", '{"rate": 1, "rate": 2}', "twice"),
        ("p.json", "[1]", "one table"),
        ("p.json", "{", "cannot read"),
        ("p.yaml", "rate: 1\nrate: 2", "twice"),
        ("p.yaml", "- 1", "one table"),
        ("p.yaml", "a: [", "cannot read"),
        ("p.yaml", "!!python/object/apply:os.system [x]", "one table|cannot read"),
        ("p.yaml", "rate: {a: 1}", "needs number"),
        ("p.txt", "rate=1", "ending in .toml"),
    ],
)
def test_files_that_cannot_be_used_are_refused(declared, tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ParameterError, match=said):
        choose_parameters(declared, [read_parameter_file(path)])
    with pytest.raises(ParameterError, match=r"cannot read|ending in"):
        read_parameter_file(tmp_path / f"absent-{name}")
