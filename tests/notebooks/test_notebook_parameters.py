"""Every notebook runs for every value that its parameters may have, or says no first.

The corners of what is declared are run one at a time and a few together, at the
smallest sizes, in this process: a kernel would take longer to start than the cells take
to run. What cannot be asked has to be refused before a kernel is started.
"""

import pytest
from notebook_cells import (
    list_corners,
    list_ends,
    name_corner,
    request_report,
    run_cells,
)
from parameter_cells import CELL, one

from recovery_research.paths import notebooks_folder
from recovery_research.reports.declared_parameters import (
    ParameterError,
    read_declarations,
)
from recovery_research.reports.notebooks import list_notebooks, read_notebook
from recovery_research.reports.parameter_files import read_profiles

SHIPPED = ("example", "example-orders", "example-complaints")
FILES = tuple({"source": name, "mapping": name} for name in SHIPPED)
# Values that only make sense together, and texts that no range can list.
SETTINGS = {
    "03-recovery-paradox": FILES,
    "10-your-customers": (
        *FILES,
        {"bounds": ["mapping", "stayed:0"]},
        {"bounds": ["satisfaction:1e9", "followup_spend:0.0"]},
        {"through": "satisfaction"},
        {"through": "followup_spend", **FILES[1]},
        # Refused before a kernel is started.
        {"bounds": ["satisfaction:-1"]},
        {"bounds": ["satisfied:1"]},
        {"through": "satisfied"},
        {"through": "satisfaction", **FILES[1]},
    ),
}
NOTEBOOKS = [path.stem for path in list_notebooks(notebooks_folder())]
# Notebooks whose sentences follow their numbers already; the others are to come.
HELD = (
    "00-the-model",
    "01-one-customer",
    "02-compare-policies",
    "03-recovery-paradox",
    "04-cause-or-selection",
    "10-your-customers",
)


def corners_of(name):
    read = read_notebook(notebooks_folder() / f"{name}.ipynb")
    return list_corners(read.parameters, SETTINGS.get(name, ()))


CORNERS = [(name, values) for name in HELD for values in corners_of(name)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values"),
    CORNERS,
    ids=[f"{name[:2]} {name_corner(values)}" for name, values in CORNERS],
)
def test_every_corner_runs_or_is_refused_before_a_kernel(name, values):
    refused = ""
    try:
        request = request_report(name, values)
    except ParameterError as error:
        refused = str(error)
    if refused:
        # It says which parameter, and what could be asked instead.
        assert refused.removeprefix("call: ").startswith(tuple(values))
        assert ";" in refused
    else:
        assert run_cells(request).tables


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bounds": ["satisfied:1"]}, "names no outcome; outcomes are"),
        ({"bounds": ["satisfaction:nan"]}, "a finite number of 0 or more"),
        ({"bounds": ["stayed:few"]}, "no number behind the colon"),
        ({"through": "satisfied"}, "Did you mean 'satisfaction'"),
        ({"through": "satisfaction", **FILES[1]}, "is no outcome; write none or one"),
        ({"confidence": 1.0}, "allowed is 0.01 to 0.9999"),
    ],
)
def test_what_no_file_can_be_asked_is_refused_before_a_kernel(values, said):
    with pytest.raises(ParameterError, match=said):
        request_report("10-your-customers", values)


@pytest.mark.parametrize("policy", ["silence", "zero_defects"])
def test_what_nobody_answers_or_fails_is_not_asked_for_the_paradox(policy):
    with pytest.raises(ParameterError, match="delight_sometimes") as refused:
        request_report("03-recovery-paradox", {"policy": policy})
    assert "answers nobody" in str(refused.value) or "never fails" in str(refused.value)


# Full profiles that take an hour are run by hand before a release.
FULL = ("03-recovery-paradox", "10-your-customers")
PROFILES = [
    (name, profile)
    for name in HELD
    for profile in read_profiles(notebooks_folder() / f"{name}.ipynb")
    if profile != "full" or name in FULL
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_every_profile_runs(name, profile):
    assert run_cells(request_report(name, profile=profile)).tables


def test_corners_are_those_of_what_is_declared():
    assert list_ends(one("n = 3  # how many [1 to 9]")) == [1, 9]
    assert list_ends(one("n_customers = 3  # how many [1 to 9]")) == [1]
    low, high = list_ends(one("level = 0.9  # level [between 0 and 1]"))
    assert 0 < low < 1e-300
    assert 1 - 1e-15 < high < 1
    assert list_ends(one("x = 1.0  # number [0 or more]")) == [0.0]
    assert list_ends(one('word = "a"  # which {a, b}')) == ["a", "b"]
    assert list_ends(one('tools = ["saw"]  # which {tool names}')) == [
        ["hammer"], ["glue_gun", "hammer"], ["hammer", "saw", "glue_gun"],
    ]  # fmt: skip
    assert list_ends(one('label = ""  # anything')) == []


def test_corners_are_run_one_at_a_time_and_a_few_together():
    declared = read_declarations(CELL)
    corners = list_corners(declared, ({"label": "x"},), n_mixed=2)
    assert corners[0] == {"n_customers": 1}
    assert corners[1] == {"n_customers": 1, "label": "x"}
    assert {"n_customers": 1, "world": "claims"} in corners
    assert {"n_customers": 1, "learn": False} in corners
    mixed = corners[-2:]
    assert all({"rate", "world", "tools", "learn", "label"} <= set(m) for m in mixed)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_parameter_with_limits_has_corners(name):
    read = read_notebook(notebooks_folder() / f"{name}.ipynb")
    tried = set().union(*corners_of(name))
    limited = {k for k, p in read.parameters.items() if p.allowed() or p.range}
    assert limited <= tried
