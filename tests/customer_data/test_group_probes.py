"""What a file's adjustment is worth, what changed and why: answers, or reasons."""

import numpy as np
import pandas as pd
import pytest
from customer_files import HEADER, MAPPING, ROWS, but, write_rows

import recovery_research as rr
from recovery_research.customer_data import (
    answers,
    answers_over_time,
    comparison,
    questions,
)
from recovery_research.customer_data.mapping_rules import MappingError

TABLES = (
    answers.probe_groups, answers.check_placebos, answers.bound_groups,
    answers_over_time.compare_changes, answers_over_time.find_parities,
)  # fmt: skip
KEYS = ("outcome", "treated", "control", "estimate", "ci_low", "ci_high")


@pytest.fixture(scope="module")
def example():
    return rr.read_customers("example", mapping="example")


@pytest.fixture(scope="module")
def orders():
    return rr.read_customers("example-orders", mapping="example-orders")


@pytest.fixture(scope="module")
def complaints():
    return rr.read_customers("example-complaints", mapping="example-complaints")


@pytest.fixture
def tiny(tmp_path):
    """Eight customers, too few for nearly everything."""
    return rr.read_customers(write_rows(tmp_path / "mine.csv", ROWS), mapping=MAPPING)


def same(row, found, columns=("estimate", "ci_low", "ci_high")):
    assert [row[c] for c in columns] == [getattr(found, c) for c in columns]


def test_answers_are_those_of_the_analyses(example):
    names = ["orders_before", "spend_before", "tenure_weeks", "region"]
    row = answers.probe_groups(example).set_index("outcome").loc["satisfaction"]
    found = rr.probe_confounding(
        example.customers, outcome="satisfaction", covariates=names
    )
    same(row, found, ("estimate", "robustness_value", "e_value", "n_treated"))
    row = (
        answers_over_time.compare_changes(example)
        .set_index("after")
        .loc["satisfaction"]
    )
    found = rr.compare_before_after(
        example.customers, before="satisfaction_before", after="satisfaction"
    )
    same(
        row, found, ("change", "regression_to_mean", "estimate", "ci_low", "n_missing")
    )
    table = answers.bound_groups(example).set_index(["treated", "outcome"])
    for group in ("recovered", "silent"):
        found = rr.bound_worst_case(
            example.customers,
            outcome="satisfaction",
            lowest=1,
            highest=7,
            treated=group,
        )
        row = table.loc[(group, "satisfaction")]
        same(row, found, ("bound_low", "bound_high", "ci_low", "ci_high"))
    row = (
        answers_over_time.find_parities(example)
        .set_index("outcome")
        .loc["satisfaction"]
    )
    found = rr.find_parity(
        example.customers, outcome="satisfaction", quality="recovery_quality"
    )
    same(row, found)


def test_the_balance_does_not_depend_on_whose_outcome_is_known(example):
    table = answers.tabulate_balances(example)
    assert list(table["covariate"]) == [
        "orders_before", "spend_before", "tenure_weeks", "region=north", "region=south",
    ]  # fmt: skip
    groups = example.customers["index_outcome"]
    before = example.customers["orders_before"]
    assert table["mean_treated"][0] == pytest.approx(
        before[groups == "recovered"].mean()
    )
    assert (table["difference_after"].abs() < 0.01).all()


def test_a_placebo_is_not_adjusted_for_itself(example):
    table = answers.check_placebos(example)
    assert list(table["outcome"]) == ["followup_spend_before", "satisfaction_before"]
    assert table["passed"].all()
    for row in table.itertuples():
        assert row.outcome not in row.covariates


def test_a_placebo_finds_selection_that_the_adjustment_leaves(tmp_path):
    rng = np.random.default_rng(9)
    liking = rng.normal(0.0, 1.0, 600)
    recovered = rng.random(600) < 1.0 / (1.0 + np.exp(1.5 - 1.5 * liking))
    frame = pd.DataFrame(
        {
            "problem": np.where(recovered, "yes", "no"),
            "resolved": np.where(recovered, "yes", ""),
            "spend": 50.0 + 10.0 * liking + rng.normal(0.0, 5.0, 600),
            "spend_last_year": 50.0 + 10.0 * liking + rng.normal(0.0, 5.0, 600),
            "age": rng.integers(20, 80, 600),
        }
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)
    mapping = {
        "shape": "customers",
        "columns": {"problem": "problem", "resolved": "resolved"},
        "outcomes": {
            "spend_now": {
                "column": "spend", "kind": "amount", "before": "spend_last_year",
            }
        },
        "covariates": {"age": {"column": "age", "kind": "number"}},
    }  # fmt: skip
    read = rr.read_customers(tmp_path / "mine.csv", mapping=mapping)
    (row,) = answers.check_placebos(read).itertuples()
    assert not row.passed
    assert row.ci_low > 0.0
    # Adjusted for what it was before, the difference is gone.
    mapping["covariates"]["before"] = {"column": "spend_last_year", "kind": "amount"}
    read = rr.read_customers(tmp_path / "mine.csv", mapping=mapping)
    naive = rr.paradox(read.customers, outcome="spend_now")
    found = rr.adjust(read.customers, outcome="spend_now", covariates=["age", "before"])
    assert found.estimate < 0.5 * naive.estimate
    assert "before" not in answers.check_placebos(read)["covariates"][0].split(", ")


def test_an_order_log_is_followed_around_the_index_order(orders):
    study, note = answers_over_time.follow_index_orders(orders)
    assert list(study.periods["period"]) == list(range(-3, 4))
    assert "not observed so long" in note
    model, note = answers_over_time.fit_group_cox(orders)
    assert "5 orders whose outcome is unknown are left out" in note
    assert model.n_unknown == 5
    # A file's -1 for "nobody knows who left" stands nowhere in this one.
    spells = rr.tabulate_spells(
        orders.orders, orders.customers, end_week=orders.end_week
    )
    again = rr.fit_cox(spells)
    pd.testing.assert_frame_equal(model.coefficients, again.coefficients)


def test_spend_before_the_index_order_by_hand():
    log = pd.DataFrame(
        {
            "customer": ["a"] * 4 + ["b"] * 2,
            "week": [1.0, 6.9, 7.0, 20.0, 2.0, 9.0],
            "amount": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
            "outcome": ["no_failure"] * 3 + ["recovered", "no_failure", "recovered"],
        }
    )
    table = rr.customers_from_orders(log, design="ever-failed", span=(0.0, 40.0))
    # The window of a, 7 to 20, holds one order; that of b would open before the start.
    assert table["followup_spend_before"][0] == 4.0
    assert np.isnan(table["followup_spend_before"][1])


def test_what_cannot_be_asked_says_why(tiny, example, orders, complaints):
    assert answers_over_time.follow_index_orders(example) == (
        None,
        "the file is no order log",
    )
    assert answers_over_time.fit_group_cox(example) == (
        None,
        "the file is no order log",
    )
    for read in (tiny, example, orders, complaints):
        for ask in TABLES:
            table = ask(read)
            if not len(table):
                continue  # the notebook says that there was nothing to ask
            blank = table.reindex(columns=["estimate"]).isna().all(axis=1)
            blank &= table.reindex(columns=["bound_low"]).isna().all(axis=1)
            assert (table.loc[blank, "note"].fillna("") != "").all(), ask.__name__
        said = answers.say_probes(answers.probe_groups(read))
        assert all(not each.endswith(".") for each in said)


def test_effects_go_through_an_outcome_that_is_there(example):
    found, notes = answers_over_time.explain_through(example, "satisfaction")
    assert [each.outcome for each in found] == ["followup_spend", "stayed"]
    assert notes == []
    with pytest.raises(ValueError, match=r"'satisfacton' is no outcome.*Did you mean"):
        answers_over_time.explain_through(example, "satisfacton")


def test_what_was_before_and_how_good_it_was_is_read(tmp_path):
    rows = [f"{row},{k},{9 - k}" for k, row in enumerate(ROWS)]
    path = write_rows(tmp_path / "mine.csv", rows, HEADER + ",was,stars")
    mapping = but(
        columns=MAPPING["columns"] | {"quality": "stars"},
        outcomes={
            "spend": {"column": "spend_90", "kind": "amount", "before": "was"},
            "stayed": MAPPING["outcomes"]["stayed"],
        },
    )
    read = rr.read_customers(path, mapping=mapping)
    assert read.customers["spend_before"].tolist() == list(range(8))
    assert read.customers["recovery_quality"].tolist() == [9 - k for k in range(8)]


def test_values_beyond_their_limits_are_set_aside(tmp_path):
    path = write_rows(tmp_path / "mine.csv", ROWS)
    mapping = but(
        outcomes={
            "spend": {"column": "spend_90", "kind": "amount", "limits": [0, 125.5]},
        }
    )
    read = rr.read_customers(path, mapping=mapping)
    assert read.excluded["reason"].tolist() == ["spend_90 is outside 0 to 125.5"]
    assert read.excluded["id"].tolist() == ["c2"]
    assert len(read.customers) == 7


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"limits": [7, 1]}, "least and the most"),
        ({"limits": [1]}, "least and the most"),
        ({"limits": [True, 7]}, "least and the most"),
        ({"kind": "yes_no", "limits": [0, 1]}, "needs no limits"),
        ({"before": 3}, "before is the column"),
        ({"before": "no such column"}, "no such column"),
    ],
)
def test_what_a_mapping_may_not_say_of_an_outcome(tmp_path, entry, message):
    path = write_rows(tmp_path / "mine.csv", ROWS)
    outcome = {"column": "spend_90", "kind": "amount"} | entry
    with pytest.raises((MappingError, rr.CustomerFileError), match=message):
        rr.read_customers(path, mapping=but(outcomes={"spend": outcome}))


def test_a_name_cannot_be_taken_by_what_was_before():
    mapping = but(
        outcomes={"spend": {"column": "spend_90", "kind": "amount", "before": "was"}},
        covariates={"spend_before": {"column": "region", "kind": "category"}},
    )
    with pytest.raises(MappingError, match="'spend_before' is taken"):
        rr.read_customers("example", mapping=mapping)


def test_what_was_before_may_also_be_a_covariate(tmp_path):
    rows = [f"{row},{k}" for k, row in enumerate(ROWS)]
    path = write_rows(tmp_path / "mine.csv", rows, HEADER + ",was")
    mapping = but(
        outcomes={"spend": {"column": "spend_90", "kind": "amount", "before": "was"}},
        covariates={"spend_before": {"column": "was", "kind": "amount"}},
    )
    read = rr.read_customers(path, mapping=mapping)
    assert list(read.customers).count("spend_before") == 1
    assert read.customers["spend_before"].tolist() == list(range(8))


def test_a_covariate_called_known_is_balanced_as_any_other(tmp_path):
    frame = pd.DataFrame(
        {
            "problem": ["yes", "no"] * 30,
            "resolved": ["yes", ""] * 30,
            "spend": np.arange(60.0),
            "age": [20, 31, 42, 25, 60, 37] * 10,
        }
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)
    mapping = {
        "shape": "customers",
        "columns": {"problem": "problem", "resolved": "resolved"},
        "outcomes": {"spend": {"column": "spend", "kind": "amount"}},
        "covariates": {"known": {"column": "age", "kind": "number"}},
    }
    read = rr.read_customers(tmp_path / "mine.csv", mapping=mapping)
    (row,) = answers.tabulate_balances(read).itertuples()
    assert (row.covariate, row.note) == ("known", "")
    assert row.mean_treated == pytest.approx(frame["age"][::2].mean())


def test_unknown_outcomes_are_probed_row_by_row(example):
    adjusted = answers.adjust_groups(example)
    table = comparison.probe_unknown(example, adjusted)
    # All three outcomes are unknown for somebody, as they come and adjusted.
    assert len(table) == len(adjusted) == 6
    assert table["verdict"].tolist() == adjusted["verdict"].tolist()
    rows = table[table["outcome"] == "satisfaction"].set_index("view")
    found = rr.probe_missing(
        example.customers, outcome="satisfaction", lowest=1, highest=7,
        bounds=tuple(adjusted.loc[adjusted["outcome"] == "satisfaction",
                                  ["equivalence_low", "equivalence_high"]].iloc[0]),
    )  # fmt: skip
    same(rows.loc["as they come"], found, ("tipping_point", "tipping_alike", "turns"))
    made = rows.loc["adjusted (aipw)"]
    assert made["turns"]
    # Nearly the same difference, the same unknown: nearly the same point.
    assert abs(made["tipping_point"] / found.tipping_point - 1.0) < 0.05
    said = comparison.say_unknown(example, table)
    assert len(said) == 2
    assert said[0].startswith(
        "- **satisfaction**, recovered against no failure, as they come: the outcome is "
        "unknown for 68 of 227 recovered and 792 of 2,688 no failure; 'higher' turns to"
    )


def test_tables_without_unknown_outcomes_or_answers_say_nothing(tiny, orders):
    adjusted = answers.adjust_groups(tiny)
    table = comparison.probe_unknown(tiny, adjusted)
    assert "tipping_point" in table
    assert comparison.say_unknown(tiny, table[:0]) == []
    contrasts = questions.contrast_groups(orders)
    table = comparison.probe_unknown(orders, contrasts)
    known = [each.name for each in orders.outcomes
             if not orders.customers[each.name].isna().any()]  # fmt: skip
    assert not set(table["outcome"]) & set(known)
