"""Commands on the two worlds: fit one anew, put either to the test."""

import sys
from pathlib import Path

import click

from .command_ends import EXIT_BAD_INPUT, EXIT_NOT_WRITTEN, fail


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
        folder.mkdir(parents=True, exist_ok=True)
        calibration = fit_world()
        written = write_calibration(calibration, folder)
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}", EXIT_NOT_WRITTEN)
    click.echo(calibration.fit.drop(columns="meaning").to_string(index=False))
    click.echo("\n".join(str(path) for path in written))


@click.command()
@click.argument("world")
def verify(world: str) -> None:
    """Put a WORLD's stored coefficients to the test; exit 3 if one line fails."""
    from .verification import check_targets
    from .worlds import load_world

    try:
        asked = load_world(world)
    except ValueError as error:
        fail(str(error), EXIT_BAD_INPUT)
    table = check_targets(asked)
    click.echo(table.to_string(index=False))
    held = table["met" if world == "claims" else "holds"]
    sys.exit(0 if held.all() else 3)
