"""Doing a diagnosis's batches: in this process or several, and never twice."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any

from .study_batches import Job, Shelf, Task, do_task
from .study_estimators import Estimator
from .terminal_texts import bare_stream

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
    for task in tasks if shelf is not None else ():
        rows = shelf.read(task)
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

    def wait() -> None:
        parent.join()
        os._exit(1)

    if parent is not None:
        threading.Thread(target=wait, daemon=True).start()


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
