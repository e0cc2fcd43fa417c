"""The command `recovery-research`."""

from recovery_research.cli.start import await_command


def run(**options: object) -> None:
    """Load the command and call it; Ctrl-C has an answer from here on."""
    await_command()
    from recovery_research.cli.main import main

    main(**options)
