"""A project folder of one's own, with copies of the notebooks."""

from __future__ import annotations

import shutil
from pathlib import Path

from recovery_research import __version__
from recovery_research.places import PROJECT_FILE, source_root
from recovery_research.whole_files import make_folder, sync_tree, write_whole

_MARK = """\
# This folder is a project of recovery_research. `recovery-research run NAME`, given
# anywhere inside it, runs the notebooks in notebooks/ and leaves reports in reports/.
made_by = "recovery-research {version}"
"""
# Files to begin with: a plan that runs as it is, and what it reads.
_BEGINNINGS = {
    "examples/plan.toml": "plan.toml",
    "mappings/example.toml": "mapping.toml",
    "examples/example.csv": "customers.csv",
}


def make_project(folder: Path) -> Path:
    """Lay the notebooks, an empty ``reports/`` and a plan into a new folder.

    Parameters
    ----------
    folder : Path
        Folder that is not there yet, or is empty.

    Returns
    -------
    Path
        The folder, absolute.

    Raises
    ------
    ValueError
        If the folder holds anything already.
    OSError
        If it cannot be written.
    """
    folder = folder.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name a new folder.")
    source = source_root() / "notebooks"
    if not source.is_dir():
        raise ValueError(f"this installation has no notebooks in {source}.")
    make_folder(folder)
    shutil.copytree(
        source,
        folder / "notebooks",
        ignore=shutil.ignore_patterns(".*", "__pycache__"),
    )
    (folder / "reports").mkdir()
    data = source_root() / "data"
    for file, name in _BEGINNINGS.items():
        if (data / file).is_file():
            shutil.copyfile(data / file, folder / name)
    text = _MARK.format(version=__version__)
    sync_tree(folder)
    # Last, for it is what makes the folder a project.
    write_whole(folder / PROJECT_FILE, text)
    return folder
