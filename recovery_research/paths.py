"""Where the notebooks, the data and the reports are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from recovery_research._checks import did_you_mean

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "_installed"
PROJECT_FILE = "recovery-research.toml"


def source_root() -> Path:
    """Return the folder that holds ``data/`` and ``notebooks/`` of this package.

    In a checkout or an editable install that is the folder beside the package; a
    wheel carries both inside the package. The working directory plays no part.
    """
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent


def data_path(name: str, *, must_exist: bool = True) -> Path:
    """Return the path of one of the package's data files.

    Examples
    --------
    >>> data_path("coefficients.csv", must_exist=False).parent.name
    'data'
    """
    folder = source_root() / "data"
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or ".." in parts:
        raise ValueError(
            f"a data file is named inside {folder}, such as 'policies.csv'; "
            f"got {name!r}."
        )
    path = folder.joinpath(*parts)
    if must_exist and not path.is_file():
        raise FileNotFoundError(_missing(folder, name))
    return path


def project_root(start: str | Path | None = None) -> Path | None:
    """Return the project folder around `start`, or None.

    A project is a folder made by ``recovery-research init``; the file
    ``recovery-research.toml`` marks it. In a checkout outside any project the
    checkout itself is the project.
    """
    here = Path(start) if start is not None else Path.cwd()
    for folder in (here.resolve(), *here.resolve().parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return None if source_root() == INSTALLED else source_root()


def notebooks_folder(project: str | Path | None = None) -> Path:
    """Return the folder of the notebooks to run."""
    root = Path(project).resolve() if project is not None else project_root()
    return (source_root() if root is None else root) / "notebooks"


def reports_folder(
    reports: str | Path | None = None, *, project: str | Path | None = None
) -> Path:
    """Return the folder that reports are written to."""
    if reports is not None:
        return Path(reports).expanduser().resolve()
    root = Path(project).resolve() if project is not None else project_root()
    return (Path.cwd() if root is None else root) / "reports"


def _missing(folder: Path, name: str) -> str:
    there = sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()
    )
    return (
        f"no data file {name!r} in {folder}; it holds {there}."
        f"{did_you_mean(name, there)}"
    )
