"""What is said where a package is missing that comes with an extra, and with which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# The packages by the names that they are imported by; all others are the core's.
EXTRAS = {
    "reports": (
        "IPython", "apprise", "click", "fsspec", "ipykernel", "jinja2",
        "jupyter_client", "latex2mathml", "markupsafe", "nbclient", "nbconvert",
        "nbformat", "nh3", "papermill", "pygments", "tinycss2", "traitlets", "yaml",
    ),
    "files": ("openpyxl", "pyreadstat", "python_calamine"),
    "databases": ("duckdb", "sqlalchemy"),
    "postgres": ("psycopg",),
    "s3": ("s3fs",),
    "docs": ("docutils", "sphinx"),
}  # fmt: skip


class MissingExtraError(ImportError, ValueError):
    """Something was asked for that takes a package which is not installed."""


def explain_missing(error: BaseException | None) -> BaseException | None:
    """Return what to install, if an error is that a package of an extra is missing.

    Examples
    --------
    >>> print(explain_missing(ModuleNotFoundError(name="duckdb")))
    this needs the package duckdb, which is not installed: pip install \
"recovery-research[databases]"
    """
    if not isinstance(error, ModuleNotFoundError):
        return error
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return MissingExtraError(
                f"this needs the package {package}, which is not installed: "
                f'pip install "recovery-research[{extra}]"',
                name=package,
            )
    return error


@contextmanager
def explaining_extras() -> Iterator[None]:
    """Have it said what to install, should an import in here need a missing package."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise explain_missing(error) or error from None
