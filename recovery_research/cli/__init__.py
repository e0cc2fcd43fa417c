"""The command `recovery-research`."""

import sys

from recovery_research._extras import MissingExtraError, explaining_extras
from recovery_research.cli.start import await_command


def run(**options: object) -> None:
    """Load the command and call it; Ctrl-C has an answer from here on."""
    await_command()
    try:
        with explaining_extras():
            from recovery_research.cli.main import main
    except MissingExtraError as error:
        from recovery_research.reports.exit_codes import EXIT_BAD_INPUT

        sys.stderr.write(f"error: {error}\n")
        sys.exit(EXIT_BAD_INPUT)
    main(**options)
