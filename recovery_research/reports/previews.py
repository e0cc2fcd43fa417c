"""What a request would do, said without doing it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reports.provenance import trace_request
from recovery_research.reports.run_finder import write_value
from recovery_research.reports.run_request import Limits, RunRequest
from recovery_research.reports.staging import Shelf
from recovery_research.reports.stored_runs import find_stored

if TYPE_CHECKING:
    from recovery_research.reports.runs import ReportRun

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ParameterPreview:
    """One parameter: its value, and who chose it.

    Attributes
    ----------
    name : str
        As the notebook declares it.
    value : bool, int, float, str or list
        What it would be.
    origin : str
        ``default``, or the profile, file or command line that says so.
    """

    name: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """Data that would be read.

    Attributes
    ----------
    name : str
        Label, or the parameter that names them.
    place : str
        File, address or reference, as it was given.
    sha256 : str
        Hash of the file; empty for what cannot be known beforehand.
    """

    name: str
    place: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be run, and where it would go.

    Attributes
    ----------
    report, title, profile : str
        Name it is filed under, first heading of the notebook, name of the profile.
    notebook : Path
        Its file.
    unchanged_since : str or None
        Run that would be given instead of a new one.
    why : str
        Why the newest run of the same request is not; empty if there is none.
    parameters : tuple of ParameterPreview
        All of them.
    sources : tuple of SourcePreview
        Data that it reads, mappings included.
    limits : Limits
        How long it may take.
    retries : int
        How often it would be attempted again.
    folder : Path
        Where the run would be put.
    """

    report: str
    title: str
    profile: str
    notebook: Path
    unchanged_since: str | None
    why: str
    parameters: tuple[ParameterPreview, ...]
    sources: tuple[SourcePreview, ...]
    limits: Limits
    retries: int
    folder: Path

    @property
    def verdict(self) -> str:
        """Whether it would run, and why again."""
        if self.unchanged_since is not None:
            return f"unchanged since {self.unchanged_since}"
        return ": ".join(filter(None, ["would run", self.why]))

    def say(self) -> str:
        """Return it as a few lines for a reader."""
        lines = [
            f"{self.report}: {self.verdict}",
            f"  {self.title}",
            f"  notebook {self.notebook}, profile {self.profile}",
            f"  into {self.folder}",
            *self._say_limits(),
            "parameters",
            *(f"  {p.name} = {write_value(p.value)}  ({p.origin})"
              for p in self.parameters),
        ]  # fmt: skip
        if self.sources:
            lines.append("sources")
        for source in self.sources:
            known = source.sha256[:12] or "what it holds is not known beforehand"
            lines.append(f"  {source.name} = {source.place}  ({known})")
        return "\n".join(lines)

    def _say_limits(self) -> list[str]:
        limits = self.limits
        said = []
        if limits.cell_seconds is not None:
            said.append(f"{limits.cell_seconds:g} s for a cell")
        if limits.run_seconds is not None:
            said.append(f"{limits.run_seconds:g} s for the run")
        if limits.memory_bytes is not None:
            said.append(f"{limits.memory_bytes / 1e6:,.0f} MB of memory")
        if self.retries:
            said.append(f"up to {self.retries} retries")
        return [f"  limits: {', '.join(said)}"] if said else []


def preview_request(
    request: RunRequest, reports: Path, *, force: bool = False
) -> Preview:
    """Say what a request would do; nothing is started or written."""
    shelf = Shelf(reports, request.report)
    _check_writable(shelf.folder)
    provenance = trace_request(request)
    stored: ReportRun | None = None
    told: list[str] = []
    if not force:
        stored = find_stored(request, shelf, provenance, tell=told.append, note=False)
    places = request.values() | request.sources
    return Preview(
        report=request.report,
        title=request.notebook.title,
        profile=request.profile,
        notebook=request.notebook.path,
        unchanged_since=stored.run_id if stored else None,
        why="; ".join(told),
        parameters=tuple(
            ParameterPreview(name, choice.value, choice.origin)
            for name, choice in request.choices.items()
        ),
        sources=tuple(
            SourcePreview(name, write_value(places.get(name, "")), digest)
            for name, digest in provenance.sources_sha256.items()
        ),
        limits=request.limits,
        retries=request.retries.times,
        folder=shelf.folder,
    )


def _check_writable(folder: Path) -> None:
    """Refuse a folder that could not be made or written, as a run would."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(there))
