"""Watches what a kernel reads, in Python and through libraries that read past it.

Imported by kernels alone.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

from recovery_research.reports.input_hashes import (
    FILES,
    FOLDERS,
    IMPORT_FOLDERS,
    LISTINGS,
    MODULES,
    sign,
)
from recovery_research.reports.kernel_watch_callers import (
    AUTHOR,
    LIBRARY,
    OPAQUE,
    OWN,
    Caller,
    classify,
    find_caller,
    find_suspects,
    is_foreign,
    is_installed,
    is_own_code,
)
from recovery_research.reports.kernel_watch_libraries import wrap_all
from recovery_research.reports.kernel_watch_notes import (
    ADDED,
    MADE,
    MADE_FOLDER,
    MOVED,
    NOTES_VARIABLE,
    WATCHING,
    LuckGauge,
    Notes,
    find_place,
)

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
    "from recovery_research.reports.kernel_watch import listen; listen(at_once=True); "
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
        loader = spec.loader
        load = getattr(loader, "exec_module", None)
        if loader is None or load is None:
            return

        def exec_module(module: ModuleType) -> None:
            load(module)
            with self.notes.alone():
                task(module)

        # A loader's method is what is wrapped.
        loader.exec_module = exec_module  # type: ignore[method-assign]


def _wrap_readers(notes: Notes, names: list[str], module: ModuleType) -> None:
    for name in names:
        reader = getattr(module, name, None)
        if isinstance(reader, type):
            # The class itself is changed, whose subclasses are read with it.
            begin = reader.__init__  # type: ignore[misc]
            reader.__init__ = _watch_reader(notes, begin, at=1)  # type: ignore[misc]
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
        from recovery_research.reports.kernel_watch_callers import find_caller

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


def _add_ears(args: Any) -> Any:
    if os.environ.get(NOTES_VARIABLE) and isinstance(args, list | tuple):
        words = [os.fsdecode(word) for word in args]
        for place, word in enumerate(words[1:], start=1):
            fresh = word.startswith(_SPAWN) and not word.startswith(_TRACKER)
            if fresh and words[place - 1] == "-c":
                return [*args[:place], os.fsencode(_LISTEN + word), *args[place + 1 :]]
    return args


# What libraries ask of the system they run on, whatever the data.
_HARMLESS = frozenset({
    "fc-list", "ldconfig", "uname", "lscpu", "gcc", "cc", "ld", "objdump",
})  # fmt: skip
_REMOVING = {"rmtree", "_rmtree_safe_fd", "_rmtree_unsafe"}
_WRITING = os.O_WRONLY | os.O_RDWR


class Ears:
    """Writes down what Python tells of.

    Parameters
    ----------
    notes : Notes
        Where to.
    """

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.luck = LuckGauge(notes)
        self._scanned: set[object] = set()
        self._handlers: dict[str, Callable[[tuple], None]] = {
            "open": self.hear_open,
            "exec": self._execute,
            "import": self._import,
            "os.listdir": self._list,
            "os.scandir": self._list,
            "sqlite3.connect": self._open_sqlite,
            "ctypes.dlopen": lambda args: self._open_library(args[0]),
            "tempfile.mkdtemp": lambda args: notes.write(
                MADE_FOLDER, find_place(args[0]) or ""
            ),
            "tempfile.mkstemp": lambda args: self._make(args[0]),
            "os.rename": self._move,
            "os.link": self._link,
            "os.symlink": self._link,
            "socket.connect": self._connect,
            "socket.sendto": self._connect,
            "socket.getaddrinfo": lambda args: self._reach(args[0]),
            "socket.gethostbyname": lambda args: self._reach(args[0]),
            "socket.gethostname": self._ask_host,
            "subprocess.Popen": lambda args: self._run(args[0]),
            "os.system": lambda args: self._run(args[0]),
            "os.exec": lambda args: self._run(args[0]),
            "os.posix_spawn": lambda args: self._run(args[0]),
            "os.startfile": lambda args: self._run(args[0]),
        }

    def make_hook(self) -> Callable[[str, tuple], None]:
        """Return the hook for `sys.addaudithook`.

        It is called a hundred thousand times in a report, nearly always for nothing
        of interest, so it finds that out before anything else.
        """
        find, notes = self._handlers.get, self.notes

        def hear(event: str, args: tuple) -> None:
            handler = find(event)
            if handler is None or _is_of_libraries(event, args):
                return
            if notes.armed or event == "exec":
                with notes.alone() as first:
                    if first:
                        handler(args)

        return hear

    def arm(self) -> None:
        """Begin to take notes: what went before was the kernel's own start."""
        self.notes.armed = True
        self.luck.begin()
        self.look_around()
        # Read by C, where nobody sees it.
        self.notes.read_environment("TZ", os.environ.get("TZ"))
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is not None:
            shell.events.register("post_run_cell", lambda _: self.end_cell())

    def end_cell(self) -> None:
        """Look at what only shows afterwards."""
        with self.notes.alone():
            self.luck.look()
            self.look_around()

    def look_around(self) -> None:
        """Write down the folders that imports look into."""
        for folder in list(sys.path):
            place = find_place(folder) if isinstance(folder, str) else None
            if place and os.path.isdir(place) and not is_foreign(place + os.sep):
                self.notes.read(IMPORT_FOLDERS, place)

    def hear_open(self, args: tuple) -> None:
        """Hear that a file is opened, to be read, made, or added to."""
        path, _, flags = args
        place = None if isinstance(path, int) else find_place(path)
        if place is not None and is_own_code(place):
            if not flags & _WRITING:
                self.notes.write(MODULES, *_sign_source(place))
            return
        if place is None or self.notes.is_foreign(place):
            return
        if not flags & _WRITING:
            self._read(place)
        elif os.path.isdir(place):
            return  # a file without a name, in that folder
        elif flags & os.O_TRUNC or flags & os.O_EXCL:
            self._make(place)
        else:
            if flags & os.O_RDWR:
                self._read(place)
            self.notes.write(ADDED, place)

    def _read(self, place: str) -> None:
        if self.notes.knows(MADE, place) and not _is_special(place):
            return
        if place.endswith(".pyc"):
            place = _find_source(place)
            if is_foreign(place):
                return
        elif os.path.isdir(place):
            return  # opened to be listed, which is told of as well
        self.notes.read(MODULES if place.endswith((".py", ".pyc")) else FILES, place)

    def _make(self, path: object) -> None:
        self.notes.write(MADE, find_place(path) or "")

    def _move(self, args: tuple) -> None:
        before, after = find_place(args[0]), find_place(args[1])
        if before and after:
            if not self.notes.knows(MADE, before) and os.path.isfile(before):
                self._read(before)
            self.notes.write(MOVED, after, before)

    def _link(self, args: tuple) -> None:
        before = find_place(args[0])
        if before and os.path.isfile(before):
            self._read(before)

    def _list(self, args: tuple) -> None:
        caller = find_caller()
        if caller.kind == OPAQUE or caller.list_passed() & _REMOVING:
            return
        at_once = caller.through is caller.frame
        self.notes.read(LISTINGS if at_once else FOLDERS, args[0])

    def _open_sqlite(self, args: tuple) -> None:
        name = os.fsdecode(args[0])
        if name.startswith("file:"):
            from urllib.parse import unquote, urlsplit

            name = unquote(urlsplit(name).path)
        if name and not name.startswith(":"):
            self.notes.read(FILES, name)
            self.notes.read(FILES, f"{name}-wal")

    def _open_library(self, path: object) -> None:
        if isinstance(path, str | bytes) and os.path.dirname(os.fsdecode(path)):
            self.notes.read(FILES, path)

    def _import(self, args: tuple) -> None:
        name, file = args[0].partition(".")[0], args[1]
        if isinstance(file, str) and file:
            self.notes.read(MODULES, file)
        if name in UNWATCHED:
            caller = _find_importer()
            if caller.kind != OWN:
                said = f"uses {name}, which reads on its own"
                self.notes.doubt(said, caller)

    def _execute(self, args: tuple) -> None:
        code = args[0]
        file = getattr(code, "co_filename", "<")
        kind = classify(file)
        if kind != AUTHOR and find_caller().kind != AUTHOR:
            return
        if not self.notes.armed:
            self.arm()
        if code in self._scanned:
            return
        self._scanned.add(code)
        for what in find_suspects(code):
            self.notes.doubt(what, Caller(AUTHOR, file, None, None))

    def _connect(self, args: tuple) -> None:
        link, address = args
        caller = find_caller()
        if link.family == getattr(socket, "AF_UNIX", None) and caller.kind == OPAQUE:
            return  # processes of the run among themselves
        self._reach(address[0] if isinstance(address, tuple) else address)

    def _reach(self, host: object) -> None:
        self.notes.doubt(f"uses the network ({_write(host)})", find_caller())

    def _ask_host(self, _: tuple) -> None:
        caller = find_caller()
        if caller.kind == AUTHOR:
            self.notes.doubt("asks for the name of the machine", caller)

    def _run(self, program: object) -> None:
        caller = find_caller()
        name = os.path.basename(_write(program).split(" ")[0])
        if caller.kind in (LIBRARY, OPAQUE, OWN) and name in _HARMLESS:
            return
        self.notes.doubt(f"runs another program ({name})", caller)


def _is_of_libraries(event: str, args: tuple) -> bool:
    """Return at once whether installed code is loaded, as most of what is heard is."""
    if event == "exec":
        file = getattr(args[0], "co_filename", "<")
        return not file.startswith("<") and classify(file) != AUTHOR
    return event == "open" and is_installed(args[0])


def _find_source(place: str) -> str:
    """Return the source of what is compiled, itself if there is none."""
    try:
        source = importlib.util.source_from_cache(place)
    except ValueError:
        return place
    return source if os.path.exists(source) else place


def _sign_source(place: str) -> tuple[str, str]:
    source = _find_source(place) if place.endswith(".pyc") else place
    return source, sign(MODULES, source)


def _find_importer() -> Caller:
    """Find who imports, past the machinery of imports itself."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        kind = classify(file)
        if kind in (AUTHOR, LIBRARY, OWN):
            return Caller(kind, file, None, frame)
        frame = frame.f_back
    return Caller(LIBRARY, "", None, None)


def _write(thing: object) -> str:
    if isinstance(thing, list | tuple):
        return " ".join(map(_write, thing[:1]))
    return os.fsdecode(thing) if isinstance(thing, bytes | os.PathLike) else str(thing)


_listening: list[Ears] = []


def listen(*, at_once: bool = False) -> Ears | None:
    """Begin to listen if this is the process of a kernel whose runner wants to know."""
    path = os.environ.get(NOTES_VARIABLE)
    if not path or _listening:
        return None
    notes = Notes(path, os.path.dirname(path) + os.sep)
    ears = Ears(notes)
    _listening.append(ears)
    with notes.alone():
        wrap_all(notes, ears.hear_open)
        wait_for_loads(notes, ears.luck)
        sys.addaudithook(ears.make_hook())
        if at_once:
            ears.arm()
        notes.write(WATCHING, str(os.getpid()))
    return ears


def _is_special(place: str) -> bool:
    """Tell whether a place is a pipe or the like, which nobody makes by writing."""
    return os.path.exists(place) and not os.path.isfile(place)
