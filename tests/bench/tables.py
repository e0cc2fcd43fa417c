"""The benchmark's findings as rows, and the table they make."""

import csv
import os
import platform
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One number the benchmark found.

    Attributes
    ----------
    section, what : str
        Where it belongs and what was measured.
    value, low, high : float
        Median, least and largest over the rounds of one process.
    unit : str
        Unit of all three.
    n : int
        Number of rounds behind them.
    target : str
        What was asked for, in words; empty where nothing was.
    met : str
        ``yes``, ``no``, or empty.
    note : str
        What the number must be read with.
    """

    section: str
    what: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    target: str = ""
    met: str = ""
    note: str = ""


def find(
    section: str, what: str, values: Iterable[float], unit: str, *,
    at_most: float | None = None, at_least: float | None = None, note: str = "",
) -> Finding:  # fmt: skip
    """Sum up the values of several rounds, and hold the median to its target."""
    values = list(values)
    middle = statistics.median(values)
    target = met = ""
    if at_most is not None:
        target, met = f"at most {at_most:g}", "yes" if middle <= at_most else "no"
    if at_least is not None:
        target, met = f"at least {at_least:g}", "yes" if middle >= at_least else "no"
    return Finding(
        section, what, middle, min(values), max(values), unit, len(values), target,
        met, note,
    )  # fmt: skip


def describe_machine() -> str:
    """Return one line on the machine, with how busy it was."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {os.cpu_count()} processors, {load}, "
        f"Python {platform.python_version()}"
    )


def show_number(value: float) -> str:
    """Return a number with three significant digits, plainly written."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write_markdown(findings: list[Finding]) -> str:
    """Return the findings as a Markdown table."""
    lines = [
        f"Measured on {describe_machine()}. Ratios are of tasks timed in turn in one "
        "process; every figure is a median with least and largest.",
        "",
        "| section | what | median | least - largest | unit | rounds | target | met | note |",
        "|---|---|---:|---:|---|---:|---|---|---|",
    ]
    for f in findings:
        spread = f"{show_number(f.low)} - {show_number(f.high)}"
        lines.append(
            f"| {f.section} | {f.what} | {show_number(f.value)} | {spread} | {f.unit} "
            f"| {f.n} | {f.target} | {f.met} | {f.note} |"
        )
    return "\n".join(lines) + "\n"


def save(findings: list[Finding], folder: Path, name: str) -> list[Path]:
    """Write the table as Markdown and as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    markdown, table = folder / f"{name}.md", folder / f"{name}.csv"
    markdown.write_text(write_markdown(findings), encoding="utf-8")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Finding)])
        writer.writeheader()
        writer.writerows(asdict(finding) for finding in findings)
    return [markdown, table]


def say(line: str) -> None:
    """Tell whoever waits what is being done, apart from the table."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
