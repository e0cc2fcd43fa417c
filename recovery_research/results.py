"""What an analysis hands back: a row or rows, and how a notebook shows them."""

from __future__ import annotations

import math
from dataclasses import Field, asdict
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from recovery_research.exhibits import lay_out_table

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 10
PAIR = ["field", "value"]


class Result:
    """The base of every result: a frame with identifiers, a short table for readers.

    A result is a frozen dataclass. Its frame keeps full precision and the fields'
    names; what JupyterLab shows is in words, with digits that count, and without
    fields that hold nothing.

    Examples
    --------
    >>> import recovery_research as rr
    >>> size = rr.sample_size_for_means(1.0, std_dev=4.0)
    >>> size.to_frame()["n_treated"].item() == size.n_treated
    True
    >>> "n treated" in size._repr_html_()
    True
    """

    __slots__ = ()
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to_frame(self) -> pd.DataFrame:
        """Return the result as one row, one column per field."""
        import pandas as pd

        return pd.DataFrame([asdict(self)])

    def __str__(self) -> str:
        shown = _shorten(self.to_frame())
        return shown.to_string(index=False, header=list(shown.columns) != PAIR)

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        shown = _shorten(frame)
        rows, _ = lay_out_table(
            shown, name=type(self).__name__, formats={}, index=False
        )
        told = "" if type(self).__str__ is Result.__str__ else escape(str(self))
        hidden = 0 if list(shown.columns) == PAIR else len(frame) - len(shown)
        more = f"<p>{hidden:,} more rows in <code>to_frame()</code></p>"
        return f"<table><caption>{told}</caption>{rows}</table>{more * (hidden > 0)}"


def _shorten(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame's head without empty columns; one row as fields and values."""
    if len(frame) != 1:
        return frame.head(ROWS_SHOWN).dropna(axis="columns", how="all")
    values = {
        str(name).replace("_", " "): write_value(frame[name].iloc[0]) for name in frame
    }
    pairs = [(field, value) for field, value in values.items() if value]
    import pandas as pd

    return pd.DataFrame(pairs, columns=PAIR)


def write_value(value: object) -> str:
    """Write a value with four digits that count, a count whole, and nothing as ''."""
    if value is None or isinstance(value, str):
        return value or ""
    if str(value) in ("True", "False"):
        return "yes" if value else "no"
    if not hasattr(value, "__float__"):
        return str(value)
    number = float(value)
    if math.isnan(number):
        return ""
    if isinstance(value, float) and not 1e4 <= abs(number) < 1e15:
        return f"{number:.4g}"
    return f"{number:,.0f}"
