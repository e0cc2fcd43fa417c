"""Batches of replications: drawn and estimated anywhere, kept, never done twice."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .places import PACKAGE
from .studies import Study
from .study_estimators import Estimator, apply_estimator, name_estimator
from .study_samples import draw_samples
from .study_truths import Sums, sum_effects
from .whole_files import make_folder, write_whole

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
    """Return a hash of every ingredient: study, estimators, seed, and the code."""
    ingredients = {
        "study": describe_study(job.study),
        "estimators": [describe_estimator(each) for each in job.estimators],
        "seed": job.seed,
        "confidence": job.confidence,
        "code": hash_code(),
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
    return f"{estimator.__module__}.{name_estimator(estimator)}\n{source}"


@functools.cache
def hash_code() -> str:
    """Return a hash of the package's own source: other code, other batches."""
    whole = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        whole.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()
