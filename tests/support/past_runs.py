"""Runs of before, made up for tests: records, tables, and nothing executed."""

import hashlib
from datetime import UTC, datetime, timedelta

from recovery_research.reports.records import (
    ExhibitRecord,
    FailureRecord,
    GitRecord,
    ParameterRecord,
    Provenance,
    RunRecord,
    write_record,
)
from recovery_research.reports.staging import Shelf

START = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)
DISTRIBUTIONS = {f"package-{number:03}": "1.2.3" for number in range(200)}


def make_record(report="loyalty", run_id="20260105-063000-00000a", **changes):
    """Return the record of a run, by default of one that succeeded."""
    parameters = changes.pop("parameters", {"n": 3, "world": "claims"})
    traced = {
        "notebook_sha256": "a" * 64,
        "package_sha256": "b" * 64,
        "data_sha256": {"policies.csv": "c" * 64},
        "git": GitRecord(commit="d" * 40, dirty=False),
        "python": "CPython 3.11.7",
        "platform": "Linux, little-endian",
        "distributions": DISTRIBUTIONS,
    } | changes.pop("provenance", {})
    given = {
        "report": report,
        "run_id": run_id,
        "title": "Which way of making good?",
        "notebook": "02-loyalty.ipynb",
        "verdict": "succeeded",
        "profile": "standard",
        "parameters": [
            ParameterRecord(
                name=name,
                type="any",
                value=value,
                default=value,
                origin="default",
                help="",
            )
            for name, value in parameters.items()
        ],
        "seed": 11,
        "cell_seconds_limit": None,
        "run_seconds_limit": None,
        "started": START,
        "seconds": 2.5,
        "provenance": Provenance(**traced),
    }
    if changes.get("verdict", "succeeded") != "succeeded":
        given["failure"] = FailureRecord(
            message="ValueError: no, in cell 4", cell=4, source="", traceback=""
        )
    # By JSON, for that is how records are read; a verdict may then be a plain text.
    return RunRecord.model_validate(given | changes, strict=False)


def lay_run(reports, number=0, *, report="loyalty", tables=None, **changes):
    """Put a run into a reports folder: the `number`th, an hour after the one before."""
    started = START + timedelta(hours=number)
    run_id = f"{started:%Y%m%d-%H%M%S}-{number:06x}"
    exhibits = [
        ExhibitRecord(
            kind="table",
            name=name,
            file=f"tables/{name}.csv",
            caption="c",
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )
        for name, text in (tables or {}).items()
    ]
    changes = {"started": started, "exhibits": exhibits} | changes
    record = make_record(report, run_id, **changes)
    shelf = Shelf(reports, report)
    good = record.verdict == "succeeded"
    folder = shelf.folder / run_id if good else shelf.folder / "failed" / run_id
    (folder / "tables").mkdir(parents=True)
    for name, text in (tables or {}).items():
        (folder / "tables" / f"{name}.csv").write_text(text)
    for name in ("report.html", "report.ipynb"):
        (folder / name).write_text("x")
    write_record(record, folder)
    if good:
        shelf.point_latest_at(run_id)
    return folder
