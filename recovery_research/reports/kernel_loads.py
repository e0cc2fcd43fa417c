"""Watches libraries that read past Python, as soon as they are loaded.

Imported by kernels alone.
"""

from __future__ import annotations

import functools
import importlib.abc
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from recovery_research.reports.kernel_notes import NOTES_VARIABLE, Notes

if TYPE_CHECKING:
    from recovery_research.reports.kernel_random import LuckGauge

# Functions and classes that open files by C of their own, at whose arguments one can
# look.
_READERS = {
    "pyarrow": "memory_map input_stream",
    "pyarrow.parquet.core": "read_table read_pandas read_schema read_metadata "
    "ParquetFile ParquetDataset",
    "pyarrow.csv": "read_csv open_csv",
    "pyarrow.json": "read_json open_json",
    "pyarrow.feather": "read_table read_feather",
    "pyarrow.orc": "read_table ORCFile",
    "pyarrow.dataset": "dataset parquet_dataset",
    "pyarrow.ipc": "open_file open_stream",
    "pyreadstat.pyreadstat": "read_sav read_dta read_por read_sas7bdat read_xport "
    "read_sas7bcat",
    "python_calamine": "load_workbook",
}
_PLACES = frozenset({
    "source", "where", "path", "paths", "path_or_paths", "filename_path",
})  # fmt: skip
# Libraries that read files or servers by C of their own, at which one cannot look.
UNWATCHED = frozenset({
    "adbc_driver_manager", "cv2", "cx_Oracle", "datatable", "deltalake", "duckdb",
    "duckdb_engine", "fiona", "h5py", "ibis", "lance", "lancedb", "MySQLdb", "netCDF4",
    "oracledb", "osgeo", "polars", "psycopg", "psycopg2", "pycurl", "pyodbc", "pyogrio",
    "rasterio", "tables", "vaex",
})  # fmt: skip
_SPAWN = "from multiprocessing."
_TRACKER = "from multiprocessing.resource_tracker"
_LISTEN = (
    "from recovery_research.reports.kernel_hooks import listen; listen(at_once=True); "
)


def wait_for_loads(notes: Notes, luck: LuckGauge) -> None:
    """Watch what is loaded already, and the rest when it is."""
    luck.wrap_python()
    _hand_on_to_children()
    tasks: dict[str, Callable[[ModuleType], object]] = {
        name: functools.partial(_wrap_readers, notes, names.split())
        for name, names in _READERS.items()
    }
    tasks["numpy.random"] = luck.wrap_numpy
    tasks["multiprocessing.util"] = luck.follow_children
    for name in list(tasks):
        if name in sys.modules:
            tasks.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _Waiter(notes, tasks))


class _Waiter(importlib.abc.MetaPathFinder):
    """Finds nothing itself, but has a task done when a module has been loaded."""

    def __init__(self, notes: Notes, tasks: dict[str, Callable]) -> None:
        self.notes, self.tasks = notes, tasks

    def find_spec(self, name, path=None, target=None) -> ModuleSpec | None:
        """Find a module by the other finders, and wrap its loader."""
        task = self.tasks.pop(name, None)
        if task is None:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not self else None
            if spec is not None:
                self._wrap(spec, task)
                return spec
        return None

    def _wrap(self, spec: ModuleSpec, task: Callable[[ModuleType], object]) -> None:
        load = getattr(spec.loader, "exec_module", None)
        if load is None:
            return

        def exec_module(module: ModuleType) -> None:
            load(module)
            with self.notes.alone():
                task(module)

        spec.loader.exec_module = exec_module


def _wrap_readers(notes: Notes, names: list[str], module: ModuleType) -> None:
    for name in names:
        reader = getattr(module, name, None)
        if isinstance(reader, type):
            reader.__init__ = _watch_reader(notes, reader.__init__, at=1)
        elif reader is not None:
            setattr(module, name, _watch_reader(notes, reader))


def _watch_reader(notes: Notes, reader: Callable, at: int = 0) -> Callable:
    @functools.wraps(reader)
    def watched(*given, **named):
        with notes.alone() as first:
            if first:
                asked = [value for name, value in named.items() if name in _PLACES]
                for value in (*given[at : at + 1], *asked):
                    _note_paths(notes, value)
        return reader(*given, **named)

    return watched


def _note_paths(notes: Notes, value: object) -> None:
    if isinstance(value, list | tuple):
        for each in value:
            _note_paths(notes, each)
    elif isinstance(value, str) and "://" in value:
        from recovery_research.reports.kernel_callers import find_caller

        notes.doubt(f"uses the network ({value.partition('://')[0]}://)", find_caller())
    elif isinstance(value, str | bytes | os.PathLike):
        notes.read_tree(value)


def _hand_on_to_children() -> None:
    """Have processes that multiprocessing starts afresh listen, too."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    start = _posixsubprocess.fork_exec

    def watched(args, *rest):
        """Start a process."""
        return start(_add_ears(args), *rest)

    _posixsubprocess.fork_exec = watched


def _add_ears(args: object) -> object:
    if os.environ.get(NOTES_VARIABLE) and isinstance(args, list | tuple):
        words = [os.fsdecode(word) for word in args]
        for place, word in enumerate(words[1:], start=1):
            fresh = word.startswith(_SPAWN) and not word.startswith(_TRACKER)
            if fresh and words[place - 1] == "-c":
                return [*args[:place], os.fsencode(_LISTEN + word), *args[place + 1 :]]
    return args
