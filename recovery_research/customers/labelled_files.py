"""Reading files of SPSS, Stata and SAS: codes, their labels, what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from recovery_research.customers.build_columns import build_column
from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.headers import name_columns
from recovery_research.customers.mapping_rules import SourceRule
from recovery_research.customers.size_limits import refuse_size
from recovery_research.customers.sources import RawTable, choose_columns

READERS = {
    "SPSS": "read_sav", "SPSS portable": "read_por", "Stata": "read_dta",
    "SAS": "read_sas7bdat", "SAS transport": "read_xport",
}  # fmt: skip


def read_labelled(kind: str) -> Callable:
    """Return the reader of one kind of file."""

    def read_statistics(
        path: Path, rule: SourceRule, *, columns: list[str] | None, limit: int | None
    ) -> RawTable:
        """Read a file with labels; declared missing codes are unknown."""
        import pyreadstat

        reader = getattr(pyreadstat, READERS[kind])
        more = {"encoding": rule.encoding} if rule.encoding else {}
        try:
            _, about = reader(str(path), metadataonly=True, **more)
            held = list(about.column_names)
            wanted = choose_columns(path.name, name_columns(held), columns)
            n_rows = about.number_rows or 0
            refuse_size(path.name, "the table", 60.0 * n_rows * len(wanted))
            picked = {} if columns is None or not wanted else {"usecols": wanted}
            table, about = reader(
                str(path), row_limit=limit or 0,
                **picked, **more,
            )  # fmt: skip
        except CustomerFileError:
            raise
        except Exception as error:
            raise CustomerFileError(
                f"{path.name} is not a {kind} file that can be read, or is cut short: "
                f"{' '.join(str(error).split())[:200]} (letters that are wrong: name "
                'its encoding, [source] encoding = "cp1252".)'
            ) from None
        if limit is None and n_rows > 0 and len(table) != n_rows:
            raise CustomerFileError(
                f"{path.name}: {len(table):,} rows were read, and it says that it has "
                f"{n_rows:,}; it is cut short."
            )
        return make_raw(path.name, kind, table[wanted], about)

    return read_statistics


def make_raw(name: str, kind: str, frame: pd.DataFrame, about: object) -> RawTable:
    """Return what was read as a table, with the labels of its codes."""
    import pyarrow as pa

    arrays = [as_array(frame[column]) for column in frame]
    table = pa.Table.from_arrays(arrays, names=list(frame))
    labels = {
        column: {name_code(code): str(label) for code, label in said.items()}
        for column, said in about.variable_value_labels.items()
        if column in frame.columns and said
    }
    rows = np.arange(1, len(frame) + 1)
    return RawTable(name, kind, table, rows, labels=labels)


def as_array(column: pd.Series) -> object:
    """Return a column; days, clock times and texts as they are."""
    import pyarrow as pa

    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        values = [None if pd.isna(v) or v == "" else v for v in column.tolist()]
        return build_column(values)
    return pa.array(column, from_pandas=True)


def name_code(code: object) -> str:
    """Return a code as the text that stands for it in a column of texts."""
    if isinstance(code, float) and code.is_integer():
        return f"{code:.0f}"
    return str(code)
