"""Two runs held against one another: rows by name, as page, file and command."""

import csv
import json
import random

import pytest
from command_calls import call
from hypothesis import given
from hypothesis import strategies as st
from past_runs import lay_run

from recovery_research.reports.comparison_pages import show_cell, write_comparison
from recovery_research.reports.comparisons import (
    CellChange,
    compare_runs,
    compare_tables,
    find_keys,
)


@pytest.fixture
def pair(tmp_path):
    before = lay_run(
        tmp_path,
        0,
        tables={
            "kept": "policy,estimate\na,1.0\nb,0.2\nc,\n",
            "same": "x\n1\n",
            "old": "x\n1\n",
        },
    )
    after = lay_run(
        tmp_path,
        1,
        parameters={"n": 4, "world": "claims", "<b>": "<script>alert(1)</script>"},
        provenance={"distributions": {"package-000": "1.2.4"}},
        tables={
            "kept": "policy,estimate,more\nb,0.3,2\na,1.0001,1\nd,5,2\n",
            "same": "x\n1\n",
            "new": "x\n1\n",
        },
    )
    return before, after


def test_what_differs_is_found_under_the_names_of_the_rows(pair):
    found = compare_runs(*pair)
    assert found.tables == {"kept": False, "new": False, "old": False, "same": True}
    kept, new, old, _ = found.compared
    cells = {(c.row, c.column): (c.before, c.after) for c in kept.cells}
    assert cells == {
        ("policy=a", "estimate"): ("1.0", "1.0001"),
        ("policy=b", "estimate"): ("0.2", "0.3"),
    }
    assert (kept.rows_before, kept.rows_after) == (("policy=c",), ("policy=d",))
    assert (kept.columns_before, kept.columns_after) == ((), ("more",))
    assert kept.cells[0].row == "policy=b", "the largest change comes first"
    assert (new.only_in, old.only_in) == ("after", "before")
    changes = {(c.part, c.name): (c.before, c.after) for c in found.changes}
    assert changes["parameters", "n"] == ("3", "4")
    assert changes["versions", "package-000"] == ("1.2.3", "1.2.4")
    assert changes["versions", "package-001"] == ("1.2.3", None)
    assert ("code", "notebook") not in changes
    assert len(found.to_frame()) == 2


def test_the_tolerance_is_as_it_says(pair):
    def estimates(**tolerance):
        found = compare_runs(*pair, **tolerance)
        return sorted(c.row for c in found.cells if c.column == "estimate")

    # 1.0 and 1.0001 differ by 1e-4 of the first; 0.2 and 0.3 by half of it.
    assert estimates(rtol=0.9e-4) == ["policy=a", "policy=b"]
    assert estimates(rtol=1.1e-4) == ["policy=b"]
    assert estimates(atol=0.11) == []
    assert estimates(rtol=0.51) == []
    assert estimates(rtol=0.35) == ["policy=b"]
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="0 or more"):
            compare_runs(*pair, rtol=wrong)


# ------------------------------------------------------------------- names of rows

TABLES = [
    # (columns, lines before, what names the rows)
    ("policy,world,estimate", "a,x,1 a,y,1 b,x,1 b,y,1", ("policy", "world")),
    ("policy,week,kept", "a,1,9 a,2,8 b,1,9 b,2,7", ("policy", "week")),
    ("week,kept", "0.0,1 0.5,1 1.0,0.9", ("week",)),
    ("verdict,outcome,estimate", "no,p,1 no,q,1 yes,r,2", ("outcome",)),
    ("outcome,verdict,estimate", "p,no,1 q,no,1 r,yes,2", ("outcome",)),
    ("policy,n_customers,estimate", "a,5,1 a,6,1", ()),
    ("policy,complained,spend", "a,True,1 a,False,1 b,True,3", ("policy", "complained")),
    ("group,customers,mean", "a,500,1 b,510,2", ("group",)),
    ("estimate,std_error", "0.1,0.2", ()),
    ("policy,order,week,outcome", "a,1,3.1,f a,2,4.5,f b,1,3.1,n b,2,6,f",
     ("policy", "order")),
]  # fmt: skip


@pytest.mark.parametrize(("head", "lines", "keys"), TABLES)
def test_what_names_the_rows_is_found(head, lines, keys):
    names = head.split(",")
    rows = [dict(zip(names, x.split(","), strict=True)) for x in lines.split()]
    other = [row | {name: row[name] + "7" for name in names
                    if name in ("estimate", "kept", "spend", "mean")}
             for row in reversed(rows)]  # fmt: skip
    assert find_keys(rows, other) == keys


@given(
    keys=st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 5)), min_size=2, unique=True
    ),
    seed=st.integers(0, 999),
)
def test_the_order_of_rows_and_columns_does_not_matter(keys, seed):
    luck = random.Random(seed)
    rows = [[name, str(week), repr(luck.gauss(0, 1))] for name, week in keys]
    head = ["policy", "week", "estimate"]
    shuffled = luck.sample(rows, len(rows))
    turned = [row[::-1] for row in [head, *shuffled]]
    assert compare_tables("t", [head, *rows], turned).same
    gone = compare_tables("t", [head, *rows], [head, *shuffled[1:]])
    assert (len(gone.rows_before), gone.rows_after, gone.cells) == (1, (), ())


def test_rows_of_one_name_are_told_apart_by_their_place():
    head = ["policy", "estimate"]
    before = [head, ["a", "1"], ["a", "2"], ["b", "3"]]
    found = compare_tables("t", before, [head, ["a", "1"], ["a", "5"], ["b", "3"]])
    assert [(c.row, c.after) for c in found.cells] == [
        ("policy=a, number 2 of these", "5")
    ]
    bare = compare_tables("t", [["x"], ["0.5"], ["2"]], [["x"], ["0.5"], ["3"]])
    assert [c.row for c in bare.cells] == ["row 2"]


# ------------------------------------------------------------------ noise and digits


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("0.3", "0.30000000000000004", True),
        ("0.0", "-3e-17", True),
        ("5000.0", "5000.000000001", True),
        ("1e-20", "1.1e-20", False),
        ("0.3", "0.3000001", False),
        ("1", "1.0", True),
        ("-0.0", "0", True),
        ("inf", "1.0", False),
        ("1.0", "inf", False),
        ("inf", "-inf", False),
        ("", "0.0", False),
        ("nan", "0.0", False),
        ("yes", "no", False),
    ],
)
@pytest.mark.parametrize("scale", [1.0, None])
def test_noise_is_no_difference_and_all_else_is(before, after, same, scale):
    # With a row beside it the column has a size of its own; alone, it is the cell's.
    beside = [] if scale is None else [["b", repr(scale)]]
    if before == "1e-20" and beside:
        return  # beside a one that is nothing
    if before == "0.0" and after == "-3e-17" and not beside:
        same = False
    head = ["policy", "estimate"]
    tables = [[head, ["a", value], *beside] for value in (before, after)]
    for pair in (tables, tables[::-1]):
        assert compare_tables("t", *pair).same is same
    assert compare_tables("t", *tables, rtol=0.0).same is (float(before) == float(after)
                                                          if same else False)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "error", "said"),
    [
        ("0.123456", "0.234567", 0.02, ("0.123", "0.235", "+0.11, 5.6 std errors")),
        ("1.0", "1.00010", None, ("1.0000", "1.0001", "+0.0001")),
        ("431.0", "495.0", None, ("431", "495", "+64")),
        ("1234567.8", "1234999.9", None, ("1,234,568", "1,235,000", "+4.3e+02")),
        ("3.2e-09", "4.1e-09", None, ("3.200e-09", "4.100e-09", "+9e-10")),
        ("98.6321", "94.4188", 12.0, ("99", "94", "-4.2, 0.35 std errors")),
        ("", "4", None, ("blank", "4", "")),
        ("no paradox", "cannot tell", None, ("no paradox", "cannot tell", "")),
    ],
)
def test_numbers_have_the_digits_that_mean_something(before, after, error, said):
    size = abs(float(after) - float(before)) / error if error else 1.0
    assert (
        show_cell(CellChange("t", "r", "c", before, after, error, error, size)) == said
    )


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1e-9, 1e9))
def test_what_differs_never_looks_the_same(value, error):
    other = value * (1 + 1e-9) + 1e-12
    for blur in (None, error):
        cell = CellChange("t", "r", "c", repr(value), repr(other), blur, blur, 1.0)
        old, new, _ = show_cell(cell)
        assert (old == new) == (value == other)


# ----------------------------------------------------------------- command and page


def test_the_diff_command_its_page_and_its_json(pair, tmp_path):
    names = [folder.name for folder in pair]
    page = tmp_path / "diff.html"
    said = call("diff", *names, "--reports", tmp_path, "--page", page)
    assert said.exit_code == 9
    assert "parameters: n: 3 -> 4" in said.stdout
    assert "policy=b: estimate: 0.2000 -> 0.3000  (+0.1)" in said.stdout
    assert "only before: policy=c" in said.stdout
    assert "table same: the same" in said.stdout
    assert "versions: and " in said.stdout, "200 packages are not 200 lines"
    html = page.read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "default-src 'none'" in html
    assert html == write_comparison(compare_runs(*pair), "diff.csv")
    rows = list(csv.DictReader((tmp_path / "diff.csv").read_text().splitlines()))
    assert {row["what"] for row in rows} == {
        "cell", "row only before", "row only after", "column only after",
        "table only before", "table only after",
    }  # fmt: skip
    told = json.loads(call("diff", *names, "--reports", tmp_path, "--json").stdout)
    assert told["same"] is False
    assert told["tables"][0]["cells"][0]["change"] == pytest.approx(0.1)
    same = call("diff", names[0], names[0], "--reports", tmp_path)
    assert (same.exit_code, "made of the same" in same.stdout) == (0, True)
    refused = call("diff", *names, "--reports", tmp_path, "--page", tmp_path / "x.csv")
    assert (refused.exit_code, "name it .html" in refused.stderr) == (2, True)


def test_however_much_differs_text_and_page_stay_of_bearable_length(tmp_path):
    def lay(number, luck):
        lines = "".join(f"p{i},{luck.random()},w{i}\n" for i in range(300))
        tables = {f"t{k}": f"policy,estimate,word\n{lines}" for k in range(12)}
        return lay_run(tmp_path, number, tables=tables)

    found = compare_runs(lay(0, random.Random(1)), lay(1, random.Random(2)))
    assert len(found.cells) == 3_600
    names = [found.before.run_id, found.after.run_id]
    said = call("diff", *names, "--reports", tmp_path, "--page", tmp_path / "d.html")
    assert len(said.stdout.splitlines()) < 150
    assert "and 295 smaller changes" in said.stdout
    assert len((tmp_path / "d.html").read_text()) < 60_000
    assert len((tmp_path / "d.csv").read_text().splitlines()) == 3_601
