"""Writes quick_tables.json: what every table of every notebook holds, profile quick.

`python -m tests.reference.quick_tables` from the project's folder, whenever numbers are
meant to change; the change of the file then shows which did.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

import recovery_research as rr

PINS = Path(__file__).with_suffix(".json")
# Processors differ in the last digits of sums, and what is zero but for them.
DIGITS, ZERO = 6, 1e-9


def describe_table(table):
    """Rows, and for every column a hash of its values, numbers to six digits."""
    return {"rows": len(table)} | {
        name: hashlib.sha256(
            "\n".join(write_value(value) for value in table[name]).encode()
        ).hexdigest()[:16]
        for name in table.columns
    }


def write_value(value):
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.number
    ):
        return str(value)
    return f"{0.0 if abs(value) < ZERO else value:.{DIGITS}g}"


def describe_report(name, reports):
    """Run a notebook and describe its tables by their names."""
    run = rr.run_report(name, profile="quick", reports=reports)
    assert run.succeeded, run
    return {
        path.stem: describe_table(pd.read_csv(path, low_memory=False))
        for path in sorted((run.folder / "tables").glob("*.csv"))
    }


if __name__ == "__main__":
    import tempfile

    from recovery_research.paths import notebooks_folder
    from recovery_research.reports.notebooks import list_notebooks

    names = sorted(path.stem for path in list_notebooks(notebooks_folder()))
    with tempfile.TemporaryDirectory() as folder:
        found = {name: describe_report(name, folder) for name in names}
    PINS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
