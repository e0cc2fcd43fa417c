"""Two runs held against one another: every changed cell, as page and command."""

import pytest
from command_calls import call
from past_runs import lay_run

from recovery_research.reporting.comparison_pages import write_comparison
from recovery_research.reporting.comparisons import compare_runs


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
            "kept": "policy,estimate,more\na,1.0001,1\nb,0.3,2\n",
            "same": "x\n1\n",
            "new": "x\n1\n",
        },
    )
    return before, after


def test_every_changed_cell_is_found(pair):
    found = compare_runs(*pair)
    assert found.tables == {"kept": False, "new": False, "old": False, "same": True}
    cells = {(c.table, c.row, c.column): (c.before, c.after) for c in found.cells}
    assert cells == {
        ("kept", 1, "estimate"): ("1.0", "1.0001"),
        ("kept", 1, "more"): (None, "1"),
        ("kept", 2, "estimate"): ("0.2", "0.3"),
        ("kept", 2, "more"): (None, "2"),
        ("kept", 3, "policy"): ("c", None),
        ("kept", 3, "estimate"): ("", None),
        ("new", None, ""): (None, "present"),
        ("old", None, ""): ("present", None),
    }
    changes = {(c.part, c.name): (c.before, c.after) for c in found.changes}
    assert changes["parameters", "n"] == ("3", "4")
    assert changes["versions", "package-000"] == ("1.2.3", "1.2.4")
    assert changes["versions", "package-001"] == ("1.2.3", None)
    assert ("code", "notebook") not in changes
    assert len(found.to_frame()) == 8


def test_the_tolerance_is_as_it_says(pair):
    def estimates(**tolerance):
        found = compare_runs(*pair, **tolerance)
        return [c.row for c in found.cells if c.column == "estimate"]

    # 1.0 and 1.0001 differ by 1e-4 of the first; 0.2 and 0.3 by half of it.
    assert estimates(rtol=0.9e-4) == [1, 2, 3]
    assert estimates(rtol=1.1e-4) == [2, 3]
    assert estimates(atol=0.11) == [3]
    assert estimates(rtol=0.51) == [3]
    assert estimates(rtol=0.35) == [2, 3]
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="0 or more"):
            compare_runs(*pair, rtol=wrong)


def test_the_diff_command_and_its_page(pair, tmp_path):
    names = [folder.name for folder in pair]
    page = tmp_path / "diff.html"
    said = call("diff", *names, "--reports", tmp_path, "--page", page)
    assert said.exit_code == 9
    assert "parameters: n: 3 -> 4" in said.stdout
    assert "row 2, estimate: 0.2 -> 0.3" in said.stdout
    assert "table same: the same" in said.stdout
    html = page.read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "default-src 'none'" in html
    assert html == write_comparison(compare_runs(*pair))
    same = call("diff", names[0], names[0], "--reports", tmp_path)
    assert (same.exit_code, "made of the same" in same.stdout) == (0, True)
