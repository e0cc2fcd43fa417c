"""Of files in which there is next to nothing every sentence of the page is true."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from notebook_cells import request_report, run_cells
from true_words import allowed_words, untrue_words

from recovery_research.analysis.verdicts import Bounds
from recovery_research.customer_data.sentences import (
    UNKNOWN_FOR,
    find_untold,
    say_found,
    say_notes,
    say_number,
    say_p,
    say_verdicts,
)

N = 120
MAPPING = """\
shape = "customers"
[columns]
problem = "problem"
complained = "complained"
resolved = "resolved"
[outcomes]
churn = { kind = "yes_no", better = "low", bounds = 0.05 }
spend = { kind = "amount", better = "high", bounds = 1.0, before = "spent", unit = "euros" }
mood = { kind = "number", bounds = 0.2 }
[covariates]
age = { kind = "number" }
"""
COMPLAINTS = """\
shape = "complaints"
[columns]
answer = "answer"
[answers]
control = "none"
[outcomes]
churn = { kind = "yes_no", better = "low", bounds = 0.05 }
mood = { kind = "number", bounds = 0.2 }
"""


def sound():
    rng = np.random.default_rng(11)
    k = np.arange(N)
    problem = np.where(k % 4 == 0, "no", "yes")
    return pd.DataFrame(
        {
            "problem": problem,
            "complained": np.where((k % 4 == 1) | (problem == "no"), "no", "yes"),
            "resolved": np.where(k % 4 == 2, "yes", np.where(k % 4 == 0, "", "no")),
            "churn": rng.integers(0, 2, N),
            "spend": rng.gamma(1.0, 20.0, N).round(2),
            "spent": rng.gamma(1.0, 20.0, N).round(2),
            "mood": rng.integers(1, 8, N).astype(float),
            "age": rng.integers(20, 70, N),
            "answer": np.where(k % 3 == 0, "none", np.where(k % 3 == 1, "re*fund_x", "sorry")),
        }
    )  # fmt: skip


def constant(table):
    return table.assign(churn=1, spend=20.0, mood=7.0)


def unknown(table):
    return table.assign(churn="", spend="", mood="")


def unknown_where_failed(table):
    known = table["problem"] == "no"
    return table.assign(
        **{name: table[name].where(known) for name in ("spend", "mood")}
    )


def one_each(table):
    return table.groupby(["problem", "complained", "resolved"]).head(1)


def nobody(problem="", resolved=""):
    def without(table):
        kept = table[table["problem"] != problem] if problem else table
        return kept[kept["resolved"] != resolved] if resolved else kept

    return without


ODD = {
    "as it should be": lambda table: table,
    "constant": constant,
    "unknown": unknown,
    "unknown where failed": unknown_where_failed,
    "one each": one_each,
    "nobody without a problem": nobody(problem="no"),
    "nobody recovered": nobody(resolved="yes"),
    "nobody failed": nobody(problem="yes"),
    "covariate unknown": lambda table: table.assign(age=""),
    "covariate mostly unknown": lambda table: table.assign(
        age=table["age"].where(np.arange(len(table)) % 9 == 0)
    ),
}
BOUNDS = {"churn": 0.05, "spend": 1.0, "mood": 0.2}
BETTER = {"churn": "low", "spend": "high", "mood": ""}


def make_page(folder, table, mapping):
    table.to_csv(folder / "mine.csv", index=False)
    (folder / "mine.toml").write_text(mapping)
    given = {"source": str(folder / "mine.csv"), "mapping": str(folder / "mine.toml")}
    return run_cells(request_report("10-your-customers", given))


def check_lines(page, cell):
    """Hold every answer against the numbers that stand behind it."""
    for line in page.texts[cell].splitlines():
        found = re.match(r"- \*\*(churn|spend|mood)\*\*, ", line)
        if found is None or ("**: " not in line and " against " not in line):
            continue
        name = found.group(1)
        bounds = Bounds(-BOUNDS[name], BOUNDS[name], "")
        for said, inside in re.findall(r"\*\*([^*]+)\*\* \(([^)]*)\)", line):
            numbers = re.match(r"[-+.\d,]+, ([-+.\d,]+) to ([-+.\d,]+)", inside)
            if numbers is None:
                assert said == "these data cannot tell", line
                assert "no interval: " in inside, line
                continue
            low, high = (float(each.replace(",", "")) for each in numbers.groups())
            true = allowed_words(low, high, bounds, BETTER[name])
            assert untrue_words(said, true) == [], line
            assert BETTER[name] or "paradox" not in said


def check_page(page):
    for cell in ("cell-05", "cell-20", "cell-26-words"):
        check_lines(page, cell)
    text = "\n".join(page.texts.values())
    assert not re.search(r"\b(nan|None|NaT|<NA>|inf)\b", text), text
    assert "**** " not in text
    compared = len(page.tables.get("verdicts", ())) > 0
    for claim in (
        "Every outcome of those compared is known", "names no outcome measured before",
        "no outcome that is an amount", "names no quality", "does not say who left",
        "Nothing was known beforehand",
    ):  # fmt: skip
        assert compared or claim not in text, claim


QUICK = {"as it should be", "unknown where failed", "nobody recovered"}


@pytest.mark.parametrize(
    "odd",
    [pytest.param(odd, marks=[] if odd in QUICK else pytest.mark.slow) for odd in ODD],
)
def test_every_sentence_of_an_odd_file_is_true(odd, tmp_path):
    page = make_page(tmp_path, ODD[odd](sound()), MAPPING)
    check_page(page)
    text = page.texts["cell-05"]
    if odd in ("constant", "as it should be"):
        assert text.count("recovered against no failure") >= 3
    if odd == "constant":
        assert "a paradox: " not in text
        assert "better off" not in text
    if odd.startswith("nobody"):
        assert "**Whether there is a recovery paradox cannot be asked:** nobody" in text
    if odd in ("unknown", "one each"):
        assert set(page.tables["adjusted"]["verdict"]) == {"cannot tell"}


@pytest.mark.slow
@pytest.mark.parametrize("odd", ["as it should be", "constant", "unknown", "one each"])
def test_every_sentence_of_odd_complaints_is_true(odd, tmp_path):
    table = ODD[odd](sound()) if odd != "one each" else sound().head(3)
    page = make_page(tmp_path, table, COMPLAINTS)
    check_page(page)
    lines = page.texts["cell-05"]
    assert "paradox" not in lines.partition("\n")[2]
    # What Markdown would eat stands for itself.
    assert "re\\*fund\\_x against none" in lines


def test_a_note_stands_beside_the_sentence_it_is_about():
    row = SimpleNamespace(
        outcome="spend", treated="recovered", control="no_failure", estimate=2.0,
        ci_low=1.5, ci_high=2.5, answer="higher", note="skewed: it *may* cover less.",
    )  # fmt: skip
    said, note = say_found(row, "once alike, of 3 of the 9,", "euros")
    assert said == "once alike, of 3 of the 9, **higher** (+2, +1.5 to +2.5 euros)"
    assert note == "Once alike: skewed: it \\*may\\* cover less"
    (line,) = say_verdicts(pd.DataFrame([vars(row)]))
    assert line.endswith("(+2, +1.5 to +2.5). *Skewed: it \\*may\\* cover less.*")
    # Where there is no interval the note says why, in its place.
    row.ci_low = row.ci_high = np.nan
    assert say_found(row, "once alike", "euros") == (
        "once alike **higher** (+2, no interval: skewed: it \\*may\\* cover less)", "",
    )  # fmt: skip


def test_where_unknown_outcomes_turn_a_verdict_is_told_once(tmp_path):
    k = np.arange(N)
    table = sound()
    table["spend"] = np.where(table["resolved"] == "yes", 15.0, 10.0) + k % 9
    table["mood"] = table["spend"].where(k % 3 < 2)
    table["spend"] = table["spend"].where(k % 3 > 0)
    page = make_page(tmp_path, table, MAPPING)
    for name in ("spend", "mood"):
        lines = page.texts["cell-05"].splitlines()
        about = "\n".join(line for line in lines if line.startswith(f"- **{name}**"))
        assert about.count(UNKNOWN_FOR) == 1, about
    assert len(page.tables["unknown-outcomes"]) == 4
    probes = page.names["unknown"]
    silent = page.names["adjusted"].assign(note="")
    assert len(find_untold(probes, silent)) == 2
    assert find_untold(probes, silent.assign(note=UNKNOWN_FOR)).empty
    assert find_untold(probes.head(0), silent).empty


def test_a_p_value_is_never_zero():
    assert [say_p(p) for p in (0.0, 0.0009, 0.0421, 1.0)] == [
        "below 0.001", "below 0.001", "= 0.042", "= 1.000",
    ]  # fmt: skip


def test_notes_of_a_table_are_told_once_each():
    table = pd.DataFrame(
        {"outcome": ["a_b", "a_b", "c"], "note": ["few.", "few.", None], "n": [1, 2, 3]}
    )
    assert say_notes(table, "outcome") == ["- a b: few."]
    assert say_notes(table.drop(columns="note"), "outcome") == []


@pytest.mark.parametrize(
    "number", [-8.85e-17, 3.2e-9, 0.000051, 12.0, 999.7, 19519.88, 1e7]
)
def test_numbers_are_never_written_as_powers(number):
    said = say_number(number)
    assert "e" not in said
    assert float(said.replace(",", "")) == pytest.approx(number, rel=5e-3)
