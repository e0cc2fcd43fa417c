"""Records of runs for tests that run nothing."""

import hashlib
from datetime import UTC, datetime, timedelta

from recovery_research.reports.records import (
    FailureRecord,
    GitRecord,
    ParameterRecord,
    Provenance,
    RunRecord,
    write_record,
)

START = datetime(2026, 11, 3, 7, 5, tzinfo=UTC)


def parameter(name, value, default=None, kind="text"):
    return ParameterRecord(
        name=name,
        type=kind,
        value=value,
        default=value if default is None else default,
        origin="default" if default is None else "command line",
        help="",
    )


def make_record(**changes):
    """Return the record of a good run, with changes."""
    made = Provenance(
        notebook_sha256="ab" * 32,
        data_sha256={"policies.csv": "cd" * 32},
        git=GitRecord(commit="0123456789abcdef", dirty=False),
        python="CPython 3.12.1",
        platform="Linux",
        distributions={"recovery-research": "0.1.0", "numpy": "2.4.0"},
    )
    fields = {
        "report": "02-x",
        "run_id": "20261103-070500-abcdef",
        "title": "Does it pay?",
        "notebook": "02-x.ipynb",
        "verdict": "succeeded",
        "profile": "quick",
        "parameters": [parameter("n", 5, kind="whole number")],
        "seed": 42,
        "cell_seconds_limit": None,
        "run_seconds_limit": None,
        "started": START,
        "ended": START + timedelta(seconds=12.5),
        "seconds": 12.5,
        "provenance": made,
    }
    return RunRecord.model_validate({**fields, **changes}, strict=False)


def make_failure(message="ValueError: no", cell=4, source="raise ValueError('no')"):
    return FailureRecord(
        message=message, cell=cell, source=source, traceback=f"Traceback\n{message}"
    )


def keep_run(reports, number=0, *, tables=None, files=(), **changes):
    """Write a run into a reports folder, `number` days after the first."""
    started = START + timedelta(days=number)
    run_id = f"{started:%Y%m%d-%H%M%S}-{number:06x}"
    made = {"started": started, "ended": started, "run_id": run_id, **changes}
    exhibits = []
    for name, text in (tables or {}).items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        exhibits.append(
            {
                "kind": "table",
                "name": name,
                "file": f"tables/{name}.csv",
                "caption": "c",
                "sha256": digest,
            }
        )
    record = make_record(**made, exhibits=exhibits)
    good = record.verdict == "succeeded"
    folder = reports / record.report / ("" if good else "failed") / run_id
    (folder / "tables").mkdir(parents=True)
    write_record(record, folder)
    for name, text in (tables or {}).items():
        (folder / "tables" / f"{name}.csv").write_text(text)
    for name in files or ("report.html", "report.ipynb", "run.log"):
        (folder / name).write_text("")
    return folder
