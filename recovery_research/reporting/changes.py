"""What differs between two runs of a report, told in a few words."""

from __future__ import annotations

from collections.abc import Mapping

from recovery_research.reporting.details import RunDetails

MOST_NAMED = 3


def compare_tables(run: RunDetails, before: RunDetails) -> str:
    """Say which tables of a run differ from those of the run before.

    Parameters
    ----------
    run, before : RunDetails
        The two runs.

    Returns
    -------
    str
        One sentence; empty if neither has a table.
    """
    now = {name: digest for name, (_, digest) in run.tables.items()}
    then = {name: digest for name, (_, digest) in before.tables.items()}
    names = [*now, *(name for name in then if name not in now)]
    moved = [name for name in names if now.get(name) != then.get(name)]
    if not names:
        return ""
    if not moved:
        every = "The table is" if len(names) == 1 else f"All {len(names)} tables are"
        return f"{every} the same, number for number."
    which = _name_some(moved)
    if len(names) == 1:
        return f"The table differs: {which}."
    return f"{len(moved)} of {len(names)} tables differ: {which}."


def compare_ingredients(run: RunDetails, before: RunDetails, since: str) -> str:
    """Say what went into a run that had not gone into the one before.

    Parameters
    ----------
    run, before : RunDetails
        The two runs.
    since : str
        What the run before is called.

    Returns
    -------
    str
        One sentence; empty if nothing else was different, or that is not known.
    """
    now, then = run.provenance, before.provenance
    if not now or not then:
        return ""
    said = []
    if now.get("notebook_sha256") != then.get("notebook_sha256"):
        said.append("the notebook")
    if now.get("package_sha256") != then.get("package_sha256"):
        said.append("this package's code")
    data = [
        each
        for kind in ("data_sha256", "sources_sha256")
        for each in _find_changed(now.get(kind), then.get(kind))
    ]
    if data:
        said.append(f"data ({_name_some([name for name, _, _ in data])})")
    packages = _find_changed(now.get("distributions"), then.get("distributions"))
    if packages:
        steps = [f"{name} {b or 'none'} to {a or 'none'}" for name, a, b in packages]
        said.append(_name_some(steps))
    if now.get("python") != then.get("python"):
        said.append(f"{then.get('python')} to {now.get('python')}")
    commits = [_read_commit(part) for part in (now, then)]
    if commits[0] != commits[1]:
        said.append(f"commit {commits[1] or 'none'} to {commits[0] or 'none'}")
    return f"Changed since {since}: {'; '.join(said)}." if said else ""


def _read_commit(provenance: Mapping) -> str:
    git = provenance.get("git")
    return str(git.get("commit", ""))[:10] if isinstance(git, dict) else ""


def _find_changed(now: object, then: object) -> list[tuple[str, str, str]]:
    if not isinstance(now, dict) or not isinstance(then, dict):
        return []
    return [
        (str(name), str(now.get(name, "")), str(then.get(name, "")))
        for name in sorted({*now, *then}, key=str)
        if now.get(name) != then.get(name)
    ]


def _name_some(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    some = ", ".join(names[:MOST_NAMED])
    return f"{some} and {rest} more" if rest > 0 else some
