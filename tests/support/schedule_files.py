"""Schedules for plans that are not there, and the programs that read them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from recovery_research.reports.cron_times import read_timetable
from recovery_research.reports.schedules import Job

ROOT = Path(__file__).resolve().parents[2]
SIX = read_timetable("0 6 * * 1-5")


def job(name="weekly", folder="/srv/my plans", reports="/srv/my reports", **more):
    more.setdefault("timetable", SIX)
    return Job(Path(folder) / f"{name}.toml", Path(reports), **more)


def only_file(made):
    (text,) = made.values()
    return text


def run(*command, **more):
    more = {"capture_output": True, "text": True, "timeout": 120, **more}
    return subprocess.run([str(word) for word in command], **more)


def need(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"NOT TESTED: {name} is not installed")
    return path
