"""Your own customers: a file read into the table that all analyses take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recovery_research.customer_data.columns import Reading, read_file, write_out
from recovery_research.customer_data.doubts import doubt_values, tell_doubts
from recovery_research.customer_data.impossible_rows import set_aside_impossible
from recovery_research.customer_data.issues import (
    CustomerCheck,
    CustomerFileError,
    Finding,
    frame_findings,
    refuse,
    sort_findings,
)
from recovery_research.customer_data.mapping import read_mapping
from recovery_research.customer_data.mapping_rules import Field, FileMapping
from recovery_research.customer_data.tables import count_flow, list_fields, make_table
from recovery_research.results import Result


@dataclass(frozen=True, slots=True, eq=False)
class Customers(Result):
    """A file as a table of customers, with an account of every row.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: ``customer`` (if the file names them),
        ``index_outcome``, then outcomes and covariates by the mapping's names.
        ``NAME_before`` is an outcome measured before, ``recovery_quality`` how good a
        recovery was, if the mapping names them. Complaints have their ``answer`` as
        `index_outcome`: there is no group without a failure. Yes/no columns are
        nullable; blank is unknown.
    flow : DataFrame
        ``unit, step, reason, n``: rows read, set aside (by the first reason that
        applies) and analysed; for an order log also customers made, not compared and
        analysed. What is read is what is set aside and analysed.
    excluded : DataFrame
        The rows set aside: ``row, reason, further_reasons``, then what stands there.
    name, shape : str
        The file; ``customers``, ``orders`` or ``complaints``.
    mapping : FileMapping
        What its columns mean.
    findings : tuple of Finding
        Rows set aside and doubts.
    outcomes, covariates : tuple of Field
        What can be compared, and what was known before.
    orders : DataFrame or None
        For an order log, the orders analysed: ``customer, week, amount, outcome``.
    end_week : float or None
        Week the observation ends, where weeks are known.
    """

    customers: pd.DataFrame
    flow: pd.DataFrame
    excluded: pd.DataFrame
    name: str
    shape: str
    mapping: FileMapping
    findings: tuple[Finding, ...]
    outcomes: tuple[Field, ...]
    covariates: tuple[Field, ...]
    orders: pd.DataFrame | None
    end_week: float | None

    def to_frame(self) -> pd.DataFrame:
        """Return the table of customers."""
        return self.customers

    def tabulate_findings(self) -> pd.DataFrame:
        """Return one row for each reason to set rows aside and each doubt."""
        return frame_findings(self.findings)


def read_customers(
    source: str | Path, *, mapping: str | Path | Mapping | FileMapping
) -> Customers:
    """Read a file or a database into the table of customers that analyses take.

    Nothing is dropped or filled in silently: every row read is in the table or in
    `excluded` with its reason, and blank is unknown, never no.

    Parameters
    ----------
    source : path or str
        A file (text, JSON, Excel, OpenDocument, Parquet, Feather, SPSS, Stata, SAS,
        SQLite, DuckDB, or gzip or zip of these; known by its bytes, not its name), a
        SQLAlchemy URL, ``env:NAME`` for either, or a shipped example: ``example``,
        ``example-orders``, ``example-complaints`` (all synthetic). A relative path is
        looked for in the working directory, then in the project.
    mapping : path, str or mapping
        Which column means what: a TOML file, the name of a shipped one, or its
        content as nested dicts. ``recovery-research map FILE`` drafts one.

    Returns
    -------
    Customers

    Raises
    ------
    CustomerFileError
        If the file or the mapping cannot be used. The message names file, row,
        column, value and what is allowed.

    See Also
    --------
    check_customers : the same, but what is wrong is returned and not raised.

    Examples
    --------
    >>> read = read_customers("example", mapping="example")
    >>> read.shape, bool(read.flow["n"].iloc[0] == len(read.customers)
    ...     + len(read.excluded))
    ('customers', True)
    """
    reading = examine(source, read_mapping(mapping))
    if any(finding.weight == "error" for finding in reading.findings):
        raise refuse(reading.raw.name, reading.findings)
    return assemble(reading)


def check_customers(
    source: str | Path, *, mapping: str | Path | Mapping | FileMapping
) -> CustomerCheck:
    """Check a file against its mapping and say everything that is found.

    Parameters
    ----------
    source, mapping
        As in `read_customers`.

    Returns
    -------
    CustomerCheck
        It has `passed` if there is no error; rows set aside and doubts are told.

    Raises
    ------
    CustomerFileError
        If the mapping cannot be used or the source cannot be read at all.

    Examples
    --------
    >>> check_customers("example", mapping="example").passed
    True
    """
    rules = read_mapping(mapping)
    reading = examine(source, rules)
    if any(finding.weight == "error" for finding in reading.findings):
        findings = sort_findings(reading.findings)
        return CustomerCheck(reading.raw.name, rules.shape, findings, None)
    try:
        made = assemble(reading)
    except CustomerFileError as error:
        found = error.findings or (
            *reading.findings, Finding("error", "", None, "", 0, str(error)),
        )  # fmt: skip
        return CustomerCheck(reading.raw.name, rules.shape, sort_findings(found), None)
    return CustomerCheck(made.name, made.shape, made.findings, made.flow, made)


def examine(source: str | Path, mapping: FileMapping) -> Reading:
    """Read a file and set aside what cannot be."""
    reading = read_file(source, mapping)
    if any(finding.weight == "error" for finding in reading.findings):
        return reading
    set_aside_impossible(reading)
    doubt_values(reading)
    if "group" in mapping.columns:
        check_groups(reading)
    if mapping.shape == "complaints":
        check_control(reading)
    return reading


def check_groups(reading: Reading) -> None:
    """Note an error if the file has a word for a group that the mapping does not."""
    words = [word for said in reading.mapping.groups.values() for word in said]
    column = reading.mapping.columns["group"]
    for level in reading.parts["group"].levels:
        if level not in words:
            reading.add_error(
                column,
                f"{level!r} is in no group; allowed are {words}. Add it to [groups] "
                "in the mapping, or to [values] blank if it means unknown.",
                value=level,
            )


def check_control(reading: Reading) -> None:
    """Note an error if nothing was answered the way others are compared with."""
    levels = reading.parts["answer"].levels
    if reading.mapping.control not in levels:
        reading.add_error(
            reading.mapping.columns["answer"],
            f"the control {reading.mapping.control!r} is no answer in the file; they "
            f"are {list(levels)}.",
            value=reading.mapping.control,
        )


def assemble(reading: Reading) -> Customers:
    """Make the result out of what was read."""
    customers, orders, end_week = make_table(reading)
    outcomes, covariates = list_fields(reading.mapping, customers)
    flow = count_flow(reading, customers)
    if flow["n"].iloc[-1] == 0:
        reading.add_error("", "no row is left that could be analysed.")
        raise refuse(reading.raw.name, sort_findings(reading.findings))
    tell_doubts(reading, customers, outcomes, covariates)
    return Customers(
        customers=customers,
        flow=flow,
        excluded=write_out(reading),
        name=reading.raw.name,
        shape=reading.mapping.shape,
        mapping=reading.mapping,
        findings=sort_findings(reading.findings),
        outcomes=outcomes,
        covariates=covariates,
        orders=orders,
        end_week=end_week,
    )
