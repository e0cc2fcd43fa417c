"""What ``run.json`` was in earlier versions, and how to read it now."""

from __future__ import annotations

SCHEMA_VERSION = 3


def update_document(document: object) -> dict:
    """Return the content of a ``run.json`` as the newest version has it.

    Version 1 knew no attempts, memory, plan or key, and version 2 not what a run read;
    all of them may be absent, so nothing is made up.

    Parameters
    ----------
    document : object
        What the file holds.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no record, or of a version that is not known here.

    Examples
    --------
    >>> update_document({"schema_version": 1, "report": "loyalty"})
    {'schema_version': 3, 'report': 'loyalty'}
    """
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is not int or version < 1:
        raise ValueError(
            f"no record: schema_version is 1 to {SCHEMA_VERSION}; got {version!r}."
        )
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"written by a later version of this program (schema_version {version}; "
            f"this one reads up to {SCHEMA_VERSION}); update recovery-research."
        )
    return document | {"schema_version": SCHEMA_VERSION}
