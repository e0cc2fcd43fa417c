"""What a failed run's page tells: its last words, and how to run it again."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from recovery_research.places import project_root
from recovery_research.reporting.cell_numbers import is_added
from recovery_research.reporting.orders import DEFAULT_RUN_SECONDS
from recovery_research.reporting.records import ParameterRecord, RunRecord
from recovery_research.terminal_texts import strip_sequences

LAST_LINES = 30
LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class FailureStory:
    """What can be told of a failed run besides its record.

    Attributes
    ----------
    last_output : str
        Last lines that the notebook wrote before it ended.
    log : str
        Last lines of the run's log.
    again : str
        Command that repeats this very run, by its record.
    command : str
        Command with all parameters written out.
    """

    last_output: str
    log: str
    again: str
    command: str


def tell_failure(
    record: RunRecord, notebook: NotebookNode | None, folder: Path
) -> FailureStory:
    """Gather what can be told of a failed run.

    Parameters
    ----------
    record : RunRecord
        Record of the run.
    notebook : NotebookNode or None
        The notebook as far as it came.
    folder : Path
        Folder of the run, staged or kept.

    Returns
    -------
    FailureStory
    """
    reports = _find_reports(folder)
    try:
        log = (folder / "run.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        log = ""
    return FailureStory(
        last_output=_find_last_output(record, notebook),
        log=_keep_last_lines(log),
        again=shlex.join(
            ["recovery-research", "rerun", record.run_id, "--reports", str(reports)]
        ),
        command=write_command(record, reports),
    )


def write_command(record: RunRecord, reports: Path | None = None) -> str:
    """Write the command that runs a report again with the same parameters.

    Parameters
    ----------
    record : RunRecord
        Record of the run.
    reports : Path, optional
        Folder of reports, if it is to be named.

    Returns
    -------
    str
        One line for a POSIX shell, whatever the parameters hold.
    """
    words = ["recovery-research", "run", "--profile", record.profile]
    for parameter in record.parameters:
        if not parameter.origin.startswith(("default", "profile")):
            words += ["-p", f"{parameter.name}={_write_value(parameter)}"]
    if record.cell_seconds_limit is not None:
        words += ["--cell-timeout", repr(record.cell_seconds_limit)]
    if record.run_seconds_limit != DEFAULT_RUN_SECONDS:
        limit = record.run_seconds_limit
        words += ["--timeout", "inf" if limit is None else repr(limit)]
    if reports is not None:
        words += ["--reports", str(reports)]
    # A name that begins with a hyphen is no option.
    return shlex.join([*words, "--", _find_notebook(record, reports)])


def _find_notebook(record: RunRecord, reports: Path | None) -> str:
    """Return the notebook's path if it can be told, otherwise its name."""
    path = Path(record.notebook_path or record.notebook)
    if path.is_absolute():
        return str(path)
    root = project_root(reports) if reports is not None else None
    if root is not None and (root / path).is_file():
        return str(root / path)
    return record.notebook.removesuffix(".ipynb")


def _write_value(parameter: ParameterRecord) -> str:
    value = parameter.value
    if isinstance(value, list | dict):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _find_reports(folder: Path) -> Path:
    """Return the folder of all reports around a run's folder."""
    inside = folder.absolute().parent
    if inside.name in (".staging", "failed"):
        inside = inside.parent
    return inside.parent


def _find_last_output(record: RunRecord, notebook: NotebookNode | None) -> str:
    if notebook is None:
        return ""
    cells = [cell for cell in notebook.cells if not is_added(cell)]
    end = record.failure.cell if record.failure and record.failure.cell else len(cells)
    for cell in reversed(cells[:end]):
        texts = [_read_text(output) for output in cell.get("outputs", [])]
        said = "\n".join(text for text in texts if text.strip())
        if said:
            return _keep_last_lines(said)
    return ""


def _read_text(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return ""
    text = output.get("data", {}).get("text/plain", "")
    return text if isinstance(text, str) else ""


def _keep_last_lines(text: str) -> str:
    # What a progress bar wrote over is not shown.
    lines = [line.split("\r")[-1] for line in strip_sequences(text).split("\n")]
    lines = "\n".join(lines).strip("\n").split("\n")[-LAST_LINES:]
    return "\n".join(line[:LONGEST_LINE] for line in lines)
