"""The report room measured: what the runner adds, plans side by side, history."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CELLS = """\
n = 1  # how many
seed = 5  # luck
"""
TABLE = """\
import time
time.sleep({seconds})
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure beside the one it is held against.

    Attributes
    ----------
    what : str
        What was measured.
    value : float
        The figure.
    limit : float
        What it should not exceed, or reach if `at_least`.
    at_least : bool
        Whether more is better.
    """

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is where it should be."""
        if self.at_least:
            return self.value >= self.limit
        return self.value <= self.limit

    def __str__(self) -> str:
        word = "at least" if self.at_least else "at most"
        verdict = "met" if self.met else "MISSED"
        return f"{self.what}: {self.value:.3g} ({word} {self.limit:g}) {verdict}"


def measure_overhead(runs: int = 5, *, seconds: float = 3.0) -> list[Measured]:
    """Measure what the runner adds to bare papermill, both in this process.

    The two take turns, so that whatever else the machine does hits both; the least
    time of each counts.

    Parameters
    ----------
    runs : int, optional
        Runs of each.
    seconds : float, optional
        How long the notebook itself takes.

    Returns
    -------
    list of Measured
        Seconds a run; and share of a run of 10 seconds.
    """
    import papermill

    from recovery_research.reporting import run_report

    with _notebook(seconds) as notebook:
        bare, ours = [], []
        output = notebook.with_name("bare.ipynb")
        for _ in range(runs):
            bare.append(
                _time(
                    lambda: papermill.execute_notebook(
                        str(notebook), str(output), {"n": 1}, progress_bar=False
                    )
                )
            )
            ours.append(
                _time(lambda: run_report(notebook, reports=notebook.parent / "r"))
            )
    added = min(ours) - min(bare)
    return [
        Measured("seconds that the runner adds to papermill", added, 0.5),
        Measured("share of the run that it adds", added / min(bare), 0.05),
    ]


def measure_plan(reports: int = 20, *, jobs: int = 2) -> list[Measured]:
    """Measure quick reports side by side against one after another.

    Parameters
    ----------
    reports : int, optional
        How many.
    jobs : int, optional
        How many at a time.

    Returns
    -------
    list of Measured
        Ratio of the rates.
    """
    from recovery_research.reporting.plan_runs import run_plan
    from recovery_research.reporting.plans import read_plan

    with _notebook(0.0) as notebook:
        plan = notebook.with_name("plan.toml")
        numbers = list(range(reports))
        plan.write_text(
            f'[reports.quick]\nnotebook = "./{notebook.name}"\ngrid = {{ n = {numbers} }}\n'
        )
        read = read_plan(plan, reports=notebook.parent / "r")
        times = {n: _time(lambda n=n: _run(run_plan, read, n)) for n in (1, jobs)}
    ratio = times[1] / times[jobs]
    return [
        Measured(
            f"rate of {reports} reports, {jobs} at a time", ratio, 1.7, at_least=True
        )
    ]


def _run(run_plan: Callable, plan: object, jobs: int) -> None:
    end = run_plan(plan, jobs=jobs, force=True)
    if end.exit_code:
        raise RuntimeError(end.summarise())


def measure_history(reports: Path) -> list[Measured]:
    """Measure the command `history` over a folder with many runs, cached and not.

    Parameters
    ----------
    reports : Path
        Folder of reports, as `lay_history` makes one.

    Returns
    -------
    list of Measured
        Seconds, start-up included.
    """
    (reports / ".history.sqlite").unlink(missing_ok=True)
    first = _time(lambda: _command("history", "--reports", str(reports)))
    again = min(
        _time(lambda: _command("history", "--reports", str(reports))) for _ in range(3)
    )
    return [
        Measured("history of 10,000 runs, nothing known yet", first, 10.0),
        Measured("history of 10,000 runs", again, 2.0),
    ]


def lay_history(reports: Path, *, runs: int = 10_000, names: int = 20) -> None:
    """Make up a folder of reports with many runs, a few of them damaged.

    Parameters
    ----------
    reports : Path
        Folder, empty.
    runs, names : int, optional
        How many runs, of how many reports.
    """
    from past_runs import lay_run

    template = lay_run(reports, 0, report="report-00")
    text = (template / "run.json").read_text()
    for number in range(1, runs):
        day, rest = divmod(number, 1440)
        run_id = f"{20260106 + day:08}-{rest // 60:02}{rest % 60:02}00-{number:06x}"
        name = f"report-{number % names:02}"
        folder = reports / name / run_id
        folder.mkdir(parents=True)
        own = text.replace(template.name, run_id).replace("report-00", name)
        (folder / "run.json").write_text("{" if number % 1000 == 999 else own)


def measure_start_up() -> list[Measured]:
    """Measure how soon the quick commands answer.

    Returns
    -------
    list of Measured
        Seconds.
    """
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for words in (["--help"], ["list"], ["history", "--reports", folder]):
            least = min(_time(lambda w=words: _command(*w)) for _ in range(5))
            figures.append(Measured(f"start-up of {words[0]}", least, 0.5))
    return figures


def _command(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "recovery_research", *words],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _notebook(seconds: float) -> Iterator[Path]:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quick.ipynb"
        cells = [
            new_code_cell(CELLS.strip(), metadata={"tags": ["parameters"]}),
            new_code_cell(TABLE.format(seconds=seconds).strip()),
        ]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
        yield path


def main() -> None:
    """Measure everything of the report room and print it."""
    sys.path.insert(0, str(ROOT / "tests"))
    figures = [*measure_start_up(), *measure_overhead(), *measure_plan()]
    with tempfile.TemporaryDirectory() as folder:
        lay_history(Path(folder))
        figures += measure_history(Path(folder))
    sys.stdout.write("".join(f"{figure}\n" for figure in figures))


if __name__ == "__main__":
    main()
