"""Ctrl-C while the command is still being imported: an end without a traceback.

It imports next to nothing itself: until then Python answers.
"""

import os
import signal
import threading


def await_command() -> None:
    """Answer Ctrl-C at once, until the command hears it: nothing has been begun.

    It could not be an exception: many an import swallows those.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, leave)


def close_ears() -> None:
    """Hear no Ctrl-C any more: all is said, and what is to be exited with is known."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave(number: int, _frame: object) -> None:
    """End the process; it has begun nothing, or has done all."""
    os.write(2, b"error: interrupted\n")
    os._exit(128 + number)  # as a shell would have it
