"""Plans and mappings are described whole, and the shipped plan runs."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from recovery_research.analysis.order_logs import OUTCOMES_OF_ORDERS
from recovery_research.cli import main
from recovery_research.customer_data.mapping import PARTS, read_mapping
from recovery_research.customer_data.mapping_fields import MAY_SAY
from recovery_research.customer_data.mapping_rules import (
    GROUPS,
    ROLES,
    SHAPES,
    MappingError,
)
from recovery_research.reports.format_reference import PLAN, list_keys, say_rules
from recovery_research.reports.parameter_files import PROFILES_FILE, read_profiles
from recovery_research.reports.plan_schema import NotifySettings, PlanFile, read_tables
from recovery_research.reports.plans import read_plan

KINDS = ("plan", "mapping", "profile")


def call(*arguments):
    result = CliRunner().invoke(main.main, [str(word) for word in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_key_that_is_read_is_described():
    assert {place.split(".")[0] for place in PLAN} == set(PlanFile.model_fields)
    keys = {kind: list_keys(kind) for kind in KINDS}
    for key in [key for each in keys.values() for key in each]:
        assert key.type
        assert key.meaning
        assert len(key.meaning) <= 88
        assert "\n" not in key.meaning
    said = {(key.table, key.key) for key in keys["plan"]}
    assert said == {
        (at, key) for at, model in PLAN.items() for key in model.model_fields
    }
    # Of a mapping, whatever the reader has a rule or a part for.
    tables = {key.table.split(".")[0] for key in keys["mapping"]}
    at_the_top = {key.key for key in keys["mapping"] if not key.table}
    assert (tables - {""}) | at_the_top == set(PARTS)
    columns = {(k.shapes[0], k.key) for k in keys["mapping"] if k.table == "columns"}
    assert columns == {(shape, role) for shape in ROLES for role in ROLES[shape]}
    assert {k.key for k in keys["mapping"] if k.table == "groups"} == set(GROUPS)
    assert set(GROUPS) == set(OUTCOMES_OF_ORDERS)
    for part, names in MAY_SAY.items():
        found = {k.key for k in keys["mapping"] if k.table == f"{part}.NAME"}
        assert found == set(names)


def test_the_command_says_them():
    for kind in KINDS:
        said = " ".join(call("formats", kind).split())
        told = json.loads(call("formats", kind, "--json"))
        assert told["format"] == kind
        assert len(told["keys"]) == len(list_keys(kind))
        for key, plain in zip(list_keys(kind), told["keys"], strict=True):
            assert f"[{key.table}]" in said or not key.table
            assert f"{key.key}: {key.meaning}. {say_rules(key)}" in said
            assert plain["key"] == key.key
            assert plain["required"] is key.required
    assert "formats plan" in call("run-all", "--help")
    assert "formats mapping" in call("check", "--help")


EXAMPLES = {
    "name of a column": "a", "text": "", "number": 2.0, "whole number": 2,
    "list of texts": ["x"], "list of two numbers": [1, 7], "text or number": 3,
}  # fmt: skip


def smallest(shape):
    """Return the least that a mapping of a shape may say: what is needed."""
    content = {"shape": shape}
    for key in list_keys("mapping"):
        if not key.required or shape not in (key.shapes or (shape,)) or not key.table:
            continue
        value = (
            key.allowed[0] if isinstance(key.allowed, tuple) and key.allowed else "a"
        )
        part, _, name = key.table.partition(".")
        if name and (part == "covariates" or shape == "orders"):
            continue
        table = content.setdefault(part, {})
        (table.setdefault("spent", {}) if name else table)[key.key] = value
    return content


def put(content, key, value):
    """Return a mapping with one more key, where `formats` says that it stands."""
    content = copy.deepcopy(content)
    part, _, name = key.table.partition(".")
    table = content if not part else content.setdefault(part, {})
    if name == "COLUMN":
        # One of the columns that the mapping reads.
        table = table.setdefault(next(iter(content["columns"].values())), {})
    elif name:
        table = table.setdefault("spent" if part == "outcomes" else "region", {})
        table["kind"] = "number" if key.key == "limits" else table.get("kind", "number")
    if key.key == "order" and part == "values":
        value = ["bad", "good"]
    if key.key == "control":
        value = "none"
    if key.key in ("yes", "no", "blank"):
        value = ["word"]
    if key.key == "thousands":
        table["decimal"] = "," if value != "," else "."
    if key.key == "day":
        content["orders"]["design"] = "customer-based"
    if key.key in ("left", "weeks_observed", "observed_until", "left_time"):
        return content  # these go together, as their meanings say
    if part == "groups" or key.key == "group":
        content["columns"]["group"] = "g"
        content.setdefault("groups", {}).setdefault("recovered", ["x"])
        value = "g" if key.key == "group" else ["y"]
    table[key.key] = value
    return content


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_said_of_a_mapping_is_accepted(shape):
    least = smallest(shape)
    assert read_mapping(least).shape == shape
    for key in list_keys("mapping"):
        if shape not in (key.shapes or (shape,)):
            continue
        if key.table.startswith("outcomes") and shape == "orders":
            continue
        if key.table == "groups" and shape == "complaints":
            continue
        chosen = key.allowed if isinstance(key.allowed, tuple) else ()
        if key.key == "shape":
            chosen = (shape,)
        for value in chosen or [EXAMPLES[key.type]]:
            read_mapping(put(least, key, value))
        if key.default is not None:
            read_mapping(put(least, key, key.default))
        if chosen:
            with pytest.raises(MappingError):
                read_mapping(put(least, key, "nothing of the kind"))


def test_what_is_needed_of_a_mapping_is_needed():
    for shape in SHAPES:
        least = smallest(shape)
        for key in list_keys("mapping"):
            part = key.table.partition(".")[0]
            if not key.required or key.table not in least:
                continue
            less = {
                **least,
                part: {k: v for k, v in least[part].items() if k != key.key},
            }
            if key.key in least[part]:
                with pytest.raises(MappingError):
                    read_mapping(less)


def test_what_is_said_of_a_plan_is_accepted():
    document = {"reports": {"NAME": {"notebook": "03-recovery-paradox"}}}
    for key in list_keys("plan"):
        if key.default is None or key.table == "notify":
            continue
        *above, last = [*key.table.split("."), key.key]
        table = document
        for part in above:
            table = table.setdefault(part, {})
        table[last] = key.default
    made, wrong = read_tables(document)
    assert not wrong
    assert made.defaults.profile == "standard"
    told = {k.key: k.default for k in list_keys("plan") if k.table == "notify"}
    NotifySettings(**{k: v for k, v in told.items() if v is not None}, command=["true"])
    for key in list_keys("plan"):
        if key.required:
            assert read_tables({"reports": {"NAME": {}}})[1]
    assert read_tables({**document, "plan": {"nothing": 1}})[1]


def test_what_is_said_of_profiles_is_read(tmp_path):
    (key,) = list_keys("profile")
    assert key.table == '"NOTEBOOK".PROFILE'
    text = f"[{key.table}]\n{key.key} = 3\n"
    (tmp_path / PROFILES_FILE).write_text(text)
    profiles = read_profiles(tmp_path / "NOTEBOOK.ipynb")
    assert profiles == {"standard": {}, "PROFILE": {"PARAMETER": 3}}


def test_the_plan_of_a_new_project_can_be_used_from_anywhere(tmp_path, monkeypatch):
    home = Path(call("init", tmp_path / "new").strip())
    monkeypatch.chdir("/")
    plan = read_plan(home / "plan.toml")
    assert [entry.name for entry in plan.entries] == ["policies", "customers"]
    assert plan.reports == home / "reports"
    assert plan.entries[1].request.values()["source"] == "../customers.csv"
    assert "2 reports in" in call("run-all", home / "plan.toml", "--dry-run")


@pytest.mark.slow
def test_the_plan_of_a_new_project_runs(tmp_path):
    home = Path(call("init", tmp_path / "new").strip())
    command = [sys.executable, "-m", "recovery_research", "run-all", home / "plan.toml"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 good" in done.stdout
