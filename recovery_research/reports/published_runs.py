"""What hosts have published to a place: manifests, all runs, and their index.

Every host writes a manifest of its own there, ``manifest-HOST.json``, so that two of
them need no lock between them, and nobody takes away what another has put.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from recovery_research.reports.after_run import (
    CHECK_FILE,
    NOTICES_FILE,
    Notice,
    parse_notices,
    read_check,
)
from recovery_research.reports.destinations import Store
from recovery_research.reports.history import (
    RECORD_FILE,
    DamagedRun,
    PastRun,
    RunHistory,
    revive_run,
    summarise_record,
)
from recovery_research.reports.index import choose_shown, render_index
from recovery_research.reports.records import parse_record
from recovery_research.reports.report_folders import (
    FAILED,
    RESERVED_NAMES,
    find_lost,
    is_inner_path,
    is_plain_name,
    is_run_id,
)
from recovery_research.reports.run_details import MOST_BYTES, DetailReader

VERSION = 3
LONGEST_HOST = 60
# What was written before hosts were told apart: files of runs, and nobody's.
COMMON_FILE = "manifest.json"
_FILE = re.compile(r"manifest-([A-Za-z0-9][A-Za-z0-9._-]*)\.json")
# Of each run, named by its path, each file's size and SHA-256.
Files = dict[str, tuple[int, str]]


@dataclass(slots=True)
class Manifest:
    """What one host has put to a place.

    Attributes
    ----------
    runs : dict of str to dict
        Files of each run, by the run's path.
    told : dict of str to dict
        What an index tells of each run, if that is known.
    leaving : set of str
        Runs that are being taken away; no index leads to them.
    """

    runs: dict[str, Files] = field(default_factory=dict)
    told: dict[str, dict] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)

    def drop(self, place: str) -> None:
        """Forget a run."""
        self.runs.pop(place, None)
        self.told.pop(place, None)
        self.leaving.discard(place)

    def write(self) -> str:
        """Write it as JSON."""
        document = {
            "schema_version": VERSION,
            "runs": {place: self.runs[place] for place in sorted(self.runs)},
            "told": {place: self.told[place] for place in sorted(self.told)},
            "leaving": sorted(self.leaving),
        }
        return json.dumps(document, indent=0) + "\n"


def name_host(reports: Path, given: str | None = None) -> str:
    """Return the name under which a reports folder of this machine publishes."""
    if given is not None:
        if not _FILE.fullmatch(name_file(given)) or len(given) > LONGEST_HOST:
            raise ValueError(
                f"a host is named with letters, digits, dots, hyphens and underscores, "
                f"{LONGEST_HOST} at most, such as nightly-ci; got {given[:80]!r}."
            )
        return given
    node = platform.node()
    digest = hashlib.sha256(f"{node}\n{reports.resolve()}".encode()).hexdigest()[:8]
    words = re.sub(r"[^A-Za-z0-9]+", "-", node).strip("-")[:40] or "host"
    return f"{words}-{digest}"


def name_file(host: str) -> str:
    """Return the name of a host's manifest."""
    return f"manifest-{host}.json"


def list_manifests(names: Sequence[str] | Mapping[str, int]) -> dict[str, str]:
    """Return the files among some that are manifests, by host."""
    found = {name: _FILE.fullmatch(name) for name in names}
    return {match[1]: name for name, match in sorted(found.items()) if match}


def read_manifest(store: Store, name: str) -> Manifest:
    """Read what a host has put to a place; nothing of what cannot be told."""
    with suppress(FileNotFoundError):
        return parse_manifest(store.read(name))
    return Manifest()


def parse_manifest(content: bytes) -> Manifest:
    """Read a manifest; nothing of what leads elsewhere or cannot be understood."""
    made = Manifest()
    try:
        document = json.loads(content)
        if document["schema_version"] not in (2, VERSION):
            return made
        for place, files in document["runs"].items():
            if is_place(place):
                made.runs[place] = {
                    name: (int(size), str(sha))
                    for name, (size, sha) in files.items()
                    if is_inner_path(name)
                }
        told, leaving = document.get("told", {}), document.get("leaving", [])
        made.told = {
            place: said
            for place, said in told.items()
            if place in made.runs and isinstance(said, dict)
        }
        made.leaving = {place for place in leaving if place in made.runs}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Manifest()
    return made


def list_files(folder: Path) -> tuple[Files, list[str]]:
    """List a run's files with their content; the page last, the record before it."""
    found, left_out = {}, []
    for parent, folders, names in os.walk(folder):
        inside = Path(parent).relative_to(folder)
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in links
        )
        for name in (*names, *links):
            path, inner = Path(parent) / name, (inside / name).as_posix()
            # The note of the last check changes each day, and the index tells it.
            if name.startswith(".") or name == CHECK_FILE:
                continue
            if path.is_symlink() or not path.is_file() or not is_inner_path(inner):
                left_out.append(inner)
                continue
            with path.open("rb") as file:
                sha = hashlib.file_digest(file, "sha256").hexdigest()
                found[inner] = (file.tell(), sha)
    order = {"run.json": 1, "report.html": 2}
    return (
        dict(sorted(found.items(), key=lambda item: (order.get(item[0], 0), item))),
        sorted(left_out),
    )


def find_stale(
    place: str, files: Files, known: Mapping[str, Files], sizes: Mapping[str, int]
) -> list[str]:
    """Find the files of a run that are not at the destination as they are here."""
    before = known.get(place, {})
    return [
        name
        for name, now in files.items()
        if before.get(name) != now or sizes.get(f"{place}/{name}") != now[0]
    ]


def find_gone(
    reports: Path, known: Mapping[str, Files], only: Sequence[str] = ()
) -> list[str]:
    """Find the published runs that are no longer here, and whose turn to go it is.

    The newest good run of a report is not among them if there is none here: the last
    good report is never lost because a folder is empty or a disk is away.
    """
    newest: dict[str, str] = {}
    for place in sorted(known):
        report, *rest = place.split("/")
        if FAILED not in rest:
            newest[report] = place
    away = find_lost(reports)
    return [
        place
        for place in sorted(known)
        if not (reports / place).is_dir()
        and place not in newest.values()
        and place.partition("/")[0] not in away
        and (not only or place.partition("/")[0] in only)
    ]


def is_place(place: object) -> bool:
    """Return whether a text is the path of a finished run, and leads nowhere else.

    Examples
    --------
    >>> is_place("loyalty/failed/20260105-063000-1a2b3c"), is_place("../etc")
    (True, False)
    """
    parts = place.split("/") if isinstance(place, str) else []
    if len(parts) == 3 and parts[1] == FAILED:
        del parts[1]
    return (
        len(parts) == 2
        and all(map(is_plain_name, parts))
        and not parts[0].startswith(".")
        and parts[0] not in RESERVED_NAMES
        and is_run_id(parts[1])
    )


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
