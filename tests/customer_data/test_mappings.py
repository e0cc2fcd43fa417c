"""Mappings: what they may say, what they may not, and first drafts of them."""

from dataclasses import replace

import pytest
from customer_files import MAPPING, ROWS, but, write_rows

from recovery_research.customer_data.mapping import list_mappings, read_mapping
from recovery_research.customer_data.mapping_drafts import draft_mapping
from recovery_research.customer_data.mapping_rules import MappingError
from recovery_research.customer_data.reading import read_customers


@pytest.mark.parametrize("name", list_mappings())
def test_shipped_mappings_can_be_used(name):
    assert read_mapping(name).name == f"{name}.toml"


def test_there_is_one_for_each_shape():
    shapes = {read_mapping(name).shape for name in list_mappings()}
    assert shapes == {"customers", "orders", "complaints"}
    assert "cfpb" in list_mappings()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": "people"}, r"shape is one of \['customers', 'orders', 'complaints'\]"),
        ({"shap": "x"}, "'shap' is not known here.*Did you mean 'shape'"),
        ({"columns": {"problm": "p"}}, "Did you mean 'problem'"),
        ({"columns": {"problem": "p"}}, "needs group or resolved"),
        ({"columns": {"problem": "?", "resolved": "r"}}, "problem needs the name of a column"),
        ({"columns": {"problem": 3, "resolved": "r"}}, "problem needs the name of a column; got 3"),
        ({"outcomes": None}, "name at least one outcome"),
        ({"outcomes": {"spend": "spend_90"}}, 'write { column = "its name"'),
        ({"outcomes": {"spend": {"kind": "money"}}}, "kind is one of.*got 'money'"),
        ({"outcomes": {"spend": {"kind": "category"}}}, "kind is one of.*got 'category'"),
        ({"outcomes": {"Spend": {"kind": "amount"}}}, "not a name in lower-case"),
        ({"outcomes": {"customer": {"kind": "amount"}}}, "'customer' is taken or used twice"),
        ({"outcomes": {"region": {"kind": "number"}}}, "'region' is taken or used twice"),
        ({"outcomes": {"x": {"kind": "amount", "bounds": -1}}}, "bounds is the largest.*got -1"),
        ({"outcomes": {"x": {"kind": "amount", "bounds": True}}}, "bounds is the largest"),
        ({"covariates": {"spend": {"kind": "amount"}}}, "'spend' is taken or used twice"),
        ({"covariates": {"n_orders": {"kind": "number"}}}, "comes after the failure"),
        ({"groups": {"recovered": ["x"]}}, "give both or neither"),
        ({"groups": {"recoverd": ["x"]}}, "Did you mean 'recovered'"),
        ({"orders": {"design": "order-based"}}, r"\[orders\] belongs to the shape 'orders'"),
        ({"answers": {"control": "x"}}, r"\[answers\] belongs to the shape 'complaints'"),
        ({"values": {"yes": "ja"}}, r"yes is a list of texts.*got 'ja'"),
        ({"values": {"decimal": ";"}}, "decimal is '.' or ','"),
        ({"time": {"unit": "fortnights"}}, "unit is 'dates', or what numbers count"),
        ({"time": {"zone": "UTC"}}, "'zone' is not known here"),
        ({"unreadable": "ignore"}, "unreadable is 'refuse' or 'set aside'"),
    ],
)  # fmt: skip
def test_what_a_mapping_may_not_say(change, message):
    given = but(**change)
    if change == {"covariates": {"spend": {"kind": "amount"}}}:
        given["outcomes"] = {"spend": {"kind": "amount"}}
    with pytest.raises(MappingError, match=message):
        read_mapping(given)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (None, "design must be chosen.*got None"),
        ({"design": "?"}, "design must be chosen.*got '?'"),
        ({"design": "order-based", "index": "second"}, "index is one of"),
        ({"design": "order-based", "followup_weeks": -1}, "followup_weeks is a number"),
        ({"design": "order-based", "seed": 1.5}, "seed is a whole number"),
    ],
)  # fmt: skip
def test_an_order_logs_design_must_be_chosen(orders, message):
    columns = {
        "customer": "c",
        "time": "t",
        "amount": "a",
        "failed": "f",
        "resolved": "r",
    }
    given = {"shape": "orders", "columns": columns}
    if orders is not None:
        given["orders"] = orders
    with pytest.raises(MappingError, match=message):
        read_mapping(given)


def test_complaints_need_a_control():
    given = {"shape": "complaints", "columns": {"answer": "a"}}
    with pytest.raises(MappingError, match="needs control"):
        read_mapping(given)


def test_files_that_are_no_mappings(tmp_path):
    with pytest.raises(MappingError, match=r"no mapping 'cfbp'.*Did you mean 'cfpb'"):
        read_mapping("cfbp")
    broken = tmp_path / "broken.toml"
    broken.write_text("shape = [")
    with pytest.raises(MappingError, match="cannot read the mapping"):
        read_mapping(broken)


def test_a_control_that_no_complaint_was_answered_with(tmp_path):
    path = write_rows(tmp_path / "c.csv", ["money,yes", "sorry,no"], "answer,disputed")
    given = {
        "shape": "complaints",
        "columns": {"answer": "answer"},
        "answers": {"control": "none"},
        "outcomes": {"disputed": {"kind": "yes_no"}},
    }
    with pytest.raises(ValueError, match=r"'none' is no answer.*\['money', 'sorry'\]"):
        read_customers(path, mapping=given)


def test_a_draft_of_the_example_gives_its_groups(tmp_path):
    path = tmp_path / "draft.toml"
    path.write_text(draft_mapping("example"))
    drafted = read_customers("example", mapping=path).customers
    known = read_customers("example", mapping="example").customers
    assert drafted["index_outcome"].tolist() == known["index_outcome"].tolist()
    assert (
        drafted["spend_13_weeks"].tolist()[:5] == known["followup_spend"].tolist()[:5]
    )


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("example-orders", ("[orders]", 'design = "?"', 'design = "order-based"')),
        (
            "example-complaints",
            ("[answers]", 'control = "?"', 'control = "explanation"'),
        ),
    ],
)
def test_a_draft_leaves_open_what_must_be_chosen(tmp_path, name, question):
    part, open_, chosen = question
    draft = draft_mapping(name)
    assert part in draft
    path = tmp_path / "draft.toml"
    path.write_text(draft)
    with pytest.raises(ValueError, match=r"must be chosen|is no answer in the file"):
        read_customers(name, mapping=path)
    path.write_text(draft.replace(open_, chosen))
    drafted = read_customers(name, mapping=path).customers
    # A draft cannot know between which days the log is whole; all else is the same.
    shipped = read_mapping(name)
    known = read_customers(
        name, mapping=replace(shipped, time=replace(shipped.time, start=None, end=None))
    ).customers
    assert drafted["index_outcome"].value_counts().to_dict() == (
        known["index_outcome"].value_counts().to_dict()
    )


def test_a_draft_of_a_table_that_says_little_is_full_of_questions(tmp_path):
    path = write_rows(tmp_path / "odd.csv", ["1,2", "3,4"], 'alpha,"be ""ta"""')
    draft = draft_mapping(path)
    assert 'problem = "?"' in draft
    assert "# alpha: amount, 2" in draft
    (tmp_path / "odd.toml").write_text(draft)
    with pytest.raises(MappingError, match="needs the name of a column"):
        read_mapping(tmp_path / "odd.toml")


def test_a_mapping_is_read_once_and_for_all(tmp_path):
    rules = read_mapping(MAPPING)
    assert read_mapping(rules) is rules
    assert rules.used_columns() == [
        "id", "problem", "complained", "resolved", "ordered", "called", "spend_90",
        "active", "region",
    ]  # fmt: skip
    path = write_rows(tmp_path / "mine.csv", ROWS)
    assert len(read_customers(path, mapping=rules).customers) == 8


@pytest.mark.parametrize(
    "name", ["week", "amount", "outcome", "left", "recovery_quality", "bought_again"]
)
def test_a_covariate_does_not_take_the_place_of_what_an_order_log_needs(name):
    # "week" once replaced the times of the orders, "amount" what they cost.
    columns = {
        "customer": "c", "time": "t", "amount": "a", "failed": "f", "resolved": "r",
    }  # fmt: skip
    given = {
        "shape": "orders",
        "columns": columns,
        "orders": {"design": "order-based"},
        "covariates": {name: {"column": "age", "kind": "number"}},
    }
    with pytest.raises(MappingError, match=f"{name!r} is taken"):
        read_mapping(given)
