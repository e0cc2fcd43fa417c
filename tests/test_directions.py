"""Which way is better, what is the group by another name, and what is told of both."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from customer_files import MAPPING, ROWS, but, write_rows
from numpy.testing import assert_allclose

import recovery_research as rr
from recovery_research.command_line import main
from recovery_research.customers import group_answers, questions, sentences
from recovery_research.customers.mapping_drafts import draft_mapping
from recovery_research.figures_customers import plot_against_bounds, say_against_bounds

N = 600


@pytest.fixture(scope="module")
def churners(tmp_path_factory):
    """Return a path: recovered customers leave less, and nearly all who did spend."""
    rng = np.random.default_rng(77)
    recovered = np.arange(N) % 3 == 0
    churned = rng.random(N) < np.where(recovered, 0.2, 0.6)
    leak = np.where(rng.random(N) < 0.997, recovered, ~recovered)
    yes_no = np.array(["no", "yes"])
    path = tmp_path_factory.mktemp("churn") / "mine.csv"
    pd.DataFrame(
        {
            "had_problem": yes_no[recovered.astype(int)],
            "resolved": yes_no[recovered.astype(int)],
            "churned": yes_no[churned.astype(int)],
            "thanked": yes_no[leak.astype(int)],
            "age": rng.integers(18, 80, N),
        }
    ).to_csv(path, index=False)
    return path


def read(path, **outcomes):
    return rr.read_customers(
        path,
        mapping={
            "shape": "customers",
            "columns": {"problem": "had_problem", "resolved": "resolved"},
            "outcomes": outcomes,
            "covariates": {"age": {"column": "age", "kind": "number"}},
        },
    )


CHURN = {"column": "churned", "kind": "yes_no", "bounds": 0.02}


def test_leaving_less_is_a_paradox_only_if_less_is_better(churners):
    verdicts = {}
    for better in ("", "high", "low"):
        given = CHURN | ({"better": better} if better else {})
        table = group_answers.adjust_groups(read(churners, churned=given))
        assert (table["ci_high"] < -0.02).all()
        verdicts[better] = set(table["verdict"])
    # Of an outcome whose direction nobody says there is no paradox either way.
    assert verdicts == {"": {"lower"}, "high": {"no paradox"}, "low": {"paradox"}}
    table = questions.contrast_groups(read(churners, churned=CHURN | {"better": "low"}))
    assert table["verdict"][0] == "paradox"


def test_the_figure_puts_the_better_to_the_right_and_says_so():
    row = {"outcome": "churn", "estimate": -4.0, "ci_low": -9.0, "ci_high": -1.0}
    table = pd.DataFrame([row | {"equivalence_high": 2.0, "better": "low"}])
    ax = plot_against_bounds(table, label="outcome")
    (line,) = ax.containers
    assert_allclose(line.lines[0].get_xdata(orig=False), [2.0])
    assert_allclose(line.lines[2][0].get_segments()[0][:, 0], [0.5, 4.5])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["churn (less is better)"]
    assert "for the better" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("better", "axis", "caption", "alt"),
    [
        (["high", "high"], "for the better", "", "right is better."),
        (["high", "low"], "for the better", "turned round", "right is better."),
        (["", ""], "right is higher)", "", "right is higher."),
        (["low", ""], "better where it is said", "turned round", "says which way is,"),
        ([np.nan, None], "right is higher)", "", "right is higher."),
    ],
)
def test_no_axis_says_for_the_better_where_nobody_said_what_is(
    better, axis, caption, alt
):
    table = pd.DataFrame(
        {"outcome": ["a", "b"], "estimate": [1.0, -1.0], "ci_low": [0.5, -4.0],
         "ci_high": [1.5, 3.0], "equivalence_low": [-2.0, -1.0],
         "equivalence_high": [4.0, 1.0], "better": better}
    )  # fmt: skip
    ax = plot_against_bounds(table, label="outcome")
    assert axis in ax.get_xlabel()
    assert ("for the better" in ax.get_xlabel()) == (set(better) <= {"high", "low"})
    said = say_against_bounds(table)
    assert caption in said[0]
    assert ("turned" in said[0]) == ("low" in better)
    assert alt in said[1]
    # Each side is measured by its own bound; turned, they change places.
    (line,) = ax.containers
    first = line.lines[2][0].get_segments()[0][:, 0]
    ends = [0.5 / 4.0, 1.5 / 4.0]
    assert_allclose(first, [-ends[1], -ends[0]] if better[0] == "low" else ends)


def test_an_outcome_that_sounds_bad_is_doubted_until_somebody_says(churners):
    def doubts(**given):
        made = read(churners, churned=CHURN | given)
        return [f.message for f in made.findings if "is more of" in f.message]

    assert len(doubts()) == 1
    assert 'better = "low"' in doubts()[0]
    assert "it sounds as if less were" in doubts()[0]
    assert doubts(better="low") == doubts(better="high") == []


def test_of_the_group_by_another_name_nothing_is_told(churners):
    made = read(churners, thanked={"column": "thanked", "kind": "yes_no"})
    table = group_answers.adjust_groups(made)
    assert set(table["verdict"]) == {"cannot tell"}
    assert table["note"].str.contains("two names of one thing").all()
    (line,) = group_answers.say_in_short(made, table)
    assert "these data cannot tell" in line
    assert "two names of one thing" in line


def test_a_draft_proposes_which_way_is_better(churners):
    draft = draft_mapping(churners)
    assert 'churned = { column = "churned", kind = "yes_no", better = "low" }' in draft


def test_a_draft_takes_points_of_a_scale_for_no_amounts():
    draft = draft_mapping("example")
    for name, kind in (("satisfaction", "number"), ("spend_13_weeks", "amount")):
        line = f'{name} = {{ column = "{name}", kind = "{kind}", better = "high" }}'
        assert line in draft


def check(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_check_says_whether_the_question_can_be_asked(tmp_path):
    path = write_rows(tmp_path / "mine.csv", ROWS)
    (tmp_path / "mine.toml").write_text(
        'shape = "customers"\n[columns]\nproblem = "problem"\nresolved = "resolved"\n'
        '[outcomes]\nspend = { column = "spend_90", kind = "amount" }\n'
    )
    done = check(path, "--mapping", tmp_path / "mine.toml")
    assert done.exit_code == 0
    assert (
        "can be asked: recovered against no failure (2 and 2 customers)" in done.output
    )
    write_rows(path, ROWS[:2])
    done = check(path, "--mapping", tmp_path / "mine.toml")
    assert "cannot be asked: nobody is recovered" in done.output


def test_a_day_that_is_none_is_an_error_of_the_check(tmp_path):
    path = tmp_path / "mine.toml"
    shipped = (
        'shape = "orders"\n[columns]\ncustomer = "customer"\ntime = "placed_at"\n'
        'amount = "amount"\nfailed = "late_or_wrong"\nresolved = "made_good"\n'
        '[time]\ntimezone = "UTC"\nend = "tomorrow"\n[orders]\ndesign = "order-based"\n'
        '[values]\nblank = [""]\n'
    )
    path.write_text(shipped)
    done = check("example-orders", "--mapping", path)
    assert done.exit_code == 2
    assert "'tomorrow' is not a date such as 2024-12-31" in done.output


def test_the_mappings_own_dates_may_be_plain_whatever_the_files_are(tmp_path):
    rows = [f"a{k},no,,,0{k + 1}/15/2024,,{k},yes,north" for k in range(3)]
    path = write_rows(tmp_path / "mine.csv", rows)
    mapping = but(columns={**MAPPING["columns"]}, time={"format": "%m/%d/%Y"})
    del mapping["columns"]["complaint_time"]
    for end in ("2024-12-31", "12/31/2024"):
        mapping["time"]["end"] = end
        made = rr.read_customers(path, mapping=mapping)
        assert made.end_week == pytest.approx(351 / 7)


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ("x1,yes,yes,fully,2024-01-05,,1,yes,n", r"\[values\] yes = \[...\] and no"),
        ("x1,no,,,2024-01-05,,12;5,yes,n", r'\[values\] decimal = ","'),
        ("x1,no,,,01/05/2024,,1,yes,n", r"\[time\] format = "),
    ],
)
def test_messages_say_what_a_mapping_could_say(tmp_path, row, hint):
    path = write_rows(tmp_path / "mine.csv", [*ROWS, row])
    with pytest.raises(rr.CustomerFileError, match=hint):
        rr.read_customers(path, mapping=MAPPING)


def test_many_rows_set_aside_and_lines_of_orders_are_doubted(tmp_path):
    path = write_rows(tmp_path / "mine.csv", [*ROWS, "e1,maybe,,,2024-01-05,,1,yes,n"])
    made = rr.read_customers(path, mapping=but(unreadable="set aside"))
    assert any("11% of the rows are set aside" in f.message for f in made.findings)
    log = pd.DataFrame(
        {"id": [1, 1, 2, 3], "who": ["a", "a", "b", "c"], "when": [0.0, 0.0, 1.0, 9.0],
         "paid": [1.0, 2.0, 3.0, 4.0], "bad": "no", "good": "no"}
    )  # fmt: skip
    log.to_csv(tmp_path / "lines.csv", index=False)
    mapping = {
        "shape": "orders",
        "columns": {"order": "id", "customer": "who", "time": "when", "amount": "paid",
                    "failed": "bad", "resolved": "good"},
        "time": {"unit": "weeks"},
        "orders": {"design": "order-based", "followup_weeks": 2},
    }  # fmt: skip
    found = rr.check_customers(tmp_path / "lines.csv", mapping=mapping).findings
    assert any("add the lines up to one row an order" in f.message for f in found)


def test_a_design_is_said_and_the_worst_one_doubted():
    mapping = rr.read_customers("example-orders", mapping="example-orders").mapping
    for design, words in (
        ("order-based", "one order of each customer, the first from a day drawn"),
        ("customer-based", "everybody who had ordered by week 32.6"),
        ("ever-failed", "each customer's first failed order"),
    ):
        rule = replace(mapping.orders, design=design)
        made = rr.read_customers(
            "example-orders", mapping=replace(mapping, orders=rule)
        )
        assert words in sentences.say_design(made)
        assert "13 weeks after" in sentences.say_design(made)
        doubted = any("favours the recovered" in f.message for f in made.findings)
        assert doubted == (design == "ever-failed")


def test_numbers_in_words_are_never_powers():
    assert sentences.say_number(19519.88) == "+19,520"
    assert sentences.say_number(-0.00123456) == "-0.00123"
    row = pd.Series({"estimate": 2.0, "ci_low": -1.0, "ci_high": 5.0})
    assert sentences.say_interval(row, "dollars") == "+2, -1 to +5 dollars"


def test_a_draft_sees_orders_and_dates_that_begin_with_the_month(tmp_path):
    path = tmp_path / "export.csv"
    pd.DataFrame(
        {"Order ID": [f"CA-{k}" for k in range(9)], "Customer ID": list("aabbccdde"),
         "Order Date": [f"{k + 1}/2{k}/2024" for k in range(9)], "Sales": range(9),
         "Late": ["no", "yes", "no"] * 3}
    ).to_csv(path, index=False)  # fmt: skip
    draft = draft_mapping(path)
    for line in (
        'shape = "orders"', 'time = "Order Date"', 'amount = "Sales"', 'failed = "Late"',
        'customer = "Customer ID"', 'order = "Order ID"', 'format = "%m/%d/%Y"',
    ):  # fmt: skip
        assert f"{line}\n" in draft
