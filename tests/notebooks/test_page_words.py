"""Tables, first lines and further lines of a file's report never contradict each other."""

import re

import numpy as np
import pandas as pd
import pytest
from notebook_cells import request_report, run_cells
from true_words import allowed_words, untrue_words

import recovery_research as rr
from recovery_research.analysis.verdicts import Bounds
from recovery_research.customer_data.questions import contrast_groups, main_questions

EACH = 150
# By group: the share of yes or the mean, so that treated minus control is ...
SHAPES = {
    "up": (0.2, 0.8), "down": (0.8, 0.2), "same": (0.5, 0.5), "unsure": (0.45, 0.55),
}  # fmt: skip
BETTER = ("high", "low", "")
NAMES = [f"{shape}_{way or 'unsaid'}" for shape in SHAPES for way in BETTER]


def write_outcomes(path, shape):
    """Write a file with an outcome for each shape; yes or no, or a number."""
    if shape == "complaints":
        frame = pd.DataFrame({"answer": np.repeat(["none", "refund"], EACH)})
        second = np.repeat([0, 1], EACH)
    else:
        groups = [("no", ""), ("yes", "yes"), ("yes", "no")]
        rows = [row for row in groups for _ in range(EACH)]
        frame = pd.DataFrame(rows, columns=["problem", "resolved"])
        second = np.repeat([0, 1, 0], EACH)
    k = np.tile(np.arange(EACH), len(frame) // EACH)
    frame["age"] = 20 + (k * 7) % 31
    for shape_name, shares in SHAPES.items():
        share = np.array(shares)[second]
        yes = (k * 37 % EACH) < share * EACH
        if shape == "numbers":
            values = np.where(yes, 1.0, 0.0) * 10 - 5 + (k % 5) / 10
            values = np.where(shape_name == "same", k % 3 - 1.0, values)
        else:
            values = np.where(yes, "yes", "no")
        for way in BETTER:
            frame[f"{shape_name}_{way or 'unsaid'}"] = values
    frame.to_csv(path, index=False)


def write_mapping(path, shape):
    kind = "number" if shape == "numbers" else "yes_no"
    bounds = {"numbers": 0.9, "customers": 0.12, "complaints": 0.12}[shape]
    lines = [f'shape = "{"complaints" if shape == "complaints" else "customers"}"']
    if shape == "complaints":
        lines += ["[columns]", 'answer = "answer"', "[answers]", 'control = "none"']
    else:
        lines += ["[columns]", 'problem = "problem"', 'resolved = "resolved"']
    lines.append("[outcomes]")
    for name in NAMES:
        way = name.partition("_")[2]
        said = "" if way == "unsaid" else f', better = "{way}"'
        # Where they are alike the bounds are wide enough to say so.
        wide = bounds if not name.startswith("same") else 2 * bounds
        lines.append(f'{name} = {{ kind = "{kind}", bounds = {wide}{said} }}')
    lines += ["[covariates]", 'age = { kind = "number" }']
    path.write_text("\n".join(lines))


@pytest.fixture(scope="module", params=["customers", "numbers", "complaints"])
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    write_outcomes(folder / "mine.csv", request.param)
    write_mapping(folder / "mine.toml", request.param)
    given = {"source": str(folder / "mine.csv"), "mapping": str(folder / "mine.toml")}
    found = run_cells(request_report("10-your-customers", given))
    found.kind = request.param
    return found


def true_of(row, page):
    bound = page.names["limits"][row["outcome"]]
    better = row["outcome"].partition("_")[2].replace("unsaid", "")
    ends = (float(row["ci_low"]), float(row["ci_high"]))
    return allowed_words(*ends, Bounds(-bound, bound, ""), better), better


def test_every_word_of_every_table_is_true_of_its_interval(page):
    seen = set()
    for name in ("verdicts", "adjusted", "other-groups"):
        if name == "other-groups" and page.kind == "complaints":
            continue
        for _, row in page.tables[name].iterrows():
            true, better = true_of(row, page)
            if pd.notna(row["reading"]):
                assert row["reading"] in true, (name, row)
                assert better
            asked = name != "other-groups" and page.kind != "complaints" and better
            words = {"paradox", "no paradox"} if asked else set(true)
            words |= {"cannot tell", "no difference worth naming"}
            assert row["verdict"] in words, (name, row)
            seen.add(row["verdict"])
    wanted = {"higher", "lower", "no difference worth naming"}
    if page.kind != "complaints":
        wanted |= {"paradox", "no paradox", "cannot tell"}
    assert wanted <= seen


def test_the_same_comparison_has_the_same_words_in_every_table(page):
    first = page.tables["verdicts"].set_index(["outcome", "treated"])
    again = page.tables["adjusted"]
    again = again[again["view"] == "as they come"].set_index(["outcome", "treated"])
    columns = ["estimate", "ci_low", "ci_high", "verdict", "reading"]
    pd.testing.assert_frame_equal(
        first[columns].sort_index(), again[columns].sort_index()
    )


@pytest.mark.parametrize("cell", ["cell-05", "cell-20", "cell-26-words"])
def test_every_sentence_is_true_of_the_numbers_beside_it(page, cell):
    lines = [line for line in page.texts[cell].splitlines() if " against " in line]
    if cell == "cell-26-words":
        assert len(lines) == (0 if page.kind == "complaints" else len(NAMES))
    else:
        assert len(lines) == len(NAMES)
    for line in lines:
        outcome = re.match(r"- \*\*(.+?)\*\*", line).group(1).replace(" ", "_")
        parts = re.findall(
            r"\*\*([^*]+)\*\* \(([-+.\d]+), ([-+.\d]+) to ([-+.\d]+)\)", line
        )
        assert parts, line
        for said, *numbers in parts:
            low, high = map(float, numbers[1:])
            row = {"outcome": outcome, "ci_low": low, "ci_high": high}
            true, better = true_of(row, page)
            assert untrue_words(said, true) == [], line
            assert bool(better) or "better off" not in said
            asked = page.kind != "complaints" and cell != "cell-26-words" and better
            assert asked or "paradox" not in said


def test_first_line_and_table_say_the_same(page):
    table = page.tables["adjusted"]
    for line in page.texts["cell-05"].splitlines():
        found = re.match(r"- \*\*(.+?)\*\*, (.+?) against", line)
        if found is None or found.group(1).startswith("Whether"):
            continue
        rows = table[table["outcome"] == found.group(1).replace(" ", "_")]
        said = re.findall(r"\*\*([^*]+)\*\* \(", line)
        for words, (_, row) in zip(said, rows.iterrows(), strict=True):
            if row["verdict"] in ("higher", "lower", "not higher", "not lower"):
                assert words.startswith(row["verdict"])
            elif row["verdict"] == "paradox":
                assert words.startswith("a paradox: better off")
            elif row["verdict"] == "no paradox":
                assert words.startswith("no paradox: ")
            else:
                assert row["verdict"].removeprefix("no ") in words.replace(
                    "these data cannot tell", "cannot tell"
                )


def test_no_axis_speaks_of_better_where_some_direction_is_not_said(page):
    figure = page.figures["against-bounds"]
    assert "to the right is better where the mapping says which way" in figure.alt
    assert "turned round where less is better" in figure.caption


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-2.0, -0.4, -0.05, 0.0, 0.3, 1.5])
def test_turned_round_with_its_direction_an_outcome_comes_to_the_same(tmp_path, shift):
    # Contentment where more is better, and discontent, its negative, where less is.
    rng = np.random.default_rng(17)
    problem = np.arange(240) % 3 == 0
    mood = rng.normal(0.0, 1.0, 240) + shift * problem
    said = np.array(["no", "yes"])[problem.astype(int)]
    frame = pd.DataFrame({"problem": said, "resolved": said, "up": mood, "down": -mood})
    frame.to_csv(tmp_path / "mine.csv", index=False)
    outcomes = {
        name: {"kind": "number", "better": way, "bounds": 0.25}
        for name, way in (("up", "high"), ("down", "low"))
    }
    read = rr.read_customers(
        tmp_path / "mine.csv",
        mapping={
            "shape": "customers",
            "columns": {"problem": "problem", "resolved": "resolved"},
            "outcomes": outcomes,
        },
    )
    for bounds in ({"up": 0.25, "down": 0.25}, {"up": 0.0, "down": 0.0}):
        table = contrast_groups(read, questions=main_questions(read), bounds=bounds)
        up, down = (table.set_index("outcome").loc[name] for name in ("up", "down"))
        assert (up["verdict"], up["reading"]) == (down["verdict"], down["reading"])
        assert up["p_value"] == pytest.approx(down["p_value"], rel=1e-9)
        assert up["estimate"] == pytest.approx(-down["estimate"], rel=1e-9)
        assert up["ci_low"] == pytest.approx(-down["ci_high"], rel=1e-9)
        assert up["ci_high"] == pytest.approx(-down["ci_low"], rel=1e-9)
    # Asked for the direction alone, word and p-value agree.
    assert (up["reading"] in ("better off", "worse off")) == (up["p_value"] < 0.05)
