"""Processes that run a plan's reports, one report at a time each."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from recovery_research.reports.masking import mask_text
from recovery_research.reports.processes import package_environment
from recovery_research.reports.records import Provenance
from recovery_research.reports.run_logs import OUTPUT_MARK, STEP_MARK
from recovery_research.reports.run_request import RunRequest
from recovery_research.reports.stopping import hear_stops
from recovery_research.texts import CalmStream

MODULE = "recovery_research.reports.plan_workers"


STOPPING_SECONDS = 30.0


# Until it hears stops itself, a process that starts is not to die of one: the leader
# passes each on until it is heard.
_DEAF = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


class Worker:
    """A process that runs reports, as the process that leads it sees it.

    Parameters
    ----------
    inbox : Queue
        Where its messages go, each with the worker itself before it.
    """

    def __init__(self, inbox: queue.Queue) -> None:
        self.process = subprocess.Popen(
            # -P: what lies in the working directory, json.py perhaps, is not imported.
            [
                *_DEAF,
                sys.executable,
                "-P",
                "-m",
                MODULE,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=package_environment(),
            # Ctrl-C on the terminal reaches the leader only, which passes it on.
            start_new_session=True,
        )
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None, "it is a pipe"
        assert answers is not None, "it is a pipe"
        self._orders, self._answers = requests, answers
        threading.Thread(target=self._listen, args=[inbox], daemon=True).start()

    def send(
        self, request: RunRequest, reports: Path, provenance: Provenance, *, aloud: bool
    ) -> None:
        """Have the process run what is asked."""
        with suppress(OSError):  # it has died, which is heard from the other side
            pickle.dump((request, reports, provenance, aloud), self._orders)
            self._orders.flush()

    def signal(self, number: int) -> None:
        """Send the process a signal, if it lives."""
        with suppress(OSError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Let the process end, and end it if it does not."""
        with suppress(OSError):
            self._orders.close()
        try:
            self.process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._answers.close()

    def _listen(self, inbox: queue.Queue) -> None:
        try:
            while True:
                inbox.put((self, *pickle.load(self._answers)))
        except Exception:
            # Cut off in the middle, a message can fail to be read in any way.
            inbox.put((self, "gone", None))


class _Mouth(logging.Handler):
    """Tells the leader what a run logs."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        self.out, self.aloud, self.lock_out = out, False, threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        marks = (OUTPUT_MARK, STEP_MARK)
        if self.aloud or not any(getattr(record, mark, False) for mark in marks):
            self.tell("log", (record.levelno, record.getMessage()))

    def tell(self, kind: str, content: object) -> None:
        with self.lock_out, suppress(OSError):
            pickle.dump((kind, content), self.out)
            self.out.flush()


def serve() -> None:
    """Run the orders that come on standard input until it ends."""
    # What anything prints must not get between the messages.
    mouth = _Mouth(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    sys.stdout, sys.stderr = CalmStream(sys.stdout), CalmStream(sys.stderr)
    logger = logging.getLogger("recovery_research.reports")
    logger.addHandler(mouth)
    logger.propagate = False
    requests: queue.Queue = queue.Queue()
    threading.Thread(target=_listen, args=[requests], daemon=True).start()
    # Compiling this grammar of web addresses takes more than half of all imports, and
    # the schema of notebooks, for which jsonschema is loaded, has no use for it.
    # None forbids an import, of which typeshed does not know.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from recovery_research.reports import runner  # noqa: F401 - while waiting

    while (taken := requests.get()) is not None:
        request, reports, provenance, mouth.aloud = taken
        mouth.tell("end", _run(request, reports, provenance, mouth))


def _listen(requests: queue.Queue) -> None:
    while True:
        try:
            requests.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError, pickle.UnpicklingError):
            break
    requests.put(None)
    # The leader is gone or done. A run under way is stopped; idle, this is the end.
    os.kill(os.getpid(), signal.SIGTERM)


def _run(
    request: RunRequest, reports: Path, provenance: Provenance, mouth: _Mouth
) -> dict[str, object]:
    from recovery_research.reports.runner import fulfil_request

    try:
        run = fulfil_request(
            request,
            reports,
            progress=lambda index, n_cells: mouth.tell("cell", (index, n_cells)),
            provenance=provenance,
        )
    except OSError as error:
        message = f"the report could not be written: {error}"
        return {"verdict": "not written", "message": _mask(message, request)}
    except (KeyboardInterrupt, SystemExit) as error:
        how = "SIGTERM" if isinstance(error, SystemExit) else "SIGINT"
        return {"verdict": "interrupted", "message": f"stopped by {how}"}
    except Exception:
        # One report's trouble, even a mistake of ours, does not stop the others.
        return {"verdict": "error", "message": _mask(traceback.format_exc(), request)}
    return {
        "verdict": run.verdict,
        "message": run.message,
        "seconds": run.seconds,
        "folder": run.folder,
    }


def _mask(text: str, request: RunRequest) -> str:
    return mask_text(text, request.secrets())


if __name__ == "__main__":
    # What is lost in an import would leave the leader waiting for the whole run.
    with suppress(KeyboardInterrupt), hear_stops(patient=True):
        serve()
