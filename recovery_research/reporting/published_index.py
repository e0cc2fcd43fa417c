"""The index of a place, made of all that lies there, whoever has put it there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

from recovery_research.reporting.history import RunHistory
from recovery_research.reporting.index import choose_shown, render_index
from recovery_research.reporting.manifests import (
    Manifest,
    list_manifests,
    parse_manifest,
)
from recovery_research.reporting.past_runs import PastRun
from recovery_research.reporting.published_runs import PublishedReader, collect_runs
from recovery_research.reporting.stores import Store

MOST_ROUNDS = 10
_REDIRECT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
    '<meta http-equiv="refresh" content="0; url={address}">'
    '<a href="{address}">The last good report of {name}</a></html>\n'
)


def put_index(
    reports: Path,
    store: Store,
    file: str,
    own: Manifest,
    here: Mapping[str, PastRun],
) -> int:
    """Write the index of all that lies at a place, and again if another host wrote.

    Whoever writes last has then seen everybody's manifest, so no lock is needed.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    store : Store
        The place.
    file : str
        Name of this host's manifest there, which has been written.
    own : Manifest
        What it holds.
    here : mapping of str to PastRun
        Runs that lie here as they lie there, by path.

    Returns
    -------
    int
        Runs that the index lists.
    """
    seen, history = None, RunHistory(())
    for _ in range(MOST_ROUNDS):
        sizes = store.list_sizes()
        texts = store.read_all(list_manifests(sizes).values())
        if texts == seen:
            break
        seen = texts
        others = [parse_manifest(text) for name, text in texts.items() if name != file]
        history = _write_pages(reports, store, sizes, [*others, own], here)
    return len(history.runs)


def put_text(store: Store, name: str, text: str) -> None:
    """Write a text to a place, whole or not at all.

    Parameters
    ----------
    store : Store
        The place.
    name : str
        Name in it.
    text : str
        The text.
    """
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / Path(name).name
        page.write_bytes(text.encode("utf-8", "replace"))
        # What it tells of lasts before it does, and it before what comes next.
        store.settle()
        store.put(page, name)
        store.settle()


def _write_pages(
    reports: Path,
    store: Store,
    sizes: Mapping[str, int],
    manifests: list[Manifest],
    here: Mapping[str, PastRun],
) -> RunHistory:
    history, checked = collect_runs(reports, store, sizes, manifests, here)
    reader = PublishedReader(reports, store, sizes, here.__contains__, checked)
    reader.fetch_records(choose_shown(history.runs))
    good = {run.report: run for run in history.runs if run.succeeded}
    for name, run in sorted(good.items()):
        address = quote(f"../{reader.find_place(run)}/report.html")
        page = _REDIRECT.format(name=escape(name), address=address)
        put_text(store, f"latest/{name}.html", page)
    put_text(store, "index.html", render_index(reports, history, details=reader))
    return history
