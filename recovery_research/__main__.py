"""Lets `python -m recovery_research` be the command `recovery-research`."""

from recovery_research.command_line import main

main(prog_name="python -m recovery_research")
