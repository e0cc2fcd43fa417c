"""Finished reports copied to another place, where a reader never meets half of one.

Runs never change once they are finished, so they are copied first; only then the index
that leads to them is replaced, and last the manifest. Until then the index there leads
to what was there before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from recovery_research.near_names import did_you_mean
from recovery_research.reporting.ends import Verdict
from recovery_research.reporting.history import PastRun, RunHistory, read_history
from recovery_research.reporting.index import render_index
from recovery_research.reporting.locks import Lock
from recovery_research.reporting.manifests import (
    MANIFEST_FILE,
    Manifest,
    find_gone,
    find_stale,
    list_files,
    read_manifest,
    write_manifest,
)
from recovery_research.reporting.masks import holds_password
from recovery_research.reporting.stores import Store, open_store

_REDIRECT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
    '<meta http-equiv="refresh" content="0; url={address}">'
    '<a href="{address}">The last good report of {name}</a></html>\n'
)


class PublicationError(OSError):
    """Reports that could not be copied; what was there before is untouched."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What was copied.

    Attributes
    ----------
    destination : str
        Where to.
    n_runs, n_new_runs, n_new_files : int
        Runs that are there now, and what was copied this time.
    gone : tuple of str
        Runs that are there and no longer here; with `delete` they were removed.
    deleted : bool
        Whether they were.
    """

    destination: str
    n_runs: int
    n_new_runs: int
    n_new_files: int
    gone: tuple[str, ...] = ()
    deleted: bool = False

    def summarise(self) -> str:
        """Return it in one line.

        Returns
        -------
        str
        """
        gone = ""
        if self.gone:
            what = "deleted there" if self.deleted else "still there"
            gone = f"; {len(self.gone)} no longer here, {what}"
        return (
            f"{self.destination}: {self.n_runs} runs, {self.n_new_runs} of them new "
            f"({self.n_new_files} files){gone}"
        )


def publish_reports(
    reports: Path,
    destination: str,
    *,
    only: Sequence[str] = (),
    last: int | None = None,
    delete: bool = False,
) -> Publication:
    """Copy finished reports and the index of them to another place.

    Files are compared by content, with what the manifest there says was copied, and
    by size with what lies there.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    destination : str
        A folder, or an address that fsspec knows.
    only : sequence of str, optional
        Names of reports; by default all.
    last : int, optional
        Copy that many runs of each report, and its last good one; by default all.
    delete : bool, optional
        Whether runs that were published and are no longer here are removed there. The
        last good run of a report stays if there is none here.

    Returns
    -------
    Publication

    Raises
    ------
    ValueError
        If the destination cannot be used, or a report is not there.
    PublicationError
        If copying failed; the index there still leads to what was there before.
    """
    if holds_password(destination):
        raise ValueError(
            "the destination holds a password; leave it out and set the variables that "
            "the service's own tools read, such as AWS_ACCESS_KEY_ID."
        )
    store = open_store(destination)
    _check_place(store, reports)
    with Lock(reports / ".publish.lock").hold():
        history = _choose_runs(read_history(reports), only, last)
        try:
            return _copy(reports, history, store, destination, delete=delete)
        except Exception as error:  # a store raises what its service raises
            said = " ".join(str(error).split())[:300]
            raise PublicationError(
                f"{destination}: {type(error).__name__}: {said}. The index there still "
                "leads to what was there before."
            ) from error


def _copy(
    reports: Path, history: RunHistory, store: Store, destination: str, *, delete: bool
) -> Publication:
    known, sizes = read_manifest(store), store.list_sizes()
    store.clear_parts()
    there: Manifest = {}
    n_runs = n_files = 0
    for run in history.runs:
        place = run.folder.relative_to(reports).as_posix()
        there[place] = list_files(run.folder)
        stale = find_stale(place, there[place], known, sizes)
        n_runs, n_files = n_runs + bool(stale), n_files + len(stale)
        for file in stale:
            store.put(run.folder / file, f"{place}/{file}")
    manifest = known | there
    _put_texts(store, _write_pages(reports, history, manifest))
    gone = find_gone(reports, manifest)
    if delete and gone:
        # Nothing leads to them any more. What is cut off here is on the next list.
        for place in gone:
            store.remove(place, manifest.pop(place))
        _put_texts(store, [(MANIFEST_FILE, write_manifest(manifest))])
    return Publication(destination, len(there), n_runs, n_files, tuple(gone), delete)


def _put_texts(store: Store, texts: list[tuple[str, str]]) -> None:
    store.settle()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts:
            page = Path(folder) / Path(name).name
            page.write_text(text, encoding="utf-8")
            store.put(page, name)
    store.settle()


def _write_pages(
    reports: Path, history: RunHistory, manifest: Manifest
) -> list[tuple[str, str]]:
    """Return the pages that lead to the runs, and the manifest as the last."""
    good = {run.report: run for run in history.runs if run.succeeded}
    pages = []
    for name, run in sorted(good.items()):
        place = quote(f"../{run.folder.relative_to(reports).as_posix()}/report.html")
        text = _REDIRECT.format(name=escape(name), address=place)
        pages.append((f"latest/{name}.html", text))
    pages.append(("index.html", render_index(reports, history)))
    return [*pages, (MANIFEST_FILE, write_manifest(manifest))]


def _choose_runs(
    history: RunHistory, only: Sequence[str], last: int | None
) -> RunHistory:
    finished = [run for run in history.runs if ".staging" not in run.folder.parts]
    names = sorted({run.report for run in finished})
    for name in only:
        if name not in names:
            raise ValueError(
                f"no report {name!r}; there are {names}.{did_you_mean(name, names)}"
            )
    by_report: dict[str, list[PastRun]] = {}
    for run in finished:
        if not only or run.report in only:
            by_report.setdefault(run.report, []).append(run)
    chosen = [run for runs in by_report.values() for run in _keep_last(runs, last)]
    return RunHistory(tuple(sorted(chosen, key=lambda run: run.started)), ())


def _keep_last(runs: list[PastRun], last: int | None) -> list[PastRun]:
    if last is None:
        return runs
    good = [run for run in runs if run.verdict == Verdict.SUCCEEDED]
    kept = runs[-last:]
    return kept if not good or good[-1] in kept else [good[-1], *kept]


def _check_place(store: Store, reports: Path) -> None:
    local = store.local_folder()
    if local is not None and (local == reports or local.is_relative_to(reports)):
        raise ValueError(f"{local} is inside the reports themselves; name another one.")
