"""Commands on the two worlds: fit one anew, put either to the test."""

import sys
from pathlib import Path

import click

from recovery_research.command_ends import fail, say
from recovery_research.reporting.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_MISSED,
    EXIT_NOT_WRITTEN,
    USUAL,
    describe_codes,
)

from .command_json import JSON_OPTION, print_json
from .command_names import complete_world
from .whole_files import make_folder


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write to; by default the package's own data folder.",
)
@JSON_OPTION
def calibrate(into: Path | None, as_json: bool) -> None:
    """Fit the world of the claims to the published figures and write it down."""
    from .calibration import calibrate as fit_world
    from .calibration import write_calibration
    from .places import source_root

    folder = source_root() / "data" if into is None else into
    try:
        make_folder(folder)
        calibration = fit_world()
        written = write_calibration(calibration, folder)
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}", EXIT_NOT_WRITTEN)
    if as_json:
        print_json({"fit": calibration.fit, "files": written})
        return
    click.echo(calibration.fit.drop(columns="meaning").to_string(index=False))
    click.echo("\n".join(str(path) for path in written))


@click.command(
    epilog=describe_codes(USUAL | {EXIT_MISSED: "a figure is missed, or a line fails"})
)
@click.argument("world", shell_complete=complete_world)
@JSON_OPTION
def verify(world: str, as_json: bool) -> None:
    """Put a WORLD's stored coefficients to the test.

    A line fails if it does so beyond its Monte Carlo error; lines that cannot be told
    from a miss at this size are named.
    """
    from .claims import CANNOT_TELL, MISSED
    from .verification import check_targets
    from .worlds import load_world

    try:
        asked = load_world(world)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    table = check_targets(asked)
    if as_json:
        print_json({"world": world, "lines": table})
    else:
        click.echo(table.to_string(index=False))
    if "verdict" not in table:
        sys.exit(0 if table["holds"].all() else EXIT_MISSED)
    open_still = table.loc[table["verdict"] == CANNOT_TELL, "moment"].tolist()
    if open_still:
        say(f"cannot tell from a miss: {', '.join(open_still)}")
    sys.exit(EXIT_MISSED if (table["verdict"] == MISSED).any() else 0)
