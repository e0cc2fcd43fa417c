"""What a survey of simulated customers comes to, in sentences chosen by its numbers."""

from __future__ import annotations

import pandas as pd

from .analyses.verdicts import CANNOT_TELL, NO_PARADOX, PARADOX, Bounds
from .analyses.wordings import ASKS_PARADOX, WORSE_OFF, word_verdict
from .said_names import escape, say, say_name
from .surveys import find_part

DIRECTION_ALONE = Bounds(0.0, 0.0, "the direction alone")


def say_notes(table: pd.DataFrame) -> str:
    """Return as Markdown what is doubtful in a table's rows, one line a row."""
    lines = []
    for row in table.itertuples():
        note = getattr(row, "note", "")
        if isinstance(note, str) and note:
            names = [
                row.world,
                getattr(row, "outcome", ""),
                getattr(row, "treated", ""),
            ]
            where = ", ".join(
                say_name(name) for name in names if isinstance(name, str) and name
            )
            lines.append(f"- {where}: {escape(note.rstrip('.'))}.")
    return "\n".join(dict.fromkeys(lines))


def say_gaps(parts: pd.DataFrame, *, group: str = "recovered") -> list[str]:
    """Return one line of Markdown a world on what a group's gap is made of."""
    lines = []
    for world, rows in parts[parts["group"] == group].groupby("world", sort=False):
        start = f"- World of the **{world}**:"
        if rows["estimate"].isna().any():
            lines.append(f"{start} this cannot be told: {rows['note'].iloc[0]}.")
            continue
        gap, did, who = (
            rows.set_index("part").loc[name] for name in ("gap", "recovery", "who")
        )
        line = (
            f"{start} {say(group)} customers spent {say_part(gap)} dollars against "
            f"those without a problem. Failure and recovery did {say_part(did)}; "
            f"{say_part(who)} is who was there."
        )
        note = "; ".join(dict.fromkeys("; ".join(rows["note"]).split("; ")))
        note = note.strip("; ")
        lines.append(f"{line} *{note[:1].upper()}{note[1:]}.*" if note else line)
    return lines


def say_part(row: object) -> str:
    """Return an estimate with its interval, as in ``-4.20 (-6.10 to -2.30)``."""
    if pd.isna(row.ci_low):
        return f"{row.estimate:+.2f} (no interval)"
    return f"{row.estimate:+.2f} ({row.ci_low:+.2f} to {row.ci_high:+.2f})"


def say_effects(parts: pd.DataFrame) -> str:
    """Say for each world what being failed and made good did to those recovered."""
    said = []
    for world in parts["world"].unique():
        did = find_part(parts, world=world, part="recovery")
        start = f"In the world of the {world}"
        if did is None:
            said.append(f"{start} nothing can be told of recovered customers.")
        elif did.ci_high < 0.0:
            said.append(
                f"{start} a recovered customer spends less for having been failed."
            )
        elif did.ci_low > 0.0:
            said.append(
                f"{start} a recovered customer spends more for having been failed and "
                "made good."
            )
        else:
            said.append(
                f"{start} these customers cannot tell whether a recovered customer "
                "spends more or less for having been failed."
            )
    return " ".join(said)


def say_selection(parts: pd.DataFrame) -> str:
    """Say for each world whether the gap of the recovered is due to who is there."""
    said = []
    for world in parts["world"].unique():
        who = find_part(parts, world=world, part="who")
        if who is None:
            continue
        start = f"In the world of the {world}"
        if who.ci_low > 0.0 or who.ci_high < 0.0:
            more = "more" if who.ci_low > 0.0 else "less"
            said.append(
                f"{start} part of the gap is selection: those recovered would have "
                f"spent {more} anyway, {say_part(who)} dollars."
            )
        else:
            said.append(
                f"{start} selection cannot be told from none, {say_part(who)} dollars."
            )
    return " ".join(said)


def say_survey(gap: pd.Series | None, did: pd.Series | None) -> str:
    """Say what a survey would announce of a gap, asked for its direction alone."""
    if gap is None or did is None:
        return "Of such customers nothing can be told: too few of them are recovered."
    found = word_verdict(ASKS_PARADOX, gap.ci_low, gap.ci_high, DIRECTION_ALONE, "high")
    seen = {
        PARADOX: "would announce a paradox",
        NO_PARADOX: "would announce no paradox",
        CANNOT_TELL: "could not tell a paradox from none",
    }.get(found.verdict, "would find no difference")
    if found.reading == WORSE_OFF:
        seen += " (they spend less)"
    return (
        f"A survey of these customers {seen}: {say_part(gap)} dollars. What failure "
        f"and recovery did is {say_part(did)}."
    )


def say_careless(row: pd.Series, did: pd.Series | None) -> str:
    """Say what a careless comparison shows, beside what recovery did.

    Parameters
    ----------
    row : Series
        A row of `compare_carelessly`.
    did : Series or None
        What failure and recovery did to the recovered, from `split_gaps`.
    """
    world = f"In the world of the {row['world']}"
    if pd.isna(row["ci_low"]):
        return f"{world} this comparison cannot be made: {row['note']}."
    times = (
        f"recovered customers spending **{row['estimate']:.2f} times** as much as "
        f"customers without a problem (95 % CI {row['ci_low']:.2f} to "
        f"{row['ci_high']:.2f})"
    )
    harm = did is not None and did.ci_high < 0.0
    where = ", where failure and recovery cost spend," if harm else ""
    said = f"{world}{where} this comparison shows {times}."
    if row["ci_low"] > 1.0:
        fakes = "It fakes a paradox." if harm else ""
        gains = did is not None and did.ci_low > 0.0
        fakes = fakes or (
            ""
            if gains
            else "The replay above does not say that recovery had a part in it."
        )
        return f"{said} {fakes}".strip()
    if row["ci_high"] < 1.0:
        return f"{said} Here it shows no paradox."
    return f"{said} It cannot tell a paradox from none."
