"""A notebook executed by papermill, and what was seen while it ran."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers
from papermill.translators import PythonTranslator, papermill_translators

from recovery_research.reports.executed_cells import Execution, number_cell
from recovery_research.reports.kernel_watch_notes import NOTES_FILE
from recovery_research.reports.kernels import (
    LastWords,
    create_manager,
    end_kernel,
    find_kernel,
    interrupt_kernel,
    kernel_environment,
    kill_kernel,
    list_transports,
)
from recovery_research.reports.output_limits import OutputGuard, join_streams
from recovery_research.reports.processes import MemoryGauge, private_folder
from recovery_research.reports.run_inputs import NoteReader
from recovery_research.reports.run_logs import OUTPUT_MARK, STEP_MARK
from recovery_research.reports.run_request import Limits
from recovery_research.reports.stopping import OVER_OUTPUT, Deadline, Watch

ENGINE = "recovery_research"
STARTUP_SECONDS = 60


class ReportClient(PapermillNotebookClient):
    """Papermill's client with a kernel of our own, under a watch."""

    def __init__(self, nb_man, *, session: _Session, **options) -> None:
        super().__init__(nb_man, **options)
        self.session = session
        session.client = self
        session.seen.notebook = self.nb
        self.on_cell_executed = self._hear_reply

    @contextmanager
    def setup_kernel(self, **options) -> Iterator[None]:
        """Start the kernel over the first transport that works; end it after."""
        self._start_over_some_transport(options)
        manager = self.km
        try:
            yield
        finally:
            self.session.gauge.close()
            self._cleanup_kernel()
            end_kernel(manager, self.session.folder)

    def _start_over_some_transport(self, options: dict) -> None:
        transports = list_transports(self.session.folder)
        for transport in transports:
            self.km = create_manager(
                self.session.folder, transport, self.session.kernel
            )
            try:
                self.start_new_kernel(**options)
                self.start_new_kernel_client()
            except OSError as error:
                # Its interpreter is not there, or may not be executed.
                raise KernelStartError(_describe_start(self.km, error)) from error
            except RuntimeError:
                kill_kernel(self.km)
                if self.session.watch.reason or transport is transports[-1]:
                    raise
            else:
                return

    def papermill_execute_cells(self) -> None:
        """Execute the cells in turn, and remember which of them ended."""
        seen, watch = self.session.seen, self.session.watch
        for index, cell in enumerate(self.nb.cells):
            seen.running = index
            self.session.report_progress(self.nb.cells, index)
            watch.begin_cell()
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                seen.cell_error = error
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                break
            finally:
                watch.end_cell()
                self.session.guard.end_cell()
                self.session.notes.end_cell(number_cell(self.nb.cells, index))
                if cell.cell_type == "code":
                    cell.outputs = join_streams(cell.outputs)
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
            if seen.left or watch.reason is not None:
                break
            seen.finished.append(index)
            seen.running = None

    def _hear_reply(self, *, execute_reply: dict | None, **_) -> None:
        """Hear whether the cell has asked to leave, of which it shows nothing."""
        content = execute_reply["content"] if execute_reply else {}
        asked = [part.get("source") for part in content.get("payload") or []]
        self.session.seen.left |= "ask_exit" in asked

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int):
        """Take one message of the kernel, if the guard lets it pass."""
        if not self.session.guard.admit(msg, cell_index):
            return None
        return super().process_message(msg, cell, cell_index)


class KernelStartError(RuntimeError):
    """A kernel whose program could not be started at all."""


def _describe_start(manager: AsyncKernelManager, error: OSError) -> str:
    spec = manager.kernel_spec
    assert spec is not None, "it was to be started by it"
    program = spec.argv[0]
    return f"its program {program} could not be started: {error.strerror or error}"


class ReportEngine(Engine):
    """The engine under which papermill runs our reports."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man, kernel_name, *, session: _Session, **_
    ) -> None:
        """Execute the notebook with `ReportClient`."""
        client = ReportClient(
            nb_man,
            session=session,
            kernel_name=kernel_name,
            startup_timeout=STARTUP_SECONDS,
            iopub_timeout=STARTUP_SECONDS,
            coalesce_streams=False,
            log=session.papermill_log(),
        )
        # The last words of a crash, and shutdown noise.
        with session.words.hear() as words:
            client.execute(
                cwd=str(session.cwd),
                env=kernel_environment(session.folder, session.kernel),
                stdout=words,
                stderr=words,
            )


papermill_engines.register(ENGINE, ReportEngine)


class TupleTranslator(PythonTranslator):
    """Writes parameters as papermill does, and tuples, which it makes texts of."""

    @classmethod
    def translate(cls, value: object) -> str:
        """Write a value as Python."""
        if not isinstance(value, tuple):
            return super().translate(value)
        return f"({''.join(f'{cls.translate(each)}, ' for each in value)})"


papermill_translators.register("python", TupleTranslator)


@dataclass
class _Session:
    """What engine and client need and papermill does not know."""

    folder: Path
    cwd: Path
    seen: Execution
    log: logging.Logger
    progress: Callable[[int, int], None] | None = None
    kernel: str = ""
    client: ReportClient | None = None
    words: LastWords = field(default_factory=LastWords)
    watch: Watch = field(init=False)
    notes: NoteReader = field(init=False)
    gauge: MemoryGauge = field(init=False)
    guard: OutputGuard = field(init=False)

    def __post_init__(self) -> None:
        self.notes = NoteReader(self.folder / NOTES_FILE)
        self.gauge = MemoryGauge(lambda: find_kernel(self.manager()))
        self.guard = OutputGuard(self._hear, self._refuse)

    def _hear(self, line: str) -> None:
        self.log.info("| %s", line, extra={OUTPUT_MARK: True})

    def _refuse(self, why: str) -> None:
        self.watch.stop(OVER_OUTPUT, why, at_once=True)

    def report_progress(self, cells: list[NotebookNode], index: int) -> None:
        number = number_cell(cells, index)
        n_cells = number_cell(cells, len(cells))
        said = "cell %d of %d"
        self.log.info(said, number, n_cells, extra={STEP_MARK: True})
        if self.progress is not None:
            self.progress(number - 1, n_cells)

    def papermill_log(self) -> logging.Logger:
        """Return a log for papermill, whose steps are told in other words already."""
        log = self.log.getChild("papermill")
        log.setLevel(logging.WARNING)
        return log

    def manager(self) -> AsyncKernelManager | None:
        return None if self.client is None else self.client.km


def execute_notebook(
    source: Path,
    output: Path,
    parameters: dict[str, object],
    *,
    cwd: Path,
    limits: Limits,
    deadline: Deadline,
    log: logging.Logger,
    progress: Callable[[int, int], None] | None = None,
    kernel: str = "",
) -> Execution:
    """Execute a notebook with papermill and say what was seen.

    Nothing that happens inside the notebook raises here: it is in the result.
    """
    seen = Execution()
    started = time.monotonic()
    with private_folder() as folder, _quiet_papermill():
        session = _Session(folder, cwd, seen, log, progress, kernel)
        seen.watch = session.watch = Watch(
            interrupt=lambda: interrupt_kernel(session.manager()),
            kill=lambda: kill_kernel(session.manager()),
            cell_seconds=limits.cell_seconds,
            deadline=deadline,
            gauge=session.gauge,
            memory_bytes=limits.memory_bytes,
        )
        with seen.watch.keep():
            seen.error = _run_papermill(source, output, parameters, session)
        seen.notes = session.notes.read()
    if seen.notebook is not None:
        # Papermill's own banners shift the cells that were counted.
        remove_error_markers(seen.notebook)
    seen.peak_memory = session.gauge.peak
    seen.cut_cells = session.guard.cut_cells
    seen.left_out = session.guard.left_out
    seen.seconds = time.monotonic() - started
    return seen


def _run_papermill(
    source: Path, output: Path, parameters: dict[str, object], session: _Session
) -> Exception | None:
    try:
        papermill.execute_notebook(
            _escape_braces(source),
            _escape_braces(output),
            parameters=parameters,
            engine_name=ENGINE,
            kernel_name=session.kernel or "python3",
            language="python",
            progress_bar=False,
            session=session,
        )
    except PapermillExecutionError as error:
        return error
    except (DeadKernelError, RuntimeError) as error:
        session.log.info("papermill stopped: %s", type(error).__name__)
        _log_last_words(session)
        return error
    except TimeoutError as error:
        session.log.exception("the kernel stopped answering")
        return error
    return None


def _log_last_words(session: _Session) -> None:
    text = session.words.text()
    if text and not session.watch.reason:
        session.log.info("the kernel's process said:\n%s", text)


def _escape_braces(path: Path) -> str:
    # Papermill takes its paths for format strings.
    return str(path).replace("{", "{{").replace("}", "}}")


@contextmanager
def _quiet_papermill() -> Iterator[None]:
    """Keep papermill's remarks from standard error if nobody listens to them.

    It calls a declared list over several lines an unknown parameter; names have
    been checked before, and better.
    """
    logger, handler = logging.getLogger("papermill"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
