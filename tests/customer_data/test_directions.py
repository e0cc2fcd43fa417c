"""Which way is better, what is the group by another name, and what is told of both."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from customer_files import MAPPING, ROWS, but, write_rows
from numpy.testing import assert_allclose

import recovery_research as rr
from recovery_research.cli.main import main
from recovery_research.customer_data import answers, questions, sentences
from recovery_research.customer_data.mapping_drafts import draft_mapping
from recovery_research.plots.customers import plot_against_bounds

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
        table = answers.adjust_groups(read(churners, churned=given))
        assert (table["ci_high"] < -0.02).all()
        verdicts[better] = set(table["verdict"])
    # Of an outcome whose direction nobody says there is no paradox either way.
    assert verdicts == {"": {"lower"}, "high": {"no paradox"}, "low": {"paradox"}}
    table = questions.contrast_groups(read(churners, churned=CHURN | {"better": "low"}))
    assert table["verdict"][0] == "paradox"


def write_counts(path, columns, rows):
    """Write a file of 400 rows for each group, so many of them 1."""
    made = [
        [*group, int(k < yes)] for *group, yes in rows for k in range(400)
    ]  # fmt: skip
    pd.DataFrame(made, columns=columns).to_csv(path, index=False)


def test_complaints_left_less_often_after_a_refund_are_lower_everywhere(tmp_path):
    # The first line said "higher (-0.2 ...)", further down it said "lower".
    path = tmp_path / "mine.csv"
    write_counts(path, ["answer", "left"], [["none", 200], ["refund", 120]])
    mapping = {
        "shape": "complaints", "columns": {"answer": "answer"},
        "answers": {"control": "none"},
        "outcomes": {"left": {"kind": "yes_no", "better": "low"}},
    }  # fmt: skip
    made = rr.read_customers(path, mapping=mapping)
    table = answers.adjust_groups(made)
    assert table["estimate"][0] == pytest.approx(-0.2)
    assert table["verdict"].tolist() == ["lower", "cannot tell"]
    assert table["reading"][0] == "better off"
    asked = questions.contrast_groups(made)
    assert asked["verdict"].tolist() == ["cannot be asked", "lower"]
    (line,) = answers.say_in_short(made, table)[1:]
    said = "**lower by more than is worth naming, which is better** (-0.2, "
    assert said in line
    assert said in sentences.say_verdicts(asked[asked["estimate"].notna()])[0]


def test_more_churn_is_higher_and_worse_whatever_was_asked(tmp_path):
    # 15 points more churn read "not higher"; "does it matter whether it was made good?"
    # was answered "no paradox".
    path, columns = tmp_path / "mine.csv", ["problem", "resolved", "churn"]
    rows = [["no", "", 80], ["yes", "yes", 100], ["yes", "no", 40]]
    write_counts(path, columns, rows)
    mapping = {
        "shape": "customers", "columns": {"problem": "problem", "resolved": "resolved"},
        "outcomes": {"churn": {"kind": "yes_no", "better": "low"}},
    }  # fmt: skip
    made = rr.read_customers(path, mapping=mapping)
    table = questions.contrast_groups(made).set_index("question")
    matters = table.loc["does it matter whether it was made good?"]
    assert matters["estimate"] == pytest.approx(0.15)
    assert (matters["verdict"], matters["reading"]) == ("higher", "worse off")
    assert matters["answer"] == (
        "whether it was made good matters: worse off, that is higher, by more than is "
        "worth naming"
    )
    first = table.loc["is there a recovery paradox?"]
    assert (first["verdict"], first["estimate"]) == ("no paradox", pytest.approx(0.05))
    write_counts(path, columns, [["no", "", 80], ["yes", "yes", 20], ["yes", "no", 80]])
    table = questions.contrast_groups(rr.read_customers(path, mapping=mapping))
    assert table["verdict"].tolist()[:2] == ["paradox", "lower"]


def test_the_shipped_mappings_say_which_way_is_better():
    for name in ("example", "example-orders", "example-complaints"):
        made = rr.read_customers(name, mapping=name)
        way = "low" if name == "example-complaints" else "high"
        assert {each.better for each in made.outcomes} == {way}
        assert not any("is more of" in f.message for f in made.findings)


def test_check_and_first_line_say_whom_an_unknown_covariate_leaves_out(tmp_path):
    rng = np.random.default_rng(3)
    k = np.arange(600)
    frame = pd.DataFrame(
        {"problem": np.where(k % 2 == 0, "no", "yes"),
         "resolved": np.where(k % 2 == 0, "", "yes"), "spend": rng.gamma(2.0, 10.0, 600),
         "region": np.where(k % 4 < 2, "NA", np.where(k % 3 == 0, "EMEA", "APAC"))}
    )  # fmt: skip
    frame.to_csv(tmp_path / "mine.csv", index=False)
    made = rr.read_customers(
        tmp_path / "mine.csv",
        mapping={
            "shape": "customers",
            "columns": {"problem": "problem", "resolved": "resolved"},
            "outcomes": {"spend": {"kind": "amount", "better": "high"}},
            "covariates": {"region": {"kind": "category"}},
        },
    )
    (doubt,) = (f for f in made.findings if "once adjusted" in f.message)
    assert doubt.message.startswith(
        "of 600 customers compared as they come 300 can be compared once adjusted: for "
        "the others a covariate is unknown, 'region' 300"
    )
    assert (doubt.column, doubt.n_rows) == ("region", 300)
    table = answers.adjust_groups(made)
    (line,) = answers.say_in_short(made, table)
    assert "once alike, of 300 of the 600, **" in line


def test_the_figure_puts_the_better_to_the_right_and_says_so():
    row = {"outcome": "churn", "estimate": -4.0, "ci_low": -9.0, "ci_high": -1.0}
    table = pd.DataFrame([row | {"equivalence_high": 2.0, "better": "low"}])
    ax = plot_against_bounds(table, label="outcome")
    (line,) = ax.containers
    assert_allclose(line.lines[0].get_xdata(orig=False), [2.0])
    assert_allclose(line.lines[2][0].get_segments()[0][:, 0], [0.5, 4.5])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["churn (less is better)"]
    assert "for the better" in ax.get_xlabel()


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
    table = answers.adjust_groups(made)
    assert set(table["verdict"]) == {"cannot tell"}
    assert table["note"].str.contains("two names of one thing").all()
    (line,) = answers.say_in_short(made, table)
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
        (
            "x1,no,,,2024-01-05,,12;5,yes,n",
            r'\[values\."spend_90"\] if it means unknown',
        ),
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
    assert any(
        "taken for its lines or payments and added up" in f.message for f in found
    )


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
