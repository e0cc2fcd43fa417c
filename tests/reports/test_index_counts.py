"""The index counts what it lists: every set, every world, and what was dismissed."""

import json
import re

import pytest
from browser import chromium, find_violations, opened
from bs4 import BeautifulSoup
from command_calls import call
from hypothesis import given, settings
from hypothesis import strategies as st
from run_records import keep_run, make_failure, parameter

from recovery_research.reports import index_board
from recovery_research.reports.history import read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.index_board import MOST_WORLDS, FigureReader
from recovery_research.reports.run_details import DetailReader


def keep(reports, number, n, report="02-x", *, good=True, **more):
    failed = {} if good else {"verdict": "cell failed", "failure": make_failure()}
    given_n = [parameter("n", n, 0, "whole number")]
    return keep_run(
        reports, number, report=report, parameters=given_n, **failed, **more
    )


def read_page(reports):
    return BeautifulSoup(write_index(reports).read_text(), "html.parser")


def read_tally(soup):
    said = " ".join(soup.find(class_="tally").get_text(" ").split())
    found = re.findall(r"([\d,]+) ([a-z ]+?)(?= \d|$)", said)
    return {word: int(n.replace(",", "")) for n, word in found}


def list_sets(soup):
    """The standings shown, as (n, whether good)."""
    return [
        (int(each.find(class_="is").get_text().replace(",", "")),
         "is-good" in each["class"])
        for each in soup.find_all(class_="standing")
    ]  # fmt: skip


ENDS = st.lists(
    st.tuples(
        st.sampled_from(["02-x", "01-y"]),
        st.integers(1, 5),
        st.sampled_from(["good", "failed", "dismissed"]),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=25)
@given(ends=ENDS, full=st.integers(1, 3))
def test_the_numbers_are_those_of_what_is_listed(tmp_path_factory, ends, full):
    reports = tmp_path_factory.mktemp("counts")
    newest = {}
    for number, (report, n, end) in enumerate(ends):
        folder = keep(reports, number, n, report, good=end == "good")
        if end == "dismissed":
            (folder / "dismissed.json").write_text('{"dismissed": true}')
        else:
            newest[report, n] = end == "good"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_board, "MOST_VARIANTS", full)
        soup = read_page(reports)
    assert sorted(list_sets(soup)) == sorted((n, g) for (_, n), g in newest.items())
    tally = read_tally(soup)
    n_failing = sum(not good for good in newest.values())
    n_dismissed = sum(end == "dismissed" for _, _, end in ends)
    assert tally.get("failing") == n_failing
    assert tally.get("good") == len(newest) - n_failing
    assert tally.get("runs", tally.get("run")) == len(ends)
    assert tally.get("dismissed", 0) == n_dismissed
    rows = soup.select("#run-table tbody tr")
    assert len(rows) == len(ends)
    assert sum("dismissed" in row.get_text() for row in rows) == n_dismissed
    facts = [each.get_text() for each in soup.select("article.report .facts")]
    counts = [int(re.search(r"(\d+) runs?", said)[1]) for said in facts]
    assert sum(counts) == len(ends)
    listed = len(soup.select("#failing article"))
    more = re.search(r"and (\d+) more, listed", soup.get_text())
    assert listed + int(more[1] if more else 0) == n_failing
    title = soup.title.get_text()
    assert title == (f"{n_failing} failing: Reports" if n_failing else "Reports")


def test_a_hundred_sets_are_all_there_and_can_be_opened(tmp_path):
    for n in range(100):
        keep(tmp_path, n, n + 1, good=n % 10 != 3)
    keep(tmp_path, 200, 7)
    soup = read_page(tmp_path)
    sets = list_sets(soup)
    assert sorted(n for n, _ in sets) == list(range(1, 101))
    assert read_tally(soup) == {"failing": 10, "good": 90, "runs": 101}
    assert len(soup.select("details.rest tbody tr")) == 100 - index_board.MOST_VARIANTS
    for row in soup.select("details.rest tbody tr"):
        link = row.select_one(".links a")["href"]
        assert (tmp_path / link).is_file()
    (newest,) = (each for each in soup.select("li.standing")
                 if each.find(class_="is").get_text() == "7")  # fmt: skip
    assert "-0000c8/" in newest.select_one(".links a")["href"]


@pytest.mark.slow
def test_many_sets_and_dismissed_failures_are_readable_by_everybody(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(index_board, "MOST_VARIANTS", 2)
    for n in range(5):
        keep(tmp_path, n, n + 1, good=n % 4 != 3)
    slip = keep(tmp_path, 200, 2, good=False)
    call("dismiss", slip.name, "--reports", tmp_path)
    with chromium() as browser:
        for wide in (True, False):
            with opened(browser, tmp_path / "index.html", wide=wide) as page:
                page.locator("details.rest summary").click()
                assert find_violations(page) == []
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= (1280 if wide else 390), "the page scrolls sideways"
                page.fill("#words", "n=5")
                assert page.locator(".standing:visible").count() == 1


# ------------------------------------------------------------------------ worlds


def read_figures(reports, table):
    keep_run(reports, tables={"key-figures": table})
    (run,) = read_history(reports).runs
    return [
        (figure.label, figure.estimate)
        for figure in FigureReader(DetailReader(reports)).read(run)
    ]


@pytest.mark.parametrize(
    ("table", "figures"),
    [
        # Sorted by world, the first three rows would all be of one.
        ("world,outcome,estimate\na,x,1\na,y,2\na,z,3\nb,x,4\nb,y,5\n",
         [("a · x", 1), ("b · x", 4)]),
        # The same figure of each, wherever it stands.
        ("world,outcome,estimate\na,x,1\na,y,2\nb,y,5\nb,x,4\n",
         [("a · x", 1), ("b · x", 4)]),
        ("outcome,world,estimate\nx,a,1\ny,a,2\nx,b,4\n", [("a · x", 1), ("b · x", 4)]),
        ("outcome,estimate,world\nx,1,a\ny,2,a\nx,4,b\n", [("a · x", 1), ("b · x", 4)]),
        ("world,estimate\na,1\nb,2\nc,3\nd,4\n",
         [("a", 1), ("b", 2), ("c", 3), ("d", 4)]),
        ("world,outcome,estimate\na,x,1\na,y,2\na,z,3\na,u,4\n",
         [("a · x", 1), ("a · y", 2), ("a · z", 3)]),
        ("outcome,estimate\nx,1\ny,2\nz,3\nu,4\n", [("x", 1), ("y", 2), ("z", 3)]),
        # Different figures under one name are not one figure.
        ("outcome,estimate,view\nx,1,p\nx,2,q\n", [("x", 1), ("x (2)", 2)]),
        # A world without an estimate has none to show; the caption says so.
        ("world,outcome,estimate\na,x,nan\nb,x,4\nb,y,5\n", [("b · x", 4), ("b · y", 5)]),
        ("world,outcome,estimate\na,x,1\nb,y,4\n", [("a · x", 1), ("b · y", 4)]),
    ],
)  # fmt: skip
def test_a_headline_shows_every_world(tmp_path, table, figures):
    assert read_figures(tmp_path, table) == figures


def test_what_is_not_shown_of_a_world_is_said(tmp_path):
    table = "world,outcome,estimate\nclaims,x,\nold_one,x,nan\nevidence,x,4\n"
    read_figures(tmp_path, table)
    caption = read_page(tmp_path).select_one(".figures caption").get_text()
    assert caption == "c (no estimate for claims, old one)"


def test_worlds_beyond_all_measure_do_not_fill_the_page(tmp_path):
    rows = "".join(f"w{n},x,{n}\n" for n in range(20_000))
    figures = read_figures(tmp_path, f"world,outcome,estimate\n{rows}")
    assert len(figures) == MOST_WORLDS
    assert "24 of 20,000 worlds are shown" in write_index(tmp_path).read_text()
    assert len(write_index(tmp_path).read_text()) < 100_000


# --------------------------------------------------------------------- dismissed


def test_a_typing_error_is_dismissed_and_shown_again(tmp_path):
    keep(tmp_path, 0, 1)
    slip = keep(tmp_path, 1, 999, good=False)
    assert f"dismiss {slip.name}" in read_page(tmp_path).get_text()
    assert read_tally(read_page(tmp_path)) == {"failing": 1, "good": 1, "runs": 2}
    said = call("dismiss", slip.name, "--why", "a slip", "--reports", tmp_path)
    assert (said.exit_code, said.stdout) == (0, f"{slip.name} is dismissed.\n")
    soup = BeautifulSoup((tmp_path / "index.html").read_text(), "html.parser")
    assert read_tally(soup) == {"failing": 0, "good": 1, "runs": 2, "dismissed": 1}
    assert soup.find(id="failing") is None
    kept = json.loads((slip / "dismissed.json").read_text())
    assert (kept["dismissed"], kept["why"]) == (True, "a slip")
    listed = call("history", "--reports", tmp_path).stdout
    assert "(dismissed) ValueError: no" in listed
    runs = json.loads(call("history", "--json", "--reports", tmp_path).stdout)["runs"]
    assert [run["dismissed"] for run in runs] == [False, True]
    call("dismiss", slip.name, "--undo", "--reports", tmp_path)
    assert read_tally(read_page(tmp_path)) == {"failing": 1, "good": 1, "runs": 2}


def test_a_failure_after_a_dismissed_one_is_failing(tmp_path):
    first, second = (keep(tmp_path, number, 1, good=False) for number in (0, 1))
    call("dismiss", first.name, "--reports", tmp_path)
    assert read_tally(read_page(tmp_path))["failing"] == 1
    call("dismiss", second.name, "--reports", tmp_path)
    soup = read_page(tmp_path)
    assert read_tally(soup)["failing"] == 0
    assert "2 runs, 2 dismissed" in " ".join(soup.get_text().split())


def test_only_a_failure_is_dismissed(tmp_path):
    good = keep(tmp_path, 0, 1)
    said = call("dismiss", good.name, "--reports", tmp_path)
    assert said.exit_code == 2
    assert "is a good run; only a failure is dismissed" in said.stderr
    assert call("dismiss", "nothing", "--reports", tmp_path).exit_code == 2
    assert not (good / "dismissed.json").exists()
    for said in ("", "[", "{}", '{"dismissed": "yes"}', "[" * 99_999):
        (good / "dismissed.json").write_text(said)
        assert read_tally(read_page(tmp_path))["good"] == 1
