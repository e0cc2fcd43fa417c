"""Ctrl-C while the command is still being imported: an end without a traceback."""

import os
import signal
import threading

from .reporting.exit_codes import EXIT_INTERRUPTED


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


def _leave(_number: int, _frame: object) -> None:
    os.write(2, b"error: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


await_command()
