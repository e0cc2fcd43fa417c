"""A report's page as a PDF, printed by Chromium where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
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


def print_page(page: Path, pdf: Path | None = None) -> Path:
    """Print a report's page as a PDF, whole or not at all.

    Parameters
    ----------
    page : Path
        ``report.html`` of a run.
    pdf : Path, optional
        Where to; by default ``report.pdf`` beside it.

    Returns
    -------
    Path

    Raises
    ------
    NoBrowserError
        If no browser is installed.
    PrintError
        If the browser left no PDF.
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
        said = _run_browser(command, surroundings)
        if not fresh.is_file() or not fresh.read_bytes().startswith(b"%PDF"):
            raise PrintError(f"{Path(browser).name} printed no PDF: {said}")
    return pdf


def _run_browser(command: list[str], surroundings: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PRINT_SECONDS,
            check=False,
            env=surroundings,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {PRINT_SECONDS} s"
    except OSError as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    return f"exit {done.returncode}; {lines[-1][:200] if lines else 'it said nothing'}"
