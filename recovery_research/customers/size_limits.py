"""How large a thing may be that is opened: no more than the memory there is."""

from __future__ import annotations

from recovery_research.customers.findings import CustomerFileError
from recovery_research.free_memory import available_memory

# Of the memory that is free; a table is copied while it is read.
SHARE_OF_MEMORY = 0.5


def largest_table() -> int:
    """Return how many bytes a table may take."""
    return int(SHARE_OF_MEMORY * available_memory())


def refuse_size(name: str, what: str, n_bytes: float) -> None:
    """Raise if something would take more memory than a table may."""
    most = largest_table()
    if n_bytes > most:
        raise CustomerFileError(
            f"{name}: {what} takes about {say_bytes(n_bytes)}, and {say_bytes(most)} "
            "is the most here (half of the free memory). Keep fewer columns or rows, "
            "or put it into a database and give a query."
        )


def say_bytes(n_bytes: float) -> str:
    """Return a size in words."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes:,.0f} bytes"
