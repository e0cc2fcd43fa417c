"""Somebody's file and its mapping, looked at before a kernel is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recovery_research.reporting.catalogue import Notebook
from recovery_research.reporting.choices import Choice
from recovery_research.reporting.given_paths import (
    CUSTOMER_FILES,
    NO_FILE,
    reads_customers,
)
from recovery_research.reporting.parameters import ParameterError

if TYPE_CHECKING:
    from recovery_research.customers.mapping_rules import FileMapping


def check_customer_file(notebook: Notebook, choices: Mapping[str, Choice]) -> None:
    """Refuse a file or a mapping that the notebook could not read.

    Only that the file is there, that the mapping is one, that the file has the columns
    it names, and that what is asked of outcomes names them: what stands in the columns
    is for the notebook to report. A database may be away for a moment, and is not
    asked.

    Parameters
    ----------
    notebook : Notebook
        Looked at only if it reads customers and has ``source`` and ``mapping``.
    choices : mapping of str to Choice
        Value of each parameter.

    Raises
    ------
    ParameterError
        If the mapping or the file cannot be used.
    """
    if not reads_customers(notebook):
        return
    source, mapping = (str(choices[name].value) for name in CUSTOMER_FILES)
    if source == NO_FILE:
        return
    # Reading files takes libraries that other reports do without.
    from recovery_research.customers.findings import CustomerFileError
    from recovery_research.customers.mappings import read_mapping
    from recovery_research.customers.sources import is_address, read_source

    beside = notebook.path.parent
    name = "mapping"
    try:
        rules = read_mapping(_prefer(beside, mapping))
        name = "source"
        if not is_address(source):
            columns = rules.used_columns()
            read_source(_prefer(beside, source), rules.source, columns=columns, limit=1)
    except CustomerFileError as error:
        raise ParameterError(f"{name}: {error}") from None
    asked = [choices[name] for name in ("bounds", "through") if name in choices]
    # What is left as it was needs no looking at, and none of the libraries for it.
    if len(asked) == 2 and any(each.origin != "default" for each in asked):
        check_outcomes(rules, choices)


def check_outcomes(rules: FileMapping, choices: Mapping[str, Choice]) -> None:
    """Refuse what is asked of outcomes that the mapping does not have."""
    from recovery_research.customers.questions import check_asked

    try:
        check_asked(
            rules, bounds=choices["bounds"].value, through=choices["through"].value
        )
    except ValueError as error:
        raise ParameterError(str(error)) from None


def _prefer(folder: Path, name: str) -> str:
    """Return the path beside the notebook if the name is found there, as it is else."""
    path = folder / name
    return str(path) if path.is_file() else name
