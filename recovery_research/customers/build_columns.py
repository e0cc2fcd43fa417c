"""Python values made into columns, so that nothing of what they show is lost."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def build_column(values: list) -> pa.Array:
    """Turn Python values into a column; mixed kinds become the texts they show."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds == {datetime.datetime, datetime.date}:
        values = [as_moment(value) for value in values]
        kinds = {datetime.datetime}
    try:
        if kinds <= {int, float}:
            # A whole number beyond 2^53 would change; as text it does not.
            large = any(isinstance(v, int) and abs(v) > 2**53 for v in values)
            if kinds != {int, float} or not large:
                return pa.array(values, pa.float64() if float in kinds else None)
        elif len(kinds) == 1 or kinds <= {datetime.datetime}:
            return pa.array(values)
    except (pa.ArrowException, OverflowError):
        pass
    return pa.array([None if v is None else show(v) for v in values], pa.string())


def as_moment(value: object) -> object:
    """Return a day as its first moment, anything else as it is."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def show(value: object) -> str:
    """Return a value as text; numbers without an exponent."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)


def join_chunks(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """Join the pieces of a column; where kinds differ, as numbers or as texts."""
    import pyarrow as pa

    types = {chunk.type for chunk in chunks if chunk.type != pa.null()}
    if not types:
        return pa.chunked_array(chunks or [pa.array([], pa.string())])
    if len(types) == 1:
        kind = types.pop()
    elif types <= {pa.int64(), pa.float64()}:
        kind = pa.float64()
    elif all(map(pa.types.is_decimal, types)):
        scale = max(each.scale for each in types)
        before = max(each.precision - each.scale for each in types)
        kind = pa.decimal256(min(76, before + scale), scale)
    else:
        kind = pa.string()
    if kind == pa.float64() and any(holds_large(chunk) for chunk in chunks):
        kind = pa.string()
    return pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind)


def holds_large(chunk: pa.Array) -> bool:
    """Return whether whole numbers would change as floats."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_integer(chunk.type):
        return False
    most = pc.min_max(chunk).as_py()
    return most["max"] is not None and max(abs(most["min"]), abs(most["max"])) > 2**53
