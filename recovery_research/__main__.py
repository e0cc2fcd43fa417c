"""Lets `python -m recovery_research` be the command `recovery-research`."""

import sys

# Python has put the working directory first; nothing else is to come from there.
if not sys.flags.safe_path:
    del sys.path[0]

from recovery_research.cli import run

run(prog_name="python -m recovery_research")
