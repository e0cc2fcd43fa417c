"""Commands on the two worlds: fit one anew, put either to the test."""

import sys
from pathlib import Path

import click

from .command_ends import EXIT_BAD_INPUT, EXIT_NOT_WRITTEN, fail
from .whole_files import make_folder

EXIT_MISSED = 3


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write to; by default the package's own data folder.",
)
def calibrate(into: Path | None) -> None:
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
    click.echo(calibration.fit.drop(columns="meaning").to_string(index=False))
    click.echo("\n".join(str(path) for path in written))


@click.command()
@click.argument("world")
def verify(world: str) -> None:
    """Put a WORLD's stored coefficients to the test.

    Exits 3 if a line fails beyond its Monte Carlo error, else 0; lines that cannot be
    told from a miss at this size are named.
    """
    from .claims import CANNOT_TELL, MISSED
    from .verification import check_targets
    from .worlds import load_world

    try:
        asked = load_world(world)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    table = check_targets(asked)
    click.echo(table.to_string(index=False))
    if "verdict" not in table:
        sys.exit(0 if table["holds"].all() else EXIT_MISSED)
    open_still = table.loc[table["verdict"] == CANNOT_TELL, "moment"].tolist()
    if open_still:
        click.echo(f"cannot tell from a miss: {', '.join(open_still)}", err=True)
    sys.exit(EXIT_MISSED if (table["verdict"] == MISSED).any() else 0)
