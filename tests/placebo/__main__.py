"""Run the placebo gate: ``python -m tests.placebo [--logs N] [--sizes N ...]``.

Every analysis on files from shops in which no failure and no recovery does anything.
What it announces is counted and held against what it promises. It can be interrupted:
what has been counted is kept, and the next call goes on from there.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from .announcements import announce
from .counting import BROKEN, KEYS, count_announcements, summarise, tabulate_said
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
    parser.add_argument("--logs", type=int, default=500,
                        help="logs of each shop and size; 500 give 1 point")  # fmt: skip
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--shops", nargs="+", default=list(SHOPS), choices=list(SHOPS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--anew", action="store_true", help="forget what was counted")
    asked = parser.parse_args(arguments)
    if asked.logs < 1 or asked.processes < 1 or min(asked.sizes) < 100:
        parser.error("logs and processes are 1 or more, sizes 100 or more")
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
    todo = [task for task in tasks if not paths[task].exists()]
    with ProcessPoolExecutor(asked.processes) as pool:
        done = pool.map(run_batch, todo)
        for task, said in tqdm(
            zip(todo, done, strict=True), total=len(todo), disable=None, unit="batch"
        ):
            part = paths[task].with_suffix(".part")
            said.to_parquet(part)
            part.replace(paths[task])
    return pd.concat([pd.read_parquet(p) for p in paths.values()], ignore_index=True)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if some promise is broken without a word."""
    asked = parse(arguments)
    table = count_announcements(run_gate(asked))
    table.sort_values(KEYS).to_csv(asked.folder / "placebo.csv", index=False)
    summary = summarise(table)
    summary.to_csv(asked.folder / "summary.csv", index=False)
    sys.stdout.write(
        summary.to_string(index=False, float_format="{:.3f}".format) + "\n"
    )
    broken = table[table["kept"] == BROKEN]
    if len(broken):
        shown = broken[
            [*KEYS, "n_answered", "above", "below", "announced", "noted_announced"]
        ]
        sys.stdout.write("\nBroken without a word:\n")
        sys.stdout.write(
            shown.to_string(index=False, float_format="{:.3f}".format) + "\n"
        )
    sys.stdout.write(f"\nwritten: {asked.folder / 'placebo.csv'}\n")
    return int(len(broken) > 0)


if __name__ == "__main__":
    sys.exit(main())
