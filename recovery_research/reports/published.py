"""All runs that lie at a place, whoever put them there, and their index."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from recovery_research.reports.history import RECORD_FILE, DamagedRun, RunHistory
from recovery_research.reports.index import choose_shown, render_index
from recovery_research.reports.manifests import (
    Manifest,
    is_place,
    list_manifests,
    parse_manifest,
)
from recovery_research.reports.past_runs import PastRun, revive_run, summarise_record
from recovery_research.reports.records import (
    NOTICES_FILE,
    Notice,
    parse_notices,
    parse_record,
    read_check,
)
from recovery_research.reports.run_details import MOST_BYTES, DetailReader
from recovery_research.reports.stores import Store

PAGE_FILE = "report.html"
_told: TypeAdapter[PastRun] = TypeAdapter(PastRun)


def tell_run(run: PastRun) -> dict:
    """Return what an index tells of a run, to be kept in a manifest."""
    checked = read_check(run.folder)
    said = asdict(run) | {"checked": checked.isoformat() if checked else None}
    # Where it lies is the manifest's to say, and no other's business before that.
    for name in ("folder", "report", "run_id"):
        del said[name]
    return json.loads(json.dumps(said, default=str))


def collect_runs(
    reports: Path,
    store: Store,
    sizes: Mapping[str, int],
    manifests: Iterable[Manifest],
    here: Mapping[str, PastRun],
) -> tuple[RunHistory, dict[str, datetime]]:
    """Collect all runs that lie at a place, whoever has put them there.

    What lies there is the truth: a run of which no manifest tells, for that was lost
    or is of an older version, is asked for its own record.
    """
    told: dict[str, dict] = {}
    leaving: set[str] = set()
    claimed: set[str] = set()
    for manifest in manifests:
        staying = manifest.runs.keys() - manifest.leaving
        claimed |= staying
        leaving |= manifest.leaving
        told |= {p: said for p, said in manifest.told.items() if p in staying}
    there = set()
    for name in sizes:
        place, _, file = name.rpartition("/")
        whole = place in claimed or f"{place}/{PAGE_FILE}" in sizes
        if file == RECORD_FILE and whole and is_place(place):
            there.add(place)
    there -= leaving - claimed
    runs = {place: here[place] for place in there if place in here}
    checked = {}
    for place in sorted(there - runs.keys()):
        with suppress(ValueError, LookupError, TypeError, OverflowError):
            runs[place] = _believe(told[place], reports, place)
            if told[place].get("checked"):
                moment = datetime.fromisoformat(told[place]["checked"])
                checked[place] = moment.astimezone()
    damaged = []
    untold = sorted(there - runs.keys())
    small = [p for p in untold if sizes[f"{p}/{RECORD_FILE}"] <= MOST_BYTES]
    records = store.read_all(f"{place}/{RECORD_FILE}" for place in small)
    for place in untold:
        try:
            record = parse_record(records[f"{place}/{RECORD_FILE}"])
            runs[place] = revive_run(summarise_record(record), reports, place)
        except (ValueError, OverflowError) as error:
            damaged.append(DamagedRun(reports / place, str(error)))
        except KeyError:
            damaged.append(DamagedRun(reports / place, "its record cannot be read"))
    ordered = sorted(runs.values(), key=lambda r: (r.run_id[:15], r.started, r.run_id))
    return RunHistory(tuple(ordered), tuple(damaged)), checked


def _believe(said: dict, reports: Path, place: str) -> PastRun:
    """Make a run of what another host tells of it, if that can be one."""
    names = {"report": "", "run_id": "", "folder": str(reports / place)}
    try:
        run = _told.validate_json(json.dumps({**said, **names}))
    except ValidationError as error:
        raise ValueError(str(error)) from None
    fields = {**asdict(run), "started": run.started.isoformat()}
    if run.data_as_of is not None:
        fields["data_as_of"] = run.data_as_of.isoformat()
    for name in ("folder", "report", "run_id"):
        del fields[name]
    return replace(
        revive_run({**fields, "report": "", "run_id": ""}, reports, place),
        dismissed=run.dismissed,
    )


class PublishedReader(DetailReader):
    """Reads the details of runs at a place, from here where they lie here as well.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    store : Store
        The place.
    sizes : mapping of str to int
        Sizes of what lies there.
    is_here : callable
        Whether the run of that path lies here as it lies there.
    checked : mapping of str to datetime
        When runs of others were last seen to be unchanged.
    """

    def __init__(
        self,
        reports: Path,
        store: Store,
        sizes: Mapping[str, int],
        is_here: Callable[[str], bool],
        checked: Mapping[str, datetime],
    ) -> None:
        super().__init__(reports)
        self._store, self._sizes = store, sizes
        self._is_here, self._checked = is_here, checked
        self._fetched: dict[str, bytes] = {}

    def fetch_records(self, runs: Iterable[PastRun]) -> None:
        """Fetch the records of some runs together, which is quicker than one by one."""
        places = {self.find_place(run) for run in runs}
        names = [f"{p}/{RECORD_FILE}" for p in places if not self._is_here(p)]
        small = [name for name in names if self._sizes.get(name, 0) <= MOST_BYTES]
        self._fetched |= self._store.read_all(sorted(small))

    def read_head(self, run: PastRun, name: str, n_bytes: int) -> bytes:
        """Read the beginning of a file of a run; as `DetailReader` does."""
        place = self.find_place(run)
        if self._is_here(place):
            return super().read_head(run, name, n_bytes)
        address = f"{place}/{name}"
        if address not in self._sizes:
            raise FileNotFoundError(address)
        if address in self._fetched:
            return self._fetched[address][:n_bytes]
        return self._store.read_head(address, n_bytes)

    def has_file(self, run: PastRun, name: str) -> bool:
        """Return whether a run has a file there."""
        return f"{self.find_place(run)}/{name}" in self._sizes

    def read_check(self, run: PastRun) -> datetime | None:
        """Return when a run was last seen to be unchanged, or None."""
        place = self.find_place(run)
        if self._is_here(place):
            return super().read_check(run)
        return self._checked.get(place)

    def read_notices(self, run: PastRun) -> list[Notice]:
        """Return what was told of a run."""
        with suppress(OSError, ValueError):
            return parse_notices(self.read_head(run, NOTICES_FILE, MOST_BYTES))
        return []


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
    """Write a text to a place, whole or not at all."""
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
