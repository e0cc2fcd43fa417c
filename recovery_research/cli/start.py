"""Ctrl-C while the command is still being imported: an end without a traceback.

Imported first, and imports next to nothing itself: until then Python answers.
"""

import atexit
import os
import signal
import threading


def await_command() -> None:
    """Answer Ctrl-C at once, until `hand_over`: nothing has been begun.

    It could not be an exception: many an import swallows those.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _leave)


def hand_over() -> None:
    """Leave Ctrl-C to the command, or to whoever has imported it."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # All is said and done by then, and what is to be exited with is known.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def _leave(number: int, _frame: object) -> None:
    os.write(2, b"error: interrupted\n")
    os._exit(128 + number)  # as a shell would have it


await_command()
