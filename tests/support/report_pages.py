"""Pages of made-up reports, for the tests of what a page shows."""

from datetime import UTC, datetime, timedelta

from bs4 import BeautifulSoup
from nbformat.v4 import new_notebook, new_output

from recovery_research.reports.pages import write_page
from recovery_research.reports.records import (
    GitRecord,
    ParameterRecord,
    Provenance,
    RunRecord,
)


def record(**changes):
    started = datetime(2026, 11, 3, 7, 5, tzinfo=UTC)
    made = Provenance(
        notebook_sha256="ab" * 32,
        data_sha256={"policies.csv": "cd" * 32},
        git=GitRecord(commit="0123456789abcdef", dirty=True),
        python="CPython 3.12.1",
        platform="Linux",
        distributions={"recovery-research": "0.1.0", "numpy": "2.4.0"},
    )
    parameters = [
        ParameterRecord(
            name="tools",
            type="list of text",
            value=["<saw>"],
            default=["hammer"],
            origin="command line",
            help="which <b>tools</b>",
        ),
        ParameterRecord(
            name="n", type="whole number", value=5, default=5, origin="default", help=""
        ),
    ]
    fields = {
        "report": "02-x",
        "run_id": "20261103-070500-abcdef",
        "title": "Does <it> pay?",
        "notebook": "02-x.ipynb",
        "verdict": "succeeded",
        "profile": "quick",
        "parameters": parameters,
        "seed": 42,
        "cell_seconds_limit": None,
        "run_seconds_limit": None,
        "started": started,
        "ended": started + timedelta(seconds=125),
        "seconds": 125.0,
        "provenance": made,
    }
    return RunRecord.model_validate({**fields, **changes}, strict=False)


def html_output(html):
    return new_output("display_data", {"text/html": html, "text/plain": "x"})


def page_of(*cells, **changes):
    return write_page(new_notebook(cells=list(cells)), record(**changes))


def soup_of(*cells, **changes):
    return BeautifulSoup(page_of(*cells, **changes), "html.parser")
