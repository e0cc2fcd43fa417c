"""The command and its subcommands: one voice, one style of errors, one way to end."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import NoReturn

import click

from recovery_research.command_ends import VOICE, fail, flush_output, say_error
from recovery_research.reporting.exit_codes import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_NOT_WRITTEN,
    EXIT_UNREAD,
    USUAL,
    describe_codes,
)
from recovery_research.reporting.signals import Terminated, hear_stops


def _be_quiet(context: click.Context, _param: click.Parameter, given: bool) -> None:
    if given:
        VOICE.quiet = True
    _check_voice(context)


def _be_verbose(context: click.Context, _param: click.Parameter, given: bool) -> None:
    if given:
        VOICE.listen()
    _check_voice(context)


def _check_voice(context: click.Context) -> None:
    if VOICE.quiet and VOICE.verbose:
        raise click.UsageError("-q and -v exclude one another.", context)


def list_voice_options() -> list[click.Option]:
    """Return the options that every command has, before its name and behind it.

    Returns
    -------
    list of Option
    """
    common = {"is_flag": True, "expose_value": False, "is_eager": True}
    quiet = "Only results and errors."
    verbose = "Also what is read, from where, and how long it takes."
    return [
        click.Option(["-q", "--quiet"], help=quiet, callback=_be_quiet, **common),
        click.Option(["-v", "--verbose"], help=verbose, callback=_be_verbose, **common),
    ]


class Commands(click.Group):
    """A group whose commands speak and end alike, whatever happens."""

    def __init__(self, *given: object, **options: object) -> None:
        super().__init__(*given, **options)
        self.params += list_voice_options()

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Take in a command, with the options and exit codes that all have."""
        cmd.params += list_voice_options()
        cmd.epilog = cmd.epilog or describe_codes(USUAL)
        super().add_command(cmd, name)

    def main(
        self, *given: object, standalone_mode: bool = True, **options: object
    ) -> object:
        """Call a command; as a program, say what is wrong and exit."""
        if not standalone_mode:
            return super().main(*given, standalone_mode=False, **options)
        with VOICE.begin(), hear_stops() as stops:
            cause = None
            try:
                code = super().main(*given, standalone_mode=False, **options)
            except click.exceptions.NoArgsIsHelpError as error:
                click.echo(error.format_message(), err=True)
                code = error.exit_code
            except click.ClickException as error:
                code = _tell_usage(error)
            except (click.Abort, KeyboardInterrupt):
                code = EXIT_INTERRUPTED
            except SystemExit as end:
                code, cause = end.code, end.__cause__
            code = _finish(code if isinstance(code, int) else 0)
            if stops.exit_code is not None:
                code = stops.exit_code
        raise SystemExit(code) from cause

    def make_context(self, *given: object, **options: object) -> click.Context:
        """Read what was typed; that may print help, which nobody may want to read."""
        try:
            return super().make_context(*given, **options)
        except BrokenPipeError:
            _silence_output()
            sys.exit(EXIT_UNREAD)

    def invoke(self, ctx: click.Context) -> object:
        """Call a command; what it did not see coming has an end, too."""
        begun = time.monotonic()
        try:
            result = super().invoke(ctx)
            flush_output()
        except KeyboardInterrupt:
            fail("interrupted", EXIT_INTERRUPTED)
        except Terminated as end:
            fail("terminated", end.code)
        except BrokenPipeError:
            _silence_output()
            sys.exit(EXIT_UNREAD)
        except OSError as error:
            fail(_describe_trouble(error), EXIT_NOT_WRITTEN)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _own_up(error)
        finally:
            VOICE.detail(f"took {time.monotonic() - begun:.2f} s")
        return result


def _tell_usage(error: click.ClickException) -> int:
    """Tell of a mistake in a call as all other mistakes are told."""
    said = error.format_message()
    path = getattr(getattr(error, "ctx", None), "command_path", None)
    more = f" See `{path} --help`." if path else ""
    say_error(f"{said[:1].lower()}{said[1:]}{more}")
    return error.exit_code


def _own_up(error: Exception) -> NoReturn:
    """Tell of a fault of the program itself, with its place for those who ask."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    more = traceback.format_exc().rstrip() if VOICE.verbose else "-v shows where."
    say_error(f"a fault of this program: {said}\n{more}")
    raise SystemExit(EXIT_ERROR) from error


def _describe_trouble(error: OSError) -> str:
    where = error.filename or "the output could not be written"
    return f"{where}: {error.strerror or error}"


def _finish(code: int) -> int:
    """Write out what is still to be written, and return what to exit with."""
    try:
        flush_output()
    except BrokenPipeError:
        _silence_output()
        return code or EXIT_UNREAD
    except OSError as error:
        say_error(_describe_trouble(error))
        _silence_output()
        return code or EXIT_NOT_WRITTEN
    return code


def _silence_output() -> None:
    """Keep the interpreter from writing once more, at its end, what nobody takes."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):
        return  # not a stream of the system's
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
