"""What the runner adds to bare papermill, and what reports side by side gain."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from .tables import Finding, find
from .timing import ratios, time_in_turn

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "notebooks" / "02-compare-policies.ipynb"
MOST_SECONDS_ADDED, MOST_SHARE_ADDED = 0.5, 0.05
MOST_SECONDS_WATCHED, MOST_SHARE_WATCHED = 0.1, 0.03
LEAST_GAIN = 1.7
REPORTS, AT_ONCE = 20, 2
CELLS = """\
n = 1  # how many
seed = 5  # luck
"""
SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}


def measure_overhead(*, small: bool) -> list[Finding]:
    """Measure a run by the runner beside one by bare papermill, in this process.

    The two take turns, so that whatever else the machine does hits both. A notebook
    that does nothing gives the seconds; the main report, under its quick profile,
    the share.
    """
    with quick_notebook() as notebook:
        bare, ours = time_both(notebook, "standard", rounds=1 if small else 7)
    added = [b - a for a, b in zip(bare, ours, strict=True)]
    findings = [
        find("runner", "bare papermill, an empty notebook", bare, "s"),
        find("runner", "our runner, the same", ours, "s"),
        find("runner", "added to a run", added, "s", at_most=MOST_SECONDS_ADDED,
             note="in a living process; rounds in turn"),
    ]  # fmt: skip
    if small:
        return findings
    bare, ours = time_both(REPORT, "quick", rounds=9)
    shares = [ratio - 1.0 for ratio in ratios(tuple(ours), tuple(bare))]
    return [
        *findings,
        find("runner", f"bare papermill, {REPORT.stem}, quick", bare, "s"),
        find("runner", "added to that, as a share", shares, "share",
             at_most=MOST_SHARE_ADDED, note="in a living process; rounds in turn"),
    ]  # fmt: skip


def time_both(notebook: Path, profile: str, *, rounds: int) -> tuple[list, list]:
    """Return the seconds of bare papermill and of the runner, round by round."""
    import papermill

    from recovery_research.reports import run_report
    from recovery_research.reports.run_request import prepare_request

    values = prepare_request(notebook, profile=profile).values()
    with tempfile.TemporaryDirectory() as folder, package_path():
        output = str(Path(folder) / "bare.ipynb")
        tasks = {
            "bare": lambda: papermill.execute_notebook(
                str(notebook), output, values, progress_bar=False
            ),
            "ours": lambda: demand(
                run_report(notebook, profile=profile, reports=f"{folder}/r")
            ),
        }
        for task in tasks.values():  # what is imported or compiled once
            task()
        timings = time_in_turn(tasks, rounds)
    return list(timings["bare"].seconds), list(timings["ours"].seconds)


def demand(run: object) -> None:
    """Refuse to time what did not succeed."""
    if not run.succeeded:
        raise RuntimeError(run.message)


def measure_plan(*, small: bool) -> list[Finding]:
    """Measure quick reports side by side against one after another."""
    from recovery_research.reports.plan_runs import run_plan
    from recovery_research.reports.plans import read_plan

    n_reports = 4 if small else REPORTS
    with quick_notebook() as notebook:
        plan = notebook.with_name("plan.toml")
        plan.write_text(
            f'[reports.quick]\nnotebook = "./{notebook.name}"\n'
            f"grid = {{ n = {list(range(n_reports))} }}\n"
        )
        read = read_plan(plan, reports=notebook.parent / "r")
        tasks = {
            jobs: lambda jobs=jobs: demand_plan(run_plan(read, jobs=jobs, force=True))
            for jobs in (1, AT_ONCE)
        }
        timings = time_in_turn(tasks, 1 if small else 5)
    alone, together = timings[1].seconds, timings[AT_ONCE].seconds
    cores = f"{os.cpu_count()} processors; other work on them counts against it"
    return [
        find("runner", f"{n_reports} quick reports, one after another", alone, "s"),
        find("runner", f"the same, {AT_ONCE} at a time", together, "s"),
        find("runner", "gain in rate", ratios(alone, together), "ratio",
             at_least=None if small else LEAST_GAIN, note=cores),
    ]  # fmt: skip


def demand_plan(end: object) -> None:
    """Refuse to time a plan of which anything failed."""
    if end.exit_code:
        raise RuntimeError(end.summarise())


@contextmanager
def package_path() -> Iterator[None]:
    """Let bare papermill's kernels find the package that is measured."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextmanager
def quick_notebook(seconds: float = 0.0) -> Iterator[Path]:
    """Write a notebook that sleeps and does nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quick.ipynb"
        cells = [
            new_code_cell(CELLS.strip(), metadata={"tags": ["parameters"]}),
            new_code_cell(f"import time\ntime.sleep({seconds})"),
        ]
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": SPEC}), path)
        yield path


def measure_watch(*, small: bool) -> list[Finding]:
    """Measure a run whose kernel is watched beside one whose kernel is not.

    Seconds of processor time, kernel included, for they are the least disturbed by
    whatever else the machine does.
    """
    with quick_notebook() as notebook:
        bare, ours = time_watch(notebook, "standard", rounds=1 if small else 15)
    added = [b - a for a, b in zip(bare, ours, strict=True)]
    findings = [
        find("watch", "added to an empty notebook", added, "s",
             at_most=None if small else MOST_SECONDS_WATCHED),
    ]  # fmt: skip
    if small:
        return findings
    bare, ours = time_watch(REPORT, "quick", rounds=9)
    shares = [ratio - 1.0 for ratio in ratios(tuple(ours), tuple(bare))]
    return [
        *findings,
        find("watch", f"{REPORT.stem}, quick, not watched", bare, "s"),
        find("watch", "added to that, as a share", shares, "share",
             at_most=MOST_SHARE_WATCHED, note="processor time; rounds in turn"),
    ]  # fmt: skip


def time_watch(notebook: Path, profile: str, *, rounds: int) -> tuple[list, list]:
    """Return the processor seconds of runs without and with a watch, in turn."""
    from recovery_research.reports import execution, run_report
    from recovery_research.reports.kernel_watch_notes import NOTES_VARIABLE

    make, taken = execution.kernel_environment, {False: [], True: []}

    def unwatched(*given: object) -> dict[str, str]:
        environment = make(*given)
        del environment[NOTES_VARIABLE]
        return environment

    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for watched in (False, True):
                execution.kernel_environment = make if watched else unwatched
                clock = count_processor_seconds()
                demand(run_report(notebook, profile=profile, reports=f"{folder}/r"))
                if number:  # what is imported or compiled once
                    taken[watched].append(count_processor_seconds() - clock)
    execution.kernel_environment = make
    return taken[False], taken[True]


def count_processor_seconds() -> float:
    """Return the processor time of this process and of those that it has ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
