"""Timing tasks in turn, so that a busy machine is busy for all of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that a task took over several rounds.

    Attributes
    ----------
    seconds : tuple of float
        By the clock on the wall, one a round.
    cpu_seconds : tuple of float
        Of processor time, all threads together; what the task would take alone on
        an idle machine, were there one thread.
    """

    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def median_cpu(self) -> float:
        return statistics.median(self.cpu_seconds)


def time_in_turn(tasks: dict[str, Callable[[], object]], rounds: int) -> dict:
    """Time every task once a round, A B A B, and return a Timing for each.

    Whatever must be compiled or warmed is the caller's to do beforehand.
    """
    taken = {name: ([], []) for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            clock, cpu = time.perf_counter(), time.process_time()
            task()
            taken[name][0].append(time.perf_counter() - clock)
            taken[name][1].append(time.process_time() - cpu)
    return {name: Timing(tuple(a), tuple(b)) for name, (a, b) in taken.items()}


def ratios(over: tuple[float, ...], under: tuple[float, ...]) -> list[float]:
    """Return the ratio of two tasks in each round, which shared its noise."""
    return [a / b for a, b in zip(over, under, strict=True)]
