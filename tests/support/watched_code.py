"""Code run under the watch that kernels keep, without a kernel: many pieces at once."""

import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

from recovery_research.reports.run_inputs import NoteReader, gather_inputs

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
ROOT = Path(__file__).resolve().parents[2]


def write_zip(path, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("packed.py", text)


def write_sqlite(path, number):
    with sqlite3.connect(path) as link:
        link.execute("create table if not exists t (n)")
        link.execute("insert into t values (?)", [number])
    link.close()


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def point(path, target):
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def lay_out(top, *homes):
    """Write into each of some folders everything that pieces of code may read."""
    home = top / "first"
    fill(home)
    for each in homes:
        shutil.copytree(home, each, symlinks=True)


def fill(home):
    """Write one such folder."""
    for name in ("x.csv", "y.csv", "d/a.csv", "d/b.csv", "d/deep/c.csv", "over/o.csv"):
        write_text(home / name, "n\n1\n")
    for name in ("own.py", "pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/low.py"):
        write_text(home / name, "n = 1\n")
    write_text(home / "pkg/table.txt", "1")
    write_text(home / "other/above.py", "n = 1\n")
    write_zip(home / "z.zip", "n = 1\n")
    write_sqlite(home / "s.db", 1)
    point(home / "link.csv", "x.csv")
    (home / "x.pkl").write_bytes(pickle.dumps(1))
    np.save(home / "x.npy", np.arange(3))
    FRAME.to_parquet(home / "x.parquet")
    (home / "parts").mkdir()
    FRAME.to_parquet(home / "parts/one.parquet")
    FRAME.to_excel(home / "x.xlsx")
    FRAME.to_feather(home / "x.feather")
    pyreadstat.write_sav(FRAME, home / "x.sav")


def gather(notes, home):
    """Return the record that notes make."""
    return gather_inputs(NoteReader(notes).read(), home)


def run_watched(pieces):
    """Run texts of code, each in its folder, and return the files of their notes."""
    orders = [
        {"folder": str(folder), "code": code, "notes": f"{folder}-notes/notes.jsonl"}
        for folder, code in pieces
    ]
    for order in orders:
        Path(order["notes"]).parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, ROOT / "tests/support/watched_forks.py"], input=json.dumps(orders), text=True,
        capture_output=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    failed = json.loads(done.stdout.splitlines()[-1])
    assert failed == [], done.stderr[-3000:]
    return [Path(order["notes"]) for order in orders]
