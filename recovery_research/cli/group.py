"""The command and its subcommands: one voice, one style of errors, one way to end."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import click

from recovery_research import paths
from recovery_research._extras import MissingExtraError, explain_missing
from recovery_research.cli.options import VOICE, fail, flush_output, say_error
from recovery_research.cli.start import close_ears, leave
from recovery_research.reports.exit_codes import (
    EXIT_BAD_INPUT,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_NOT_WRITTEN,
    EXIT_UNREAD,
    USUAL,
    describe_codes,
)
from recovery_research.reports.stopping import Terminated, hear_stops


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
    """Return the options that every command has, before its name and behind it."""
    common = {"is_flag": True, "expose_value": False, "is_eager": True}
    quiet = "Only results and errors."
    verbose = "Also what is read, from where, and how long it takes."
    return [
        click.Option(["-q", "--quiet"], help=quiet, callback=_be_quiet, **common),
        click.Option(["-v", "--verbose"], help=verbose, callback=_be_verbose, **common),
    ]


class Commands(click.Group):
    """A group whose commands speak and end alike, whatever happens."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.params += list_voice_options()

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Take in a command, with the options and exit codes that all have."""
        cmd.params += list_voice_options()
        cmd.epilog = cmd.epilog or describe_codes(USUAL)
        super().add_command(cmd, name)

    def main(self, *given: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Call a command; as a program, say what is wrong and exit."""
        if not standalone_mode:
            return self._call(*given, **options)
        with VOICE.begin(), hear_stops(instead_of=leave) as stops:
            cause = None
            try:
                code = self._call(*given, **options)
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
        close_ears()
        raise SystemExit(code) from cause

    def _call(self, *given: Any, **options: Any) -> Any:
        # Click's overloads name every argument, which are only passed on here.
        return super().main(  # type: ignore[call-overload]
            *given, standalone_mode=False, **options
        )

    def make_context(self, *given: Any, **options: Any) -> click.Context:
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
            missing = explain_missing(error)
            if isinstance(missing, MissingExtraError):
                fail(str(missing), EXIT_BAD_INPUT)
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


COMPLETION = """\b
Completion of commands, options, notebooks, profiles and runs, for this shell:
    eval "$(_RECOVERY_RESEARCH_COMPLETE=bash_source recovery-research)"
with zsh_source for zsh; for fish: _RECOVERY_RESEARCH_COMPLETE=fish_source
recovery-research | source
"""
MOST_RUNS = 100
Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _complete(list_names: Callable[[click.Context], Iterable[str]]) -> Completer:
    @wraps(list_names)
    def complete(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
        with suppress(Exception):
            return [name for name in list_names(context) if name.startswith(begun)]
        return []

    return complete


@_complete
def complete_notebook(context: click.Context) -> Iterable[str]:
    """Complete the name of a notebook, with or without its number."""
    from recovery_research.reports.notebooks import list_notebooks

    for path in list_notebooks(paths.notebooks_folder(_find_project(context))):
        yield path.stem
        number, hyphen, rest = path.stem.partition("-")
        if hyphen and number.isdigit():
            yield rest


@_complete
def complete_profile(context: click.Context) -> Iterable[str]:
    """Complete a profile of the notebook that was named before."""
    from recovery_research.reports.notebooks import find_notebook
    from recovery_research.reports.parameter_files import read_profiles

    folder = paths.notebooks_folder(_find_project(context))
    for word in _read_words():
        with suppress(ValueError):
            return read_profiles(find_notebook(word, folder))
    return []


@_complete
def complete_report(context: click.Context) -> Iterable[str]:
    """Complete the name of a report."""
    from recovery_research.reports.history import list_reports

    return list_reports(_find_reports(context))


@_complete
def complete_run(context: click.Context) -> Iterable[str]:
    """Complete the name of a report, for its last good run, or the id of a run."""
    from recovery_research.reports.history import list_reports
    from recovery_research.reports.staging import Shelf

    reports = _find_reports(context)
    names = list_reports(reports)
    shelves = [Shelf(reports, name) for name in names]
    folders = [f for each in shelves for f in (*each.list_runs(), *each.list_failed())]
    ids = sorted((folder.name for folder in folders), reverse=True)
    return [*names, *ids[:MOST_RUNS]]


@_complete
def complete_world(_: click.Context) -> Iterable[str]:
    """Complete the name of a world."""
    from recovery_research.model.worlds import WORLD_NAMES

    return WORLD_NAMES


def _read_words() -> list[str]:
    """Return the words typed; click forgets them behind an option without a value."""
    from click.shell_completion import split_arg_string

    return split_arg_string(os.environ.get("COMP_WORDS", ""))


def _find_project(context: click.Context) -> Path | str | None:
    named = dict(pairwise(_read_words())).get("--project")
    return context.find_root().params.get("project") or named


def _find_reports(context: click.Context) -> Path:
    words = _read_words()
    named = dict(pairwise(words)).get("--reports")
    reports = context.params.get("reports") or named
    return paths.reports_folder(reports, project=_find_project(context))
