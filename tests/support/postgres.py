"""A PostgreSQL server of the tests' own, or the reason why there is none."""

import glob
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path


def find_programs():
    """Return the folder of initdb and pg_ctl, the newest version there is, or None."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = [Path(f).parent for f in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    return max(folders, key=lambda f: float(f.parent.name), default=None)


def as_owner(folder):
    """Return how to call what must not run as root: PostgreSQL refuses it."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(folder, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


@contextmanager
def running_server():
    """Start a private server on a socket and give its URL; end it and remove it.

    Raises
    ------
    RuntimeError
        If there is no PostgreSQL, or it does not start.
    """
    programs = find_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed (no initdb)")
    # A socket's path has at most about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        owner = as_owner(folder)
        data = folder / "data"

        def call(*command):
            done = subprocess.run(
                [*map(str, command)], capture_output=True, text=True, timeout=120,
                check=False, cwd="/", **owner,
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-300:]}")

        # Whatever language this machine speaks, if it is installed or not.
        spoken = ("--no-locale", "-E", "UTF8")
        call(programs / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-N",
             *spoken)  # fmt: skip
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        log = folder / "log"
        call(programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://tester:s3cret@/postgres?host={folder}"
        finally:
            call(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    except (OSError, LookupError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"PostgreSQL does not start: {error}") from error
    finally:
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)
