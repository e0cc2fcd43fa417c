"""The index: true, hostile-proof, fast, and readable by everybody in a real browser."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import chromium, find_violations, opened
from bs4 import BeautifulSoup
from hostile_texts import HOSTILE
from run_records import keep_run, make_failure, make_record, parameter

from recovery_research.reports.history import read_history
from recovery_research.reports.index import refresh_index, render_index, write_index
from recovery_research.reports.index_board import (
    FigureReader,
    draw_trend,
    make_board,
    write_number,
)
from recovery_research.reports.run_details import (
    DetailReader,
    RunDetails,
    compare_ingredients,
    compare_tables,
)

KEPT = "world,treated,estimate,ci_low,ci_high\nclaims,a_sorry,{},0.25,1.75\n"


def n_is(n):
    return [parameter("n", n, 5, "whole number"), parameter("world", "evidence")]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Two reports: one with two sets of parameters, of which one fails again."""
    reports = tmp_path_factory.mktemp("it's <here> & 100%") / "reports"
    for day, value in enumerate((0.5, 0.625, 0.625, 0.875)):
        keep_run(reports, day, tables={"kept": KEPT.format(value)}, parameters=n_is(7))
    keep_run(reports, 4, parameters=n_is(9))
    for day in (5, 6):
        failure = make_failure(
            "KeyError: 'refnd', in cell 4", source="x = kept['refnd']"
        )
        keep_run(
            reports, day, parameters=n_is(9), verdict="cell failed", failure=failure
        )
    for day, seconds in enumerate((10.0, 11.0, 31.0)):
        keep_run(reports, day, report="01-y", title="Other", seconds=seconds)
    broken = reports / "01-y" / "20261120-060000-abcdef"
    broken.mkdir()
    (broken / "run.json").write_text('{"schema_version": 1,')
    return reports


@pytest.fixture(scope="module")
def soup(reports):
    return BeautifulSoup(write_index(reports).read_text(), "html.parser")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def text_of(tag):
    return " ".join(tag.get_text(" ").split())


def group_named(reports, name):
    history = read_history(reports)
    groups = make_board(list(reversed(history.runs)), DetailReader(reports))
    return next(group for group in groups if group.name == name)


# ------------------------------------------------------------------ what it says


def test_failures_come_first_with_cell_and_error_and_the_last_good_run(soup):
    first = soup.main.find("article")
    assert first["class"] == ["failure"]
    said = text_of(first)
    assert "cell failed" in said
    assert "KeyError: 'refnd', in cell 4" in said
    assert "failed 2 times in a row" in said
    assert "Cell 4 x = kept['refnd']" in said
    assert "n 9" in said
    links = {a["aria-label"]: unquote(a["href"]) for a in first.find_all("a")}
    assert links["What failed of 02-x, failed run"] == (
        "02-x/failed/20261109-070500-000006/report.html"
    )
    assert links["Report of 02-x, last good run"] == (
        "02-x/20261107-070500-000004/report.html"
    )
    assert soup.title.get_text() == "1 failing: Reports"
    assert text_of(soup.find(class_="tally")) == (
        "1 failing 2 good 1 unreadable 10 runs"
    )


def test_every_link_leads_to_a_file(soup, reports):
    places = [a["href"] for a in soup.find_all("a") if not a["href"].startswith("#")]
    assert len(places) > 30
    for place in places:
        assert not urlsplit(place).scheme
        assert (reports / unquote(place)).is_file(), place
    for a in soup.find_all("a", href=re.compile("^#")):
        assert soup.find(id=a["href"][1:]) is not None


def test_key_figures_change_and_trend(reports):
    good = group_named(reports, "02-x").standings[1]
    (line,) = good.figures
    assert (line.label, line.value) == ("claims · a sorry", "0.875")
    assert line.interval == "0.25 to 1.75"
    assert line.change == "up 0.25"
    assert "over 4 runs, from 0.5 to 0.875" in line.trend
    # 0.5, 0.625, 0.625, 0.875 over a height of 16 from 19 upwards: 0, 1/3, 1/3, 1.
    heights = re.findall(r",([\d.]+)[ \"]", line.trend.split("points=")[1])
    assert [float(y) for y in heights[:4]] == [19.0, 13.7, 13.7, 3.0]
    assert good.changed == ["The table differs: kept."]


def test_groups_by_parameters_with_failures_first(reports):
    group = group_named(reports, "02-x")
    assert [s.parameters for s in group.standings] == [[("n", "9")], [("n", "7")]]
    assert (group.n_failing, group.n_runs) == (1, 7)
    other = group_named(reports, "01-y").standings[0]
    assert other.slow == "usually 10.5 s"
    assert "3 succeeded" in other.endings
    assert "1 succeeded, 2 failed" in group.standings[0].endings


@pytest.mark.fault(event="The index meets damaged records", survives="all others")
def test_damaged_records_are_named_and_unfinished_runs_too(soup, tmp_path):
    damaged = text_of(soup.find(id="damaged"))
    assert "01-y/20261120-060000-abcdef" in damaged
    assert soup.find(id="unfinished") is None
    keep_run(tmp_path, verdict="running")
    (tmp_path / "02-x" / ".staging").mkdir()
    (run,) = (tmp_path / "02-x" / "failed").iterdir()
    run.rename(tmp_path / "02-x" / ".staging" / run.name)
    page = BeautifulSoup(write_index(tmp_path).read_text(), "html.parser")
    assert "its runner is dead" in text_of(page.find(id="failing"))


@pytest.mark.fault(event="The index cannot be written", survives="the run")
def test_an_empty_folder_and_one_that_cannot_be_written(tmp_path, caplog):
    page = write_index(tmp_path / "none").read_text()
    assert "No report has run yet" in page
    (tmp_path / "file").write_text("")
    refresh_index(tmp_path / "file")
    assert "the index of the reports was not written" in caplog.text
    assert sorted(p.name for p in (tmp_path / "none").iterdir()) == [
        ".index.lock",
        "index.html",
    ]


def test_what_went_in_is_compared():
    def details(**changes):
        made = make_record().provenance.model_dump()
        return RunDetails("x", provenance={**made, **changes})

    before = details()
    now = details(
        notebook_sha256="00",
        data_sha256={"policies.csv": "00"},
        distributions={"numpy": "2.5.0", "recovery-research": "0.1.0"},
        git={"commit": "fedcba9876543210", "dirty": True},
        python="CPython 3.13.0",
    )
    assert compare_ingredients(now, before, "then") == (
        "Changed since then: the notebook; data (policies.csv); numpy 2.4.0 to 2.5.0; "
        "CPython 3.12.1 to CPython 3.13.0; commit 0123456789 to fedcba9876."
    )
    assert compare_ingredients(before, details(), "then") == ""
    assert compare_ingredients(RunDetails("x"), before, "then") == ""
    one = RunDetails("x", tables={"a": ("f", "1"), "b": ("f", "2"), "c": ("f", "3")})
    two = RunDetails("x", tables={"a": ("f", "1"), "b": ("f", "0"), "d": ("f", "4")})
    assert compare_tables(two, one) == "3 of 4 tables differ: b, d, c."
    assert compare_tables(one, one) == "All 3 tables are the same, number for number."


def test_key_figures_are_read_with_care(tmp_path):
    run = keep_run(
        tmp_path,
        tables={
            "first": "a,b\n1,2\n",
            "second": "name,estimate\nx,nan\ny,oops\nz,1e3,9\nw,-2.5\n",
            "third": "estimate\n9\n",
        },
    )
    (past,) = read_history(tmp_path).runs
    figures = FigureReader(DetailReader(tmp_path)).read(past)
    assert [(f.label, f.estimate, f.ci_low) for f in figures] == [("w", -2.5, None)]
    record = json.loads((run / "run.json").read_text())
    (tmp_path / "outside.csv").write_text("name,estimate\nstolen,1\n")
    for exhibit in record["exhibits"]:
        exhibit["file"] = "../../outside.csv"
    (run / "run.json").write_text(json.dumps(record))
    (past,) = read_history(tmp_path).runs
    assert FigureReader(DetailReader(tmp_path)).read(past) == []
    assert write_number(float("nan")) == "not a number"


def test_a_trend_of_equal_or_huge_numbers_is_drawn():
    assert draw_trend([1.0], said="x") == ""
    assert "11.0" in draw_trend([3.0, 3.0], said="x")
    for values in ([-1e308, 1e308], [5e-324, 1e-323], [0.0, 0.0]):
        assert "nan" not in draw_trend(values, said="x")
        assert "inf" not in draw_trend(values, said="x")


# -------------------------------------------------------------------- hostile


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """An index in which every place that takes a text holds every hostile one."""
    reports = tmp_path_factory.mktemp("<img src=x onerror=alert(1)>") / "reports"
    every = "\n".join(HOSTILE)
    for number, text in enumerate(HOSTILE, start=1):
        rows = text.replace('"', '""')
        tables = {"key-figures": f'what,estimate\n"{rows}",1.5\n"{rows}x",2\n'}
        given = [parameter("note", text, "none"), parameter("more", [text, "b"], ["a"])]
        fields = {"title": text, "parameters": given, "profile": text}
        for again in (0, 40):
            keep_run(reports, number + again, tables=tables, **fields)
    keep_run(
        reports,
        99,
        title=every,
        verdict="cell failed",
        parameters=[parameter("note", every, "none")],
        failure=make_failure(every, source=every),
    )
    broken = reports / "02-x" / "20261120-060000-abcdef"
    broken.mkdir()
    (broken / "run.json").write_text(json.dumps({"report": every, "title": HOSTILE[0]}))
    write_index(reports)
    return reports / "index.html"


def test_nothing_hostile_becomes_markup(hostile):
    page = hostile.read_text()
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.find_all("script")) == 1
    assert not soup.find_all(["img", "iframe", "object", "embed", "base", "link"])
    for tag in soup.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on")]
        assert not str(tag.get("href", "")).lower().startswith("javascript")
    shown = soup.main.get_text()
    for text in HOSTILE:
        assert " ".join(text.split())[:60] in " ".join(shown.split())
    assert "49" not in page.split("<main>")[1].split("{{ 7 * 7 }}")[0][-20:]


def test_nothing_hostile_runs_in_a_browser(hostile, browser):
    page_text = hostile.read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', page_text)[
        0
    ]
    without = hostile.with_name("without.html")
    without.write_text(page_text.replace(policy, ""))
    for path in (hostile, without):
        with opened(browser, path) as page:
            page.mouse.move(300, 300)
            for word in ("", "script", "'>\"<"):
                page.fill("#words", word)
            assert page.get_attribute("html", "data-ran") is None
            assert page.asked == [path.as_uri()]
            assert page.said == []
    control = without.with_name("control.html")
    control.write_text(page_text.replace(policy, "").replace("</main>", HOSTILE[0]))
    with opened(browser, control) as page:
        assert page.get_attribute("html", "data-ran") == "yes", "the control must run"
    blocked = without.with_name("blocked.html")
    blocked.write_text(page_text.replace("</main>", HOSTILE[0]))
    with opened(browser, blocked) as page:
        assert page.get_attribute("html", "data-ran") is None, "the policy must stop it"


# ------------------------------------------------------------------- in a browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wide", [True, False])
def test_everybody_can_read_it(browser, soup, reports, scheme, wide):
    page_file = reports / "index.html"
    with opened(browser, page_file, scheme=scheme, wide=wide) as page:
        assert find_violations(page) == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= (1280 if wide else 390), "the page scrolls sideways"
        assert page.said == []
        small = page.evaluate(
            "[...document.querySelectorAll('main a')].filter(a => a.offsetParent && "
            "a.getBoundingClientRect().height < 24).map(a => a.outerHTML)"
        )
        assert small == [], "too small for a finger"


@pytest.mark.slow
def test_a_hostile_index_is_accessible_and_fits_a_telephone(browser, hostile):
    with opened(browser, hostile, wide=False) as page:
        assert find_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_works_without_scripts(browser, soup, reports):
    with opened(browser, reports / "index.html", scripts=False) as page:
        assert page.locator("#failing article").count() == 1
        assert page.locator(".standing:visible").count() == 3
        assert not page.locator("#filters").is_visible()
        assert page.locator("#run-table tbody tr").count() == 10


def test_find_show_and_sort_with_the_keyboard(browser, soup, reports):
    with opened(browser, reports / "index.html") as page:
        page.focus("#words")
        page.keyboard.type("n=7")
        assert page.locator(".standing:visible").count() == 1
        assert page.inner_text("#found") == "1 of 3 shown"
        assert page.locator("#run-table tbody tr:visible").count() == 4
        page.fill("#words", "")
        page.select_option("#status", "bad")
        assert page.locator(".standing:visible").count() == 1
        page.select_option("#status", "")
        page.locator("#run-table th button", has_text="took").focus()
        page.keyboard.press("Enter")
        head = page.locator("#run-table th", has_text="took")
        assert head.get_attribute("aria-sort") == "ascending"
        took = page.locator("#run-table tbody tr td:nth-child(4)").all_inner_texts()
        assert (took[0], took[-1]) == ("10.0 s", "31.0 s")
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        page.keyboard.press("Home")
        page.reload()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        ago = page.locator("#failing time .ago").first.inner_text()
        assert re.search(r"(ago|yesterday|last|in \d+|tomorrow)", ago)


# ---------------------------------------------------------------------- again


def test_the_same_history_gives_the_same_page(reports):
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    history = read_history(reports)
    pages = {render_index(reports, history, written=moment) for _ in range(2)}
    assert len(pages) == 1
    assert Path(reports / "index.html").stat().st_mode & 0o044, "others may read it"
