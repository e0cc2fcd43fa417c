"""A disk that fails at any call, and a power cut at any moment: the last good stays."""

import errno
import shutil

import nbformat
import pytest
from failing_disks import FaultyDisk, PowerCuts, fail_everywhere
from fault_runs import SHORT, TABLE
from run_records import make_record
from sample_notebooks import write_notebook

from recovery_research.atomic_files import PART
from recovery_research.reports import runner
from recovery_research.reports.execution import Execution
from recovery_research.reports.history import read_history
from recovery_research.reports.pruning import choose_doomed, delete_runs
from recovery_research.reports.publishing import PublicationError, publish_reports
from recovery_research.reports.records import read_record
from recovery_research.reports.run_request import prepare_request
from recovery_research.reports.runner import fulfil_request
from recovery_research.reports.staging import Shelf
from recovery_research.reports.stored_runs import _is_whole


def execute(source, output, values, **_):
    """Leave what a kernel would, and start none."""
    notebook = nbformat.read(source, as_version=4)
    table = nbformat.v4.new_output(
        "display_data",
        {"text/csv": "n\n1\n", "text/plain": "t"},
        metadata={
            "recovery_research": {"kind": "table", "name": "told", "caption": "c"}
        },
    )
    notebook.cells[-1].outputs = [table]
    notebook.metadata["papermill"] = {"input_path": "", "output_path": ""}
    nbformat.write(notebook, output)
    return Execution(notebook, finished=list(range(len(notebook.cells))), seconds=0.1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs a report into a folder; no kernel is started for it."""
    monkeypatch.setattr(runner, "execute_notebook", execute)
    path = write_notebook(tmp_path / "fault.ipynb", [SHORT, TABLE])
    request, made_of = prepare_request(path), make_record().provenance

    def run_into(reports):
        return fulfil_request(request, reports, provenance=made_of)

    return run_into


def check_reports(reports, runs):
    """Check that the last good report, every record and the index can be read."""
    latest = Shelf(reports, "fault").latest()
    assert latest is not None
    assert latest.name in runs
    history = read_history(reports)
    assert history.damaged == ()
    assert latest.name in [run.run_id for run in history.runs]
    for past in history.runs:
        if past.succeeded:
            assert _is_whole(read_record(past.folder), past.folder)
            assert (past.folder / "report.html").read_text().endswith("</html>")
    page = (reports / "index.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert runs[0] in page


def leftovers(folder):
    return [
        path
        for path in folder.rglob("*")
        if PART in path.name or (path.parent.name == ".staging")
    ]


# ----------------------------------------------------------------------- a report


@pytest.mark.fault(
    event="The disk is full or fails at any one call of a run",
    survives="the last good report, all records and the index; the next run is good",
)
@pytest.mark.parametrize(
    "error", [errno.ENOSPC, pytest.param(errno.EIO, marks=pytest.mark.slow)]
)
def test_a_run_meets_a_fault_at_any_call(fresh, run, error):
    first, copy = fresh
    good = run(first).run_id
    n_calls = 0
    for disk, reports, said in fail_everywhere(copy, run, errors=[error]):
        n_calls = max(n_calls, len(disk.calls))
        runs = [good, *(p.name for p in Shelf(reports, "fault").list_runs())]
        check_reports(reports, runs)
        assert leftovers(reports) == [], disk.failed
        if said is None:
            assert len(Shelf(reports, "fault").list_runs()) == 2
        if disk.fail_at % 9 == 1:
            again = run(reports)
            assert again.succeeded
            check_reports(reports, [again.run_id])
    assert n_calls > 40


@pytest.mark.fault(
    event="The power fails at any moment of a run",
    survives="the last good report, all records and the index; the next run is good",
)
def test_the_power_fails_at_any_moment_of_a_run(fresh, tmp_path, run):
    first, _ = fresh
    good = run(first).run_id
    cuts = PowerCuts(first)
    with cuts.watched():
        new = run(first).run_id
        cuts._take_images("done")
    assert len(cuts.images) > 40
    done = [image for image, moment in cuts.images.items() if moment == "done"]
    for number, (image, moment) in enumerate(cuts.images.items()):
        reports = tmp_path / f"cut-{number}"
        cuts.restore(dict(image), reports)
        try:
            check_reports(reports, [good, new])
        except (AssertionError, OSError, ValueError) as error:
            raise AssertionError(f"power cut after {moment}") from error
        if number % 12 == 0 or image in done:
            again = run(reports)
            assert again.succeeded
            check_reports(reports, [again.run_id])
            assert not list((reports / "fault" / ".staging").iterdir())
        shutil.rmtree(reports)


@pytest.mark.fault(
    event="The power fails at any moment of a prune",
    survives="every run that is listed, whole; the last good report",
)
def test_the_power_fails_at_any_moment_of_a_prune(fresh, tmp_path, run):
    first, _ = fresh
    ids = [run(first).run_id for _ in range(3)]
    doomed = choose_doomed(first, keep=1)
    assert len(doomed) == 2
    cuts = PowerCuts(first)
    with cuts.watched():
        delete_runs(first, doomed)
    for number, image in enumerate(cuts.images):
        reports = tmp_path / f"cut-{number}"
        cuts.restore(dict(image), reports)
        check_reports(reports, [ids[2]])
        shutil.rmtree(reports)


# -------------------------------------------------------------------- publishing


def read_site(site):
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file() and path.name != "index.html"
    }


@pytest.mark.fault(
    event="The disk fails, or the power, at any moment of publishing to a folder",
    survives="the index there, and whole runs behind it; the next publish ends it",
)
def test_publishing_is_ended_by_the_next(fresh, tmp_path, run):
    first, copy = fresh
    reports, site = tmp_path / "reports", first / "site"
    run(reports)
    publish_reports(reports, str(site))
    run(reports)

    def publish(folder):
        try:
            publish_reports(reports, str(folder / "site"))
        except PublicationError as error:
            raise error.__cause__ from None

    whole = copy()
    publish(whole)
    expected = read_site(whole / "site")

    def check(folder, *, on):
        page = (folder / "site" / "index.html").read_text()
        assert page.rstrip().endswith("</html>")
        for place in (folder / "site" / "fault").iterdir():
            if f'"fault/{place.name}/report.html"' in page:
                assert _is_whole(read_record(place), place)
        if on:
            publish(folder)
            assert read_site(folder / "site") == expected

    for disk, folder, _ in fail_everywhere(copy, publish, errors=[errno.ENOSPC]):
        check(folder, on=disk.fail_at % 4 == 0)
    cuts = PowerCuts(first)
    with cuts.watched():
        publish(first)
    for number, image in enumerate(cuts.images):
        folder = tmp_path / f"cut-{number}"
        cuts.restore(dict(image), folder)
        check(folder, on=number % 8 == 0)


def test_the_faulty_disk_is_not_blind(tmp_path, run):
    disk = FaultyDisk(tmp_path / "reports")
    with disk.mounted():
        run(tmp_path / "reports")
    kinds = {call.split()[0] for call in disk.calls}
    assert kinds == {"open", "write", "fsync", "replace", "mkdir", "symlink"}
    for part in ("report.html", "tables/told.csv", "fault/latest", ".index.lock"):
        assert any(part in call for call in disk.calls), part
