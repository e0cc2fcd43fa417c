"""The command line, called within the test's own process."""

from click.testing import CliRunner

from recovery_research.cli import main


def call(*arguments):
    """Call a command; what it did not mean to raise is raised."""
    result = CliRunner().invoke(main.main, [str(a) for a in arguments])
    fault = getattr(result.exception, "__cause__", None) or result.exception
    if fault is not None and not isinstance(fault, SystemExit):
        raise fault
    return result
