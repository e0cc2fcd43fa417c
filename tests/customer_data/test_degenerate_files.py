"""The whole report on files in which there is next to nothing to compare.

Every cell of the notebook is run as it stands, in this process, where a warning is an
error: each file ends in a report that says what it could not do, or in a refusal.
"""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.paths import notebooks_folder

MAPPING = """\
shape = "customers"
[columns]
problem = "problem"
complained = "complained"
resolved = "resolved"
quality = "stars"
order_time = "ordered"
left_time = "left"
[outcomes]
spend = { column = "spend", kind = "amount", bounds = 2.0, before = "spent" }
stayed = { column = "stayed", kind = "yes_no" }
score = { column = "score", kind = "number", limits = [1, 7], before = "scored" }
[covariates]
age = { column = "age", kind = "number" }
region = { column = "region", kind = "category" }
[time]
end = "2024-12-01"
"""
N = 240
REFUSED = {
    "a level each": "240 different values, 50 is the most",
    "huge amounts": "allowed is a number",
}


def sound():
    """Return a file with all four groups, in which there is something to see."""
    rng = np.random.default_rng(31)
    k = np.arange(N)
    said = np.array(["no", "yes"], dtype=object)
    ordered = pd.Timestamp("2024-01-01") + pd.to_timedelta(k % 90, unit="D")
    left = ordered + pd.to_timedelta(rng.integers(1, 400, N), unit="D")
    return pd.DataFrame(
        {
            "problem": said[(k % 3 > 0).astype(int)],
            "complained": said[((k % 3 > 0) & (k % 2 > 0)).astype(int)],
            "resolved": said[((k % 3 > 0) & (k % 2 > 0) & (k % 4 > 1)).astype(int)],
            "stars": rng.integers(1, 6, N).astype(float),
            "ordered": ordered,
            "left": pd.Series(left).where(left < "2024-11-30"),
            "spend": rng.exponential(30.0, N) * (rng.random(N) < 0.7),
            "spent": rng.exponential(30.0, N),
            "stayed": pd.Series(said[rng.integers(0, 2, N)]).where(k % 50 > 0, ""),
            "score": rng.integers(1, 8, N).astype(float),
            "scored": rng.integers(1, 8, N).astype(float),
            "age": rng.integers(18, 90, N),
            "region": rng.choice(["n", "s"], N),
        }
    )


def recovered(table):
    return table["resolved"] == "yes"


def one_each(table):
    return table.groupby(["problem", "complained", "resolved"]).head(1)


def separated(table):
    return table.assign(age=np.where(recovered(table), 80, 20), region="n")


def apart(table):
    # The groups share no age, but are not told apart by a line.
    rng = np.random.default_rng(5)
    young = rng.integers(0, 10, len(table)) * 8
    return table.assign(age=np.where(recovered(table), young + 4, young))


BAD = {
    "nobody recovered": lambda t: t[~recovered(t)],
    "nobody without a problem": lambda t: t[t["problem"] == "yes"],
    "nobody complained": lambda t: t[t["complained"] == "no"],
    "one customer a group": one_each,
    "one recovered": lambda t: pd.concat([t[~recovered(t)], t[recovered(t)].head(1)]),
    "two recovered": lambda t: pd.concat([t[~recovered(t)], t[recovered(t)].head(2)]),
    "all spend zero": lambda t: t.assign(spend=0.0, spent=0.0),
    "nothing varies": lambda t: t.assign(
        spend=5.0, spent=5.0, score=4, scored=4, stayed="yes", age=30, region="n", stars=3
    ),
    "perfect separation": separated,
    "no overlap": apart,
    "everybody left": lambda t: t.assign(stayed="no", left=t["ordered"]),
    "nobody left": lambda t: t.assign(left=pd.NaT),
    "no outcome known": lambda t: t.assign(spend=np.nan, stayed="", score=np.nan),
    "one outcome known": lambda t: t.assign(spend=t["spend"].where(t.index == 5)),
    "no covariate known": lambda t: t.assign(age=np.nan, region=""),
    "a level each": lambda t: t.assign(region=[f"r{k}" for k in range(len(t))]),
    "huge amounts": lambda t: t.assign(spend=t["spend"] * 1e300, spent=t["spent"] * 1e300),
    "tiny amounts": lambda t: t.assign(spend=t["spend"] * 1e-300),
    "one huge amount": lambda t: t.assign(spend=np.where(t.index == 7, 1e15, t["spend"])),
    "all in one moment": lambda t: t.assign(ordered=pd.Timestamp("2024-03-01")),
}  # fmt: skip


def run_notebook(path, mapping):
    """Run the cells of the report; return what its tables and texts were made of."""
    book = json.loads(
        (notebooks_folder() / "10-your-customers.ipynb").read_text(encoding="utf-8")
    )
    cells = [c for c in book["cells"] if c["cell_type"] == "code"]
    names = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            names |= {"source": str(path), "mapping": str(mapping), "through": "score"}
    plt.close("all")
    return names


def write(tmp_path, table):
    (tmp_path / "mine.toml").write_text(MAPPING, encoding="utf-8")
    table.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv", tmp_path / "mine.toml"


TABLES = ("contrasts", "adjusted", "spend", "staying", "placebos", "probes", "worst",
          "changes", "parity")  # fmt: skip


def check_blanks(names):
    for name in TABLES:
        table = names[name]
        shown = [c for c in ("estimate", "bound_low") if c in table]
        if not len(table) or not shown:
            continue
        blank = table[shown].isna().all(axis=1)
        assert (table.loc[blank, "note"].fillna("") != "").all(), name
        numbers = table.select_dtypes("number")
        assert not np.isinf(numbers.to_numpy(dtype=float, na_value=np.nan)).any(), name


def test_a_sound_file_is_answered(tmp_path):
    names = run_notebook(*write(tmp_path, sound()))
    for name in TABLES:
        assert len(names[name]), name
    assert names["adjusted"]["estimate"].notna().all()
    assert len(names["carried"]) == 2
    check_blanks(names)


QUICK = {"nobody recovered", "one recovered", "nothing varies", "no overlap"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in BAD
    ],
)
def test_a_report_says_what_it_could_not_do(name, tmp_path):
    table = BAD[name](sound()).reset_index(drop=True)
    path, mapping = write(tmp_path, table)
    if name in REFUSED:
        with pytest.raises(CustomerFileError, match=REFUSED[name]):
            run_notebook(path, mapping)
    else:
        check_blanks(run_notebook(path, mapping))
