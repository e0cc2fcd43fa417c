"""Batches of replications: drawn, estimated and kept, and never done twice."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from recovery_research.analysis.adjustment import METHODS as ADJUSTMENTS
from recovery_research.analysis.adjustment import adjust
from recovery_research.analysis.contrasts import METHODS, contrast_known
from recovery_research.atomic_files import make_folder, write_whole
from recovery_research.model.experiments import check_choice
from recovery_research.own_code import hash_code, list_modules
from recovery_research.studies.design import Study
from recovery_research.studies.estimands import Sums, sum_effects
from recovery_research.studies.samples import draw_samples
from recovery_research.texts import bare_stream

# Comparisons of groups as they come; ``naive`` is what `paradox` does of itself.
COMPARISONS = {"naive": "auto"} | {name: name for name in METHODS if name != "auto"}
ESTIMATORS = (*COMPARISONS, *ADJUSTMENTS)
Estimator = str | Callable[[pd.DataFrame], Any]


def check_estimator(study: Study, estimator: object) -> None:
    """Refuse an estimator that the study cannot use."""
    if callable(estimator):
        return
    if not isinstance(estimator, str):
        raise TypeError(
            f"an estimator is one of {list(ESTIMATORS)} or a function of a table; got "
            f"{estimator!r}."
        )
    check_choice("estimator", estimator, ESTIMATORS)
    if estimator in ADJUSTMENTS and not study.adjusts_for:
        raise ValueError(
            f"estimator={estimator!r} adjusts, and a study with sampled="
            f"{study.sampled!r}, index={study.index!r} has nothing to adjust for; "
            "name covariates, or take 'naive'."
        )


def name_estimator(estimator: Estimator) -> str:
    """Return what an estimator is called in tables."""
    if isinstance(estimator, str):
        return estimator
    return getattr(estimator, "__name__", type(estimator).__name__)


def apply_estimator(
    study: Study, estimator: Estimator, sample: pd.DataFrame, confidence: float
) -> Any:
    """Return what the estimator makes of one sample."""
    if not isinstance(estimator, str):
        return estimator(sample)
    customers = sample
    if study.sampled == "trial":
        # Groups of a trial are its policies; the analyses compare groups by this name.
        customers = sample.rename(columns={"policy": "index_outcome"})
    asked: dict[str, Any] = {
        "outcome": study.outcome,
        "treated": study.treated,
        "control": study.control,
        "bounds": 0.0,
        "confidence": confidence,
    }
    if estimator in COMPARISONS:
        return contrast_known(customers, method=COMPARISONS[estimator], **asked)
    return adjust(customers, covariates=study.adjusts_for, method=estimator, **asked)


MOST_IN_BATCH = 50
CUSTOMERS_IN_BATCH = 200_000
SLICES_IN_BATCH = 4


@dataclass(frozen=True, slots=True)
class Task:
    """One batch of replications, or of slices that the truth is summed over.

    Attributes
    ----------
    kind : str
        ``replications`` or ``truth``.
    number : int
        Which batch; it decides the batch's customers, together with the seed.
    first, size : int
        First replication or slice of the batch, and how many it holds.
    """

    kind: str
    number: int
    first: int
    size: int


class Job(NamedTuple):
    """What all tasks of a diagnosis have in common."""

    study: Study
    estimators: tuple[Estimator, ...]
    seed: int
    confidence: float


def list_tasks(study: Study, *, n_replications: int, n_slices: int) -> list[Task]:
    """Return the batches of a diagnosis; they depend on nothing but their sizes."""
    in_batch = CUSTOMERS_IN_BATCH // study.n_customers
    in_batch = max(1, min(MOST_IN_BATCH, in_batch))
    tasks = []
    for kind, total, step in (
        ("truth", n_slices, SLICES_IN_BATCH),
        ("replications", n_replications, in_batch),
    ):
        for number, first in enumerate(range(0, total, step)):
            tasks.append(Task(kind, number, first, min(step, total - first)))
    return tasks


def do_task(job: Job, task: Task) -> list[list[Any]]:
    """Do a batch: rows of sums for the truth, of estimates for replications."""
    if task.kind == "truth":
        return [
            list(sum_effects(job.study, job.seed, number))
            for number in range(task.first, task.first + task.size)
        ]
    samples = draw_samples(job.study, task.size, seed=job.seed, batch=task.number)
    return [
        [task.first + k, e, *estimate_one(job, estimator, sample)]
        for k, sample in enumerate(samples)
        for e, estimator in enumerate(job.estimators)
    ]


def estimate_one(job: Job, estimator: Estimator, sample: Any) -> list[Any]:
    """Return estimate, limits and, if there is none of them, why not."""
    try:
        found = apply_estimator(job.study, estimator, sample, job.confidence)
        values = [float(found.estimate), float(found.ci_low), float(found.ci_high)]
    # Whatever an estimator stumbles over is counted, with its reason, by diagnose.
    except Exception as error:
        return [math.nan, math.nan, math.nan, f"{type(error).__name__}: {error}"]
    if not np.isfinite(values).all():
        return [*values, getattr(found, "note", "") or "no interval"]
    return [*values, ""]


def read_sums(rows: list[list[Any]]) -> list[Sums]:
    """Return a truth batch's rows as sums."""
    return [Sums(int(n), total, squares) for n, total, squares in rows]


class Shelf:
    """A folder where batches are kept, under the hash of all that made them.

    Parameters
    ----------
    folder : path
        May hold batches of any number of diagnoses.
    job : Job
        Its ingredients name the subfolder.
    """

    def __init__(self, folder: str | Path, job: Job) -> None:
        self.folder = Path(folder) / hash_job(job)
        make_folder(self.folder)

    def path_of(self, task: Task) -> Path:
        """Return where a batch is kept; one of another size is another batch."""
        return self.folder / f"{task.kind}-{task.number:06d}-{task.size}.batch"

    def read(self, task: Task) -> list[list[Any]] | None:
        """Return a batch kept before; None if there is none, or it is damaged.

        Digits that have changed would still be digits, so a batch has its hash before
        it; one that does not fit is computed again, and written over.
        """
        try:
            content = self.path_of(task).read_bytes()
        except OSError:
            return None
        sha256, _, rows = content.partition(b"\n")
        return json.loads(rows) if sha256 == sign_rows(rows) else None

    def keep(self, task: Task, rows: list[list[Any]]) -> None:
        """Write a batch, whole or not at all."""
        content = json.dumps(rows).encode()
        write_whole(self.path_of(task), sign_rows(content) + b"\n" + content)


def sign_rows(content: bytes) -> bytes:
    """Return the line that stands before a batch's rows."""
    return hashlib.sha256(content).hexdigest().encode()


def hash_job(job: Job) -> str:
    """Return a hash of every ingredient: study, estimators, seed, and their code."""
    ingredients = {
        "study": describe_study(job.study),
        "estimators": [describe_estimator(each) for each in job.estimators],
        "seed": job.seed,
        "confidence": job.confidence,
        "code": hash_run_code(job.estimators),
    }
    text = json.dumps(ingredients, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe_study(study: Study) -> dict[str, Any]:
    """Return every ingredient of a study in plain values."""
    described = {
        name: getattr(study, name)
        for name in ("sampled", "n_customers", "outcome", "weeks", "index",
                     "adjusts_for", "treated_share")
    }  # fmt: skip
    described["policies"] = [asdict(policy) for policy in study.policies]
    described["world"] = study.world.ledger.values_by_name()
    described["switched_off"] = sorted(study.world.switched_off)
    described["population"] = study.population.ledger.values_by_name()
    return described


def describe_estimator(estimator: Estimator) -> str:
    """Return what tells an estimator from all others: its name, or its source."""
    if isinstance(estimator, str):
        return estimator
    try:
        source = inspect.getsource(estimator)
    except (OSError, TypeError):
        raise ValueError(
            f"the source of {name_estimator(estimator)!r} cannot be read, so that its "
            "batches could be taken for those of another; leave out resume=, or write "
            "it as a function in a file."
        ) from None
    # It may call what stands beside it in its file; a notebook or script has none.
    file = getattr(sys.modules.get(estimator.__module__), "__file__", None)
    if estimator.__module__ != "__main__" and file:
        source = Path(file).read_text("utf-8", errors="replace")
    return f"{estimator.__module__}.{name_estimator(estimator)}\n{source}"


# What no estimator calls: a function may call any other part of this package.
NEVER_CALLED = ("__main__", "cli", "guide", "reports")


def hash_run_code(estimators: Iterable[Estimator]) -> str:
    """Hash the package's code that batches run; other code, other batches."""
    starts = [__name__]
    if any(map(callable, estimators)):
        starts += sorted(list_modules(apart_from=NEVER_CALLED))
    return hash_code(tuple(starts))


# Less work than this is done before a second process has started.
CUSTOMERS_A_PROCESS = 100_000


def do_all(
    job: Job,
    tasks: list[Task],
    *,
    processes: int | None,
    resume: str | Path | None,
) -> dict[Task, list[list[Any]]]:
    """Return every task's rows: kept ones read, the others done and kept."""
    from tqdm import tqdm

    shelf = None if resume is None else Shelf(resume, job)
    done = {}
    for task in tasks:
        rows = None if shelf is None else shelf.read(task)
        if rows is not None:
            done[task] = rows
    to_do = [task for task in tasks if task not in done]
    n_processes = choose_processes(job, to_do, processes)
    bar = tqdm(total=len(tasks), initial=len(done), unit=" batches", desc="diagnosing",
               leave=False, delay=1.0, file=bare_stream(sys.stderr),
               disable=not sys.stderr.isatty())  # fmt: skip
    with bar:
        for task, rows in work_off(job, to_do, n_processes):
            done[task] = rows
            if shelf is not None and not keep_if_possible(shelf, task, rows):
                shelf = None
            bar.update()
    return done


def keep_if_possible(shelf: Shelf, task: Task, rows: list[list[Any]]) -> bool:
    """Keep a batch, or say that none is kept any more: hours of work are not lost."""
    try:
        shelf.keep(task, rows)
    except OSError as error:
        warnings.warn(
            f"{shelf.folder}: batches cannot be kept there ({error.strerror}); the "
            "diagnosis goes on without.",
            RuntimeWarning,
            stacklevel=4,
        )
        return False
    return True


def choose_processes(job: Job, tasks: list[Task], processes: int | None) -> int:
    """Return how many processes to use, or say why not so many."""
    portable = all(can_travel(estimator) for estimator in job.estimators)
    if processes is not None:
        if processes > 1 and not portable:
            raise ValueError(
                "other processes cannot import one of the estimators (it is a lambda, "
                "or was defined in a notebook); write it in a file of its own, or set "
                "processes=1."
            )
        return min(processes, max(1, len(tasks)))
    n_replications = sum(t.size for t in tasks if t.kind == "replications")
    worth = n_replications * job.study.n_customers // CUSTOMERS_A_PROCESS
    most = os.cpu_count() or 1
    return max(1, min(most, worth, len(tasks))) if portable else 1


def can_travel(estimator: Estimator) -> bool:
    """Return whether a fresh process could import the estimator."""
    if isinstance(estimator, str):
        return True
    if getattr(estimator, "__module__", "__main__") == "__main__":
        return False
    try:
        pickle.dumps(estimator)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def end_with_parent() -> None:
    """See to it that this process ends when the one that started it does.

    A process that waits for work holds both ends of the queue it waits on, and would
    wait for ever if the other were killed.
    """
    parent = parent_process()
    # Ctrl-C on a terminal is sent to all; what it means, the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait(parent: BaseProcess) -> None:
        parent.join()
        os._exit(1)

    if parent is not None:
        threading.Thread(target=wait, args=[parent], daemon=True).start()


@contextmanager
def no_imports_from_here() -> Iterator[None]:
    """Have processes that are started meanwhile import nothing of the working folder.

    A fresh process is started with `python -c`, which would look there first, and find
    somebody's pickle.py.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def work_off(
    job: Job, tasks: list[Task], n_processes: int
) -> Iterator[tuple[Task, list[list[Any]]]]:
    """Yield each task with its rows, as they are done."""
    if n_processes == 1:
        for task in tasks:
            yield task, do_task(job, task)
        return
    # Fresh processes, not forked ones: a fork would copy locks held by threads.
    others = set(active_children())
    with no_imports_from_here():
        pool = ProcessPoolExecutor(
            n_processes, mp_context=get_context("spawn"), initializer=end_with_parent
        )
    try:
        with no_imports_from_here():
            running = {pool.submit(do_task, job, task): task for task in tasks}
        for future in as_completed(running):
            yield running[future], future.result()
    except (KeyboardInterrupt, GeneratorExit):
        # Whoever stops does not want to wait for the batches that are under way.
        for process in set(active_children()) - others:
            process.terminate()
        raise
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a process ended before its work did. In a script, call diagnose under "
            "`if __name__ == '__main__':`; otherwise memory may have run out. Or set "
            "processes=1."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
