"""Finished reports copied to another place, where a reader never meets half of one.

Runs never change once they are finished, so they are copied first, then noted in this
host's manifest, and only then the index that leads to them is replaced. It is made of
what lies there, whoever has put it there, so that publishing adds and never takes away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from recovery_research._checks import did_you_mean
from recovery_research.reports.destinations import Store, open_store
from recovery_research.reports.history import PastRun, RunHistory, read_history
from recovery_research.reports.locks import Lock
from recovery_research.reports.masking import holds_password
from recovery_research.reports.published_runs import (
    COMMON_FILE,
    find_gone,
    find_stale,
    is_place,
    list_files,
    list_manifests,
    name_file,
    name_host,
    put_index,
    put_text,
    read_manifest,
    tell_run,
)
from recovery_research.reports.report_folders import STAGING
from recovery_research.reports.staging import Shelf

# After a run the manifest is written if it costs no more than that, or next to nothing.
SMALL_BYTES = 65_536


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
        Runs that are there now, whoever has put them there, and what was copied this
        time.
    gone : tuple of str
        Runs that this host has put there and no longer has; with `delete` they were
        removed.
    deleted : bool
        Whether they were.
    left_out : tuple of str
        Files that were not copied: links, devices, names that mean something else on
        other systems, and what another host has put there with another content.
    """

    destination: str
    n_runs: int
    n_new_runs: int
    n_new_files: int
    gone: tuple[str, ...] = ()
    deleted: bool = False
    left_out: tuple[str, ...] = ()

    def summarise(self) -> str:
        """Return it in one line."""
        gone = left = ""
        if self.gone:
            what = "deleted there" if self.deleted else "still there"
            gone = f"; {len(self.gone)} no longer here, {what}"
        if self.left_out:
            left = f"; {len(self.left_out)} files left out, {self.left_out[0]!r} first"
        return (
            f"{self.destination}: {self.n_runs} runs, {self.n_new_runs} of them new "
            f"({self.n_new_files} files){gone}{left}"
        )


def publish_reports(
    reports: Path,
    destination: str,
    *,
    only: Sequence[str] = (),
    last: int | None = None,
    delete: bool = False,
    host: str | None = None,
) -> Publication:
    """Copy finished reports to another place, and add them to the index there.

    Files are compared by content, with what this host's manifest there says was
    copied, and by size with what lies there. A copy that was interrupted is taken up
    where it broke off.
    """
    if holds_password(destination):
        raise ValueError(
            "the destination holds a password; leave it out and set the variables that "
            "the service's own tools read, such as AWS_ACCESS_KEY_ID."
        )
    host = name_host(reports, host)
    store = open_store(destination, host)
    _check_place(store, reports)
    with _take_turns(reports):
        past = read_history(reports)
        chosen = _choose_runs(reports, past, only, last)
        try:
            copy = _Copy(reports, store, host, past)
            copy.put_runs(chosen)
            gone = copy.find_gone(only)
            if delete:
                copy.leave(gone)
            n_runs = put_index(reports, store, copy.file, copy.own, copy.here)
            if delete:
                copy.remove(gone)
        except Exception as error:  # a store raises what its service raises
            said = " ".join(str(error).split())[:300]
            raise PublicationError(
                f"{destination}: {type(error).__name__}: {said}. The index there still "
                "leads to what was there before."
            ) from error
    return Publication(
        destination=destination,
        n_runs=n_runs,
        n_new_runs=copy.n_runs,
        n_new_files=copy.n_files,
        gone=tuple(gone),
        deleted=delete,
        left_out=tuple(copy.left_out),
    )


@contextmanager
def _take_turns(reports: Path) -> Iterator[None]:
    """Hold the lock of this host's manifest.

    Where the reports can only be read there is none: of two copies at once one manifest
    stays, and the next copy notes again what it lacks.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(Lock(reports / ".publish.lock").hold())
        yield


class _Copy:
    """The state of one publication."""

    def __init__(
        self, reports: Path, store: Store, host: str, past: RunHistory
    ) -> None:
        self.reports, self.store = reports, store
        self.past, self.file = past, name_file(host)
        store.clear_parts()
        self.sizes = store.list_sizes()
        self.own = read_manifest(store, self.file)
        self.others = {
            name: read_manifest(store, name)
            for name in list_manifests(self.sizes).values()
            if name != self.file
        }
        self.common = read_manifest(store, COMMON_FILE)
        self.written = self.own.write()
        self.here: dict[str, PastRun] = {}
        self.left_out: list[str] = []
        self.n_runs = self.n_files = self.n_bytes = 0

    def put_runs(self, runs: Sequence[PastRun]) -> None:
        """Copy what is not there yet, and note it."""
        for run in runs:
            place = run.folder.relative_to(self.reports).as_posix()
            if is_place(place):
                self._put_run(run, place)
            else:
                self.left_out.append(place)
            if self.n_bytes and self.n_bytes + SMALL_BYTES > len(self.written):
                self.note()
        self.note()

    def _put_run(self, run: PastRun, place: str) -> None:
        files, left_out = list_files(run.folder)
        foreign = {
            name: facts
            for manifest in self.others.values()
            for name, facts in manifest.runs.get(place, {}).items()
        }
        # What another host has put there is not ours to replace.
        apart = [n for n, now in files.items() if foreign.get(n, now) != now]
        self.left_out += [f"{place}/{name}" for name in (*left_out, *apart)]
        files = {name: now for name, now in files.items() if name not in apart}
        known = self.common.runs.get(place, {}) | foreign
        known |= self.own.runs.get(place, {})
        stale = find_stale(place, files, {place: known}, self.sizes)
        for name in stale:
            self.store.put(run.folder / name, f"{place}/{name}")
            self.sizes[f"{place}/{name}"] = files[name][0]
            self.n_bytes += files[name][0]
        self.n_runs += bool(stale)
        self.n_files += len(stale)
        if "run.json" not in files:  # another's, whose word it has
            return
        self.own.runs[place] = self.own.runs.get(place, {}) | files
        self.own.told[place] = tell_run(run)
        self.own.leaving.discard(place)
        if not apart:
            self.here[place] = run

    def note(self) -> None:
        """Write this host's manifest, if it says anything new."""
        text = self.own.write()
        if text != self.written:
            put_text(self.store, self.file, text)
            self.written, self.n_bytes = text, 0

    def find_gone(self, only: Sequence[str]) -> list[str]:
        """Find what this host has put there and no longer has."""
        if not self.past.runs:
            # Far likelier a wrong folder, or a disk that is away.
            return []
        return find_gone(self.reports, self.own.runs, only)

    def leave(self, places: Sequence[str]) -> None:
        """Note that no index is to lead to some runs, for they will be removed."""
        self.own.leaving |= set(places)
        self.note()

    def remove(self, places: Sequence[str]) -> None:
        """Remove runs that are left; what is cut off here is on the next list."""
        for place in places:
            shared = any(place in manifest.runs for manifest in self.others.values())
            if not shared:
                # The page first: without it what remains is no run.
                names = sorted(self.own.runs[place], key=lambda n: n != "report.html")
                self.store.remove(place, names)
            self.own.drop(place)
        self.note()


def _choose_runs(
    reports: Path, history: RunHistory, only: Sequence[str], last: int | None
) -> list[PastRun]:
    finished = [run for run in history.runs if STAGING not in run.folder.parts]
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
    if last is not None:
        for name, runs in by_report.items():
            latest = Shelf(reports, name).latest()
            kept = runs[-last:]
            good = [run for run in runs if run.folder == latest and run not in kept]
            by_report[name] = [*good, *kept]
    chosen = [run for runs in by_report.values() for run in runs]
    return sorted(chosen, key=lambda run: run.started)


def _check_place(store: Store, reports: Path) -> None:
    local = store.local_folder()
    if local is not None and (local == reports or local.is_relative_to(reports)):
        raise ValueError(f"{local} is inside the reports themselves; name another one.")
