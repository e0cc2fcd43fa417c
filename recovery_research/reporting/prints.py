"""A report's page as a PDF, printed by Chromium where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from recovery_research.whole_files import making_whole

PDF_FILE = "report.pdf"
BROWSER_VARIABLE = "RECOVERY_RESEARCH_BROWSER"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
PRINT_SECONDS = 120
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
    # Whatever a page asks for, nothing leaves: no name is known, addresses in numbers
    # and this machine itself lie behind a proxy that is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--dns-prefetch-disable",
)


class NoBrowserError(ValueError):
    """There is no browser that could print."""


class PrintError(OSError):
    """The browser left no PDF."""


class PrintTimeoutError(PrintError):
    """The browser took too long."""


def find_browser() -> str:
    """Return the path of Chromium or a relative of it.

    Returns
    -------
    str

    Raises
    ------
    NoBrowserError
        If there is none, or the one that the environment names is not there.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    for name in [named] if named else BROWSERS:
        found = shutil.which(name)
        if found is not None:
            return found
    what = f"{BROWSER_VARIABLE} names {named!r}, which is not there" if named else ""
    raise NoBrowserError(
        f"a PDF is printed by Chromium or Chrome, and {what or 'none is installed'}. "
        f"Install one (Debian: apt install chromium), set {BROWSER_VARIABLE} to its "
        "path, or leave --pdf out; report.html prints from any browser."
    )


def print_page(
    page: Path, pdf: Path | None = None, *, seconds: float | None = None
) -> Path:
    """Print a report's page as a PDF, whole or not at all.

    Parameters
    ----------
    page : Path
        ``report.html`` of a run.
    pdf : Path, optional
        Where to; by default ``report.pdf`` beside it.
    seconds : float, optional
        What is left of the run's time; two minutes at the most.

    Returns
    -------
    Path

    Raises
    ------
    NoBrowserError
        If no browser is installed.
    PrintError
        If the browser left no PDF.
    PrintTimeoutError
        If the time did not do.
    """
    browser = find_browser()
    pdf = pdf if pdf is not None else page.with_name(PDF_FILE)
    with (
        making_whole(pdf) as fresh,
        tempfile.TemporaryDirectory(prefix="rr-print-") as profile,
    ):
        command = [
            browser,
            *_OPTIONS,
            f"--user-data-dir={profile}",
            f"--print-to-pdf={fresh.resolve()}",
            page.resolve().as_uri(),
        ]
        # It wants a home to write to, which a scheduled run need not have.
        surroundings = {**os.environ, "HOME": profile}
        patience = min(PRINT_SECONDS, PRINT_SECONDS if seconds is None else seconds)
        said = _run_browser(command, surroundings, patience)
        if not fresh.is_file() or not fresh.read_bytes().startswith(b"%PDF"):
            raise PrintError(f"{Path(browser).name} printed no PDF: {said}")
    return pdf


def _run_browser(
    command: list[str], surroundings: dict[str, str], seconds: float
) -> str:
    late = PrintTimeoutError(
        f"{Path(command[0]).name} printed no PDF in the {max(0.0, seconds):.3g} s that "
        "there were"
    )
    if seconds <= 0.0:
        raise late
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=surroundings,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return str(error)
    try:
        lines = process.communicate(timeout=seconds)[1].strip().splitlines()
    except subprocess.TimeoutExpired:
        raise late from None
    finally:
        _end_group(process)
    return (
        f"exit {process.returncode}; {lines[-1][:200] if lines else 'it said nothing'}"
    )


def _end_group(process: subprocess.Popen) -> None:
    """End a browser and the processes that it has started, if any are left."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    process.stderr.close()
