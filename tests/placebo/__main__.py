"""Run the placebo gate: ``python -m tests.placebo [PART ...] [--logs N] ...``.

Part ``placebo``: every analysis on files from shops in which no failure and no recovery
does anything. What it announces is counted and held against what it promises. Part
``coverage``: the same where something happens and the truth is known. It can be
interrupted: what has been counted is kept, and the next call goes on from there.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from .announcements import announce
from .counting import BROKEN, KEYS, count_announcements, summarise, tabulate_said
from .coverage import Question, ask, list_questions
from .files import open_logs
from .logs import SHOPS

FOLDER = Path(__file__).resolve().parents[2] / "reports" / "placebo"
SIZES = (500, 2_000, 20_000)
# Logs of one task: small enough to be lost, large enough not to start processes for.
BATCH = 10


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.placebo", description=__doc__.splitlines()[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"any of {', '.join(PARTS)}; by default all")  # fmt: skip
    parser.add_argument("--logs", type=int, default=500,
                        help="logs of each shop and size; 500 give 1 point")  # fmt: skip
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--shops", nargs="+", default=list(SHOPS), choices=list(SHOPS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--anew", action="store_true", help="forget what was counted")
    asked = parser.parse_args(arguments)
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if asked.logs < 2 or asked.processes < 1 or min(asked.sizes) < 100:
        parser.error("logs are 2 or more, processes 1, sizes 100 or more")
    return asked


def run_batch(task: tuple[str, int, int, int]) -> pd.DataFrame:
    """Ask every analysis about a few logs of one shop and size."""
    shop, n_customers, first, stop = task
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, stop):
            for file, read in open_logs(shop, n_customers, seed, Path(folder)):
                frames.append(
                    tabulate_said(shop, file, n_customers, seed, announce(read))
                )
    return pd.concat(frames, ignore_index=True)


def run_gate(asked: argparse.Namespace) -> pd.DataFrame:
    """Run what has not been run yet; return what was said of all files."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    tasks = [
        (shop, n, first, min(first + BATCH, asked.logs))
        for n, first, shop in product(
            asked.sizes, range(0, asked.logs, BATCH), asked.shops
        )
    ]
    paths = {
        task: asked.folder / "said-{}-{}-{}-{}.parquet".format(*task) for task in tasks
    }
    if asked.anew:
        for path in asked.folder.glob("said-*.parquet"):
            path.unlink()
    work_off(run_batch, {task: paths[task] for task in tasks}, asked.processes)
    return pd.concat([pd.read_parquet(p) for p in paths.values()], ignore_index=True)


def run_coverage(asked: argparse.Namespace) -> pd.DataFrame:
    """Diagnose what has not been diagnosed yet; return a row per estimator."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    paths = {
        (question, asked.logs): asked.folder
        / "covered-{}-{}-{}-{}-{}.parquet".format(*question, asked.logs)
        for question in list_questions(asked.sizes)
    }
    if asked.anew:
        for path in paths.values():
            path.unlink(missing_ok=True)
    work_off(run_question, paths, asked.processes)
    return pd.concat([pd.read_parquet(p) for p in paths.values()], ignore_index=True)


def run_question(task: tuple[Question, int]) -> pd.DataFrame:
    """Diagnose the estimators in one study."""
    return ask(*task)


def work_off(
    run: Callable[[tuple], pd.DataFrame], paths: dict[tuple, Path], processes: int
) -> None:
    """Run the tasks of which nothing is kept, and keep what each one returns."""
    todo = {task: path for task, path in paths.items() if not path.exists()}
    with ProcessPoolExecutor(processes) as pool:
        done = zip(todo.values(), pool.map(run, todo), strict=True)
        for path, table in tqdm(done, total=len(todo), disable=None, unit="batch"):
            part = path.with_suffix(".part")
            table.to_parquet(part)
            part.replace(path)


def show(table: pd.DataFrame) -> None:
    """Print a table."""
    sys.stdout.write(table.to_string(index=False, float_format="{:.3f}".format) + "\n")


def report_placebo(asked: argparse.Namespace) -> int:
    """Print what was announced where nothing happens; return how often wrongly."""
    table = count_announcements(run_gate(asked)).sort_values(KEYS)
    table.to_csv(asked.folder / "placebo.csv", index=False)
    show(summarise(table))
    broken = table[table["kept"] == BROKEN]
    if len(broken):
        sys.stdout.write("\nBroken without a word:\n")
        show(broken[[*KEYS, "n_answered", "above", "below", "announced",
                     "noted_announced"]])  # fmt: skip
    sys.stdout.write(f"\nwritten: {asked.folder / 'placebo.csv'}\n")
    return len(broken)


def report_coverage(asked: argparse.Namespace) -> int:
    """Print how often the truth was missed; return how often too often."""
    table = run_coverage(asked)
    table.to_csv(asked.folder / "coverage.csv", index=False)
    show(table.drop(columns=["n_logs", "noted"]))
    sys.stdout.write(f"\nwritten: {asked.folder / 'coverage.csv'}\n")
    return int((table["kept"] == BROKEN).sum())


PARTS = {"placebo": report_placebo, "coverage": report_coverage}


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 if some promise is broken without a word."""
    asked = parse(arguments)
    broken = [PARTS[part](asked) for part in asked.parts or PARTS]
    return int(sum(broken) > 0)


if __name__ == "__main__":
    sys.exit(main())
