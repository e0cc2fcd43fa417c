"""Pages of failed runs, pages on paper, and what a plan tells of its reports."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser import CHROMIUM, chromium, find_violations, opened
from bs4 import BeautifulSoup
from click.testing import CliRunner
from hostile_texts import HOSTILE
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from run_records import keep_run, make_failure, make_record, parameter
from sample_notebooks import write_notebook

from recovery_research import paths
from recovery_research.cli import main
from recovery_research.reports import pages
from recovery_research.reports.after_run import read_notices
from recovery_research.reports.bookkeeping import bury_run
from recovery_research.reports.failures import write_command
from recovery_research.reports.history import read_history
from recovery_research.reports.notifications import Teller, find_previous
from recovery_research.reports.pages import (
    NoBrowserError,
    PrintError,
    print_page,
    write_page,
)
from recovery_research.reports.plans import PlanError, read_plan
from recovery_research.reports.records import read_record

ROOT = Path(__file__).resolve().parents[2]


def page_of(notebook, record, folder):
    return BeautifulSoup(write_page(notebook, record, folder), "html.parser")


def failed_notebook(text="last words"):
    outputs = [
        new_output("stream", name="stdout", text=f"10 %\r20 %\r{text}\n"),
        new_output("error", ename="E", evalue="v", traceback=["Traceback here"]),
    ]
    return new_notebook(
        cells=[
            new_markdown_cell("# T\n\n## A part"),
            new_code_cell("1", outputs=[new_output("stream", text="earlier")]),
            new_code_cell("raise E", outputs=outputs),
            new_code_cell("never()"),
        ]
    )


# ------------------------------------------------------------------- failed runs


def test_a_failed_page_tells_what_failed_and_how_to_run_it_again(tmp_path):
    folder = tmp_path / "reports" / "02-x" / ".staging" / "20261103-070500-abcdef"
    folder.mkdir(parents=True)
    log = "\n".join(f"line {n}" for n in range(100))
    (folder / "run.log").write_text(log + "\n")
    failure = make_failure("E: v, in cell 3", cell=3, source="raise E")
    record = make_record(verdict="cell failed", failure=failure)
    section = page_of(failed_notebook(), record, folder).find(class_="failure")
    parts = {
        h.get_text(): h.find_next("pre").get_text() for h in section.find_all("h3")
    }
    assert "not complete: cell failed" in section.h2.get_text()
    assert parts["Cell 3"] == "raise E\n"
    assert parts["Traceback"] == "Traceback\nE: v, in cell 3"
    assert parts["Last output"] == "last words"
    again = parts["Run it again"]
    assert again == (
        f"recovery-research rerun 20261103-070500-abcdef --reports {tmp_path}/reports"
    )
    said = section.find("pre", class_="log").get_text().split("\n")
    assert (said[0], said[-1], len(said)) == ("line 70", "line 99", 30)


def test_a_good_page_has_no_such_section(tmp_path):
    soup = page_of(new_notebook(), make_record(), tmp_path)
    assert soup.find(class_="failure") is None


@pytest.mark.parametrize("notebook", ["whole", "none", "broken"])
def test_a_run_that_was_killed_has_a_page_too(tmp_path, notebook):
    folder = tmp_path / "02-x" / ".staging" / "20261103-070500-abcdef"
    made = keep_run(tmp_path / "elsewhere", verdict="running", files=["run.log"])
    shutil.move(made, folder)
    text = json.dumps(failed_notebook())
    if notebook != "none":
        cut = text if notebook == "whole" else text[:200]
        (folder / "report.ipynb").write_text(cut)
    bury_run(folder)
    page = BeautifulSoup((folder / "report.html").read_text(), "html.parser")
    assert "not complete: interrupted" in page.h2.get_text()
    assert "the runner was stopped" in page.find(class_="failure").get_text()
    assert ("A part" in page.main.get_text()) == (notebook == "whole")


def test_a_page_that_does_not_fit_the_disk_is_not_left_half(tmp_path, monkeypatch):
    made = keep_run(tmp_path, verdict="running", files=["run.log"])
    write = os.write

    def refuse(handle, content):
        if b"<html" in bytes(content[:50]):
            write(handle, content[:50])
            raise OSError(28, "No space left on device")
        return write(handle, content)

    monkeypatch.setattr(os, "write", refuse)
    bury_run(made)
    assert not (made / "report.html").exists()
    assert read_record(made).verdict == "interrupted"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_written_out_command_is_one_that_a_shell_reads_right(text, tmp_path):
    given = [
        parameter("note", text, "none"),
        parameter("more", [text, "b"], ["a"]),
        parameter("n", 3, 5, "whole number"),
        parameter("share", 1e-7, 0.5, "number"),
        parameter("quick", False, True, "true or false"),
        parameter("same", "untold"),
    ]
    record = make_record(parameters=given, run_seconds_limit=90.0)
    command = write_command(record, tmp_path / "a 'b' $c")
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    said = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.join([sys.executable, '-c', show])} {command}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    words = json.loads(said.stdout)
    assert words[:4] == ["recovery-research", "run", "--profile", "quick"]
    assert words[4:14] == [
        *("-p", f"note={text}", "-p", f"more={json.dumps([text, 'b'])}"),
        *("-p", "n=3", "-p", "share=1e-07", "-p", "quick=false"),
    ]
    assert words[14:] == [
        *("--timeout", "90.0", "--reports", str(tmp_path / "a 'b' $c"), "--", "02-x")
    ]
    assert not list(tmp_path.rglob("pwned"))


def test_nothing_hostile_runs_on_a_failed_page_and_everybody_can_read_it(tmp_path):
    every = "\n".join(HOSTILE)
    folder = tmp_path / "02-x" / "failed" / "20261103-070500-abcdef"
    folder.mkdir(parents=True)
    (folder / "run.log").write_text(every)
    record = make_record(
        title=HOSTILE[0],
        profile=HOSTILE[1],
        verdict="cell failed",
        parameters=[parameter("note", text, "none") for text in HOSTILE],
        failure=make_failure(every, cell=3, source=every),
    )
    page_file = folder / "report.html"
    text = write_page(failed_notebook(every), record, folder)
    page_file.write_text(text)
    soup = BeautifulSoup(text, "html.parser")
    assert not soup.find_all(["script", "img", "iframe", "base", "link", "object"])
    without = folder / "without.html"
    policy = soup.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    without.write_text(text.replace(policy, "default-src * data: 'unsafe-inline'"))
    with chromium() as browser:
        for scheme, wide in (("light", False), ("dark", True)):
            with opened(browser, page_file, scheme=scheme, wide=wide) as page:
                assert find_violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= (
                    1280 if wide else 390
                )
        with opened(browser, without) as page:
            assert page.get_attribute("html", "data-ran") is None
            assert page.said == []


# --------------------------------------------------------------------- on paper


def wide_table():
    heads = "".join(f"<th>a long heading {n}</th>" for n in range(12))
    cells = "".join(f"<td>{n}.123456</td>" for n in range(12))
    html = (
        '<div class="exhibit-scroll" style="overflow-x:auto" tabindex="0" role="group" '
        f'aria-label="w"><table><tr>{heads}</tr><tr>{cells}</tr></table></div>'
    )
    return new_notebook(
        cells=[
            new_code_cell(
                "1", outputs=[new_output("display_data", {"text/html": html})]
            )
        ]
    )


@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED: no Chromium is installed")
def test_a_page_is_printed_whole_and_wide_tables_are_not_cut(tmp_path):
    page = tmp_path / "it's 100%.html"
    page.write_text(write_page(wide_table(), make_record()))
    pdf = print_page(page)
    assert (pdf.name, pdf.read_bytes()[:5]) == ("report.pdf", b"%PDF-")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "it's 100%.html",
        "report.pdf",
    ]
    with chromium() as browser, opened(browser, page) as shown:
        shown.emulate_media(media="print")
        shown.set_viewport_size({"width": 673, "height": 900})  # A4 without its margins
        overflow = "getComputedStyle(document.querySelector('main .exhibit-scroll'))"
        assert shown.evaluate(f"{overflow}.overflowX") == "visible"
        assert shown.locator("nav, .switch-label").count() == 1
        assert not shown.locator(".switch-label").is_visible()


def test_no_browser_is_said_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setenv(pages.BROWSER_VARIABLE, "/no/such/chromium")
    with pytest.raises(NoBrowserError, match="names '/no/such/chromium', which is not"):
        print_page(tmp_path / "x.html")
    monkeypatch.delenv(pages.BROWSER_VARIABLE)
    monkeypatch.setattr(pages, "BROWSERS", ("no-such-browser",))
    (tmp_path / paths.PROJECT_FILE).write_text("")
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path / "notebooks" / "02-x.ipynb", ["parameters:n = 1", "n"])
    arguments = ["--project", str(tmp_path), "run", "02", "--pdf"]
    result = CliRunner().invoke(main.main, arguments)
    assert result.exit_code == 2
    assert "printed by Chromium or Chrome, and none is installed" in result.output
    assert "leave --pdf out" in result.output
    assert not (tmp_path / "reports").exists()


def test_a_browser_that_prints_nothing_leaves_nothing(tmp_path, monkeypatch):
    odd = tmp_path / "odd"
    odd.write_text("#!/bin/sh\necho 'no display' >&2\nexit 4\n")
    odd.chmod(0o755)
    monkeypatch.setenv(pages.BROWSER_VARIABLE, str(odd))
    (tmp_path / "report.html").write_text("")
    with pytest.raises(PrintError, match="printed no PDF: exit 4; no display"):
        print_page(tmp_path / "report.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["odd", "report.html"]


# -------------------------------------------------------------- plans that tell


@pytest.fixture
def plan(tmp_path):
    """A plan of one report that fails until a file is there, and tells a command."""
    (tmp_path / paths.PROJECT_FILE).write_text("")
    (tmp_path / "notebooks").mkdir()
    cells = [
        "md:# T",
        "parameters:n = 1  # how many",
        "import os\nprint('seen', os.environ.get('TEAM_HOOK'))",
        "assert os.path.exists('../good')",
    ]
    write_notebook(tmp_path / "notebooks" / "02-x.ipynb", cells)
    tell = f"cat >> {shlex.quote(str(tmp_path / 'told'))}; echo >> {tmp_path / 'told'}"
    file = tmp_path / "plan.toml"
    file.write_text(
        '[notify]\nurls_from = ["TEAM_HOOK"]\n'
        f'command = ["/bin/sh", "-c", {json.dumps(tell)}]\n'
        '[reports.one]\nnotebook = "02-x"\nalways_run = true\n'
    )
    return file


def test_a_plan_tells_of_failure_and_recovery_and_hides_its_addresses(plan):
    """Twice through the command line, as a schedule would."""
    secret = "hush-9-quiet"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TEAM_HOOK": f"json://ann:{secret}@127.0.0.1:9/{secret}",
    }
    command = [sys.executable, "-m", "recovery_research", "run-all", str(plan)]
    ends = []
    for _ in range(2):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120
        )
        assert secret not in done.stdout + done.stderr
        ends.append(done)
        (plan.parent / "good").write_text("")
    assert [done.returncode for done in ends] == [3, 0], ends[0].stderr
    assert "one: nobody was told: env:TEAM_HOOK: " in ends[0].stderr
    told = [
        json.loads(line)
        for line in (plan.parent / "told").read_text().split("\n")
        if line
    ]
    assert [each["event"] for each in told] == ["failure", "recovery"]
    reports = plan.parent / "reports"
    runs = read_history(reports).runs
    assert [[n.ok for n in read_notices(run.folder)] for run in runs] == [
        [False, True],
        [False, True],
    ]
    for path in plan.parent.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    for run in runs:
        text = (run.folder / "report.ipynb").read_text()
        assert "seen None" in text, "the address is out of the notebook's reach"
    assert "All runs" in (reports / "index.html").read_text()


def test_a_wrong_notify_table_is_refused_before_anything_starts(plan):
    plan.write_text(
        plan.read_text()
        + '[reports.one.notify]\nurls_from = ["json://secret-address"]\non = ["always"]\n'
    )
    with pytest.raises(PlanError) as caught:
        Teller(read_plan(plan))
    said = str(caught.value)
    assert "plan.toml: [reports.one.notify] urls_from: " in said
    assert "[reports.one.notify] on.0: " in said
    assert "secret-address" not in said
    result = CliRunner().invoke(main.main, ["run-all", str(plan)])
    assert result.exit_code == 2
    assert not (plan.parent / "reports").exists()


def test_the_run_before_is_of_the_same_parameters(tmp_path):
    one = keep_run(tmp_path, 0, parameters=[parameter("n", 1)])
    keep_run(tmp_path, 1, parameters=[parameter("n", 2)])
    keep_run(tmp_path, 2, parameters=[parameter("n", 1)], report="other")
    last = keep_run(tmp_path, 3, parameters=[parameter("n", 1)])
    keep_run(tmp_path, 4, parameters=[parameter("n", 1)])
    found = find_previous(read_record(last), tmp_path)
    assert found == read_record(one)
    assert find_previous(read_record(one), tmp_path) is None
