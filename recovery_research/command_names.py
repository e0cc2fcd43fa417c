"""Names that a shell completes: notebooks, profiles, reports, runs, worlds.

Folders are listed and no record is read, so that Tab answers at once. What cannot be
found out is not completed; a shell is no place for an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from itertools import pairwise
from pathlib import Path

import click

from recovery_research import places

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
    from recovery_research.reporting.catalogue import list_notebooks

    for path in list_notebooks(places.notebooks_folder(_find_project(context))):
        yield path.stem
        number, hyphen, rest = path.stem.partition("-")
        if hyphen and number.isdigit():
            yield rest


@_complete
def complete_profile(context: click.Context) -> Iterable[str]:
    """Complete a profile of the notebook that was named before."""
    from recovery_research.reporting.catalogue import find_notebook
    from recovery_research.reporting.parameter_files import read_profiles

    folder = places.notebooks_folder(_find_project(context))
    for word in _read_words():
        with suppress(ValueError):
            return read_profiles(find_notebook(word, folder))
    return []


@_complete
def complete_report(context: click.Context) -> Iterable[str]:
    """Complete the name of a report."""
    from recovery_research.reporting.history import list_reports

    return list_reports(_find_reports(context))


@_complete
def complete_run(context: click.Context) -> Iterable[str]:
    """Complete the name of a report, for its last good run, or the id of a run."""
    from recovery_research.reporting.history import list_reports
    from recovery_research.reporting.shelf import Shelf

    reports = _find_reports(context)
    names = list_reports(reports)
    shelves = [Shelf(reports, name) for name in names]
    folders = [f for each in shelves for f in (*each.list_runs(), *each.list_failed())]
    ids = sorted((folder.name for folder in folders), reverse=True)
    return [*names, *ids[:MOST_RUNS]]


@_complete
def complete_world(_: click.Context) -> Iterable[str]:
    """Complete the name of a world."""
    from recovery_research.worlds import WORLD_NAMES

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
    return places.reports_folder(reports, project=_find_project(context))
