"""Groups of a file made alike, and their spend and staying: answers or reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import pandas as pd

from recovery_research.analyses.adjustment import adjust
from recovery_research.analyses.contrasts import contrast_known
from recovery_research.analyses.spending import SpendingParts, divide_spending
from recovery_research.analyses.staying import (
    StayingContrast,
    compare_staying,
    staying_times,
)
from recovery_research.customers.group_covariates import usable_covariates
from recovery_research.customers.group_doubts import DOUBTFUL, add_doubts, doubt_file
from recovery_research.customers.group_probes import check_placebos
from recovery_research.customers.mapping_rules import Field
from recovery_research.customers.questions import (
    count_whole,
    judge,
    knows_leaving,
    list_questions,
    main_questions,
)
from recovery_research.customers.reading import Customers
from recovery_research.customers.sentences import say_compared, say_found
from recovery_research.said_names import escape

AS_THEY_COME, ONCE_ALIKE = "as they come", "once alike"


def adjust_groups(
    read: Customers,
    *,
    bounds: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    methods: Sequence[str] = ("aipw",),
) -> pd.DataFrame:
    """Compare groups as they come and adjusted for what was known before.

    Parameters
    ----------
    read : Customers
        The file.
    bounds : mapping, optional
        By outcome, the largest differences not worth naming.
    confidence : float, optional
        Level of the intervals.
    methods : sequence of str, optional
        Methods of `adjustment.adjust`.

    Returns
    -------
    DataFrame
        ``question, treated, control, outcome, view`` (``as they come`` or the
        method), the estimate with its interval, ``n_treated, n_control, n_missing``,
        verdict and bounds, the effective sizes, overlap and imbalance of the
        adjustment, ``covariates``, and a ``note``: also why there is no adjustment,
        and where it leaves a difference in what was measured before.
    """
    rows = []
    for row in main_questions(read).itertuples():
        covariates = usable_covariates(read, row.treated, row.control)
        for each in read.outcomes:
            common = {
                "outcome": each.name, "treated": row.treated, "control": row.control,
                "bounds": (bounds or {}).get(each.name), "confidence": confidence,
            }  # fmt: skip
            # What unknown outcomes would turn is for `unknown_outcomes`.
            naive = contrast_known(read.customers, **common)
            start = {"question": row.question, "view": AS_THEY_COME}
            rows.append(naive.to_frame().iloc[0].to_dict() | start)
            for method in methods:
                options = common | {"method": method}
                rows.append(
                    try_adjusting(read, covariates, options)
                    | {"question": row.question, "view": f"adjusted ({method})"}
                )
    columns = [
        "question", "treated", "control", "outcome", "view", "estimate", "std_error",
        "ci_low", "ci_high", "confidence", "n_treated", "n_control", "n_missing",
        "effective_treated", "effective_control", "share_outside", "imbalance_before",
        "imbalance_after", "equivalence_low", "equivalence_high", "verdict",
        "bounds_source", "better", "covariates", "note",
    ]  # fmt: skip
    table = count_whole(pd.DataFrame(rows).reindex(columns=columns))
    return judge(read, doubt_adjusted(read, table, confidence=confidence))


def doubt_adjusted(
    read: Customers, table: pd.DataFrame, *, confidence: float
) -> pd.DataFrame:
    """Tell of adjusted rows whose groups differed, adjusted, before anything happened.

    What was measured before cannot have been changed by what came after: where the
    adjustment leaves a difference there, it may leave one in what followed as well.
    """
    names = {each.name_before: each.name for each in read.outcomes}
    told = {}
    for row in check_placebos(read, confidence=confidence).itertuples():
        passed = getattr(row, "passed", None)
        # Unknown, as None or as NaN, is no failing.
        if passed is not None and not passed:
            found = f"{row.estimate:+.3g} ({row.ci_low:+.3g} to {row.ci_high:+.3g})"
            told[names[row.outcome], row.treated, row.control] = (
                "adjusted for what else was known, the groups differed before anything "
                f"happened: {found}"
            )
    notes = []
    for row in table.fillna({"note": ""}).itertuples():
        doubt = ""
        if row.view != AS_THEY_COME and not pd.isna(row.estimate):
            doubt = told.get((row.outcome, row.treated, row.control), "")
        notes.append("; ".join(part for part in (row.note, doubt) if part))
    return table.assign(note=notes)


def say_in_short(read: Customers, adjusted: pd.DataFrame) -> list[str]:
    """Return the answers of `adjust_groups` as lines of Markdown, one an outcome.

    Parameters
    ----------
    read : Customers
        The file.
    adjusted : DataFrame
        From `adjust_groups`, by one method; rows of further views may be added.

    Returns
    -------
    list of str
        First why the paradox cannot be asked of the file, if it cannot. What is
        doubtful about an estimate stands behind it.
    """
    units = {each.name: each.unit for each in read.outcomes}
    lines = [
        f"- **Whether there is a recovery paradox cannot be asked:** "
        f"{escape(row.note)}."
        for row in list_questions(read).head(1).itertuples()
        if not row.asked
    ]
    for _, rows in adjusted.groupby(["treated", "control", "outcome"], sort=False):
        first = next(rows.itertuples())
        unit = units.get(first.outcome, "")
        naive = rows[rows["view"] == AS_THEY_COME].head(1)
        shared, rows = share_doubts(read, rows)
        parts = [
            say_found(row, name_view(row, naive), unit) for row in rows.itertuples()
        ]
        said, notes = zip(*parts, strict=True)
        lines.append(
            f"- {say_compared(first)}: {'; '.join(said)}."
            + f" {say_doubtful(shared)}".rstrip()
            + "".join(f" *{note}.*" for note in notes if note)
        )
    return lines


def share_doubts(read: Customers, rows: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Return what in the file may turn every answer of a line, and the rows without."""
    if rows["ci_low"].isna().all():
        return [], rows
    shared = doubt_file(read, rows["outcome"].iloc[0], adjusted=False)
    notes = rows["note"].fillna("").astype(str)
    for doubt in shared:
        notes = notes.str.replace(f"{doubt}; ", "", regex=False)
        notes = notes.str.replace(doubt, "", regex=False)
    return shared, rows.assign(note=notes)


def say_doubtful(doubts: Sequence[str]) -> str:
    """Return doubts as a sentence of Markdown, empty if there are none."""
    told = "; ".join(each.removeprefix(DOUBTFUL) for each in doubts)
    return f"**{DOUBTFUL.capitalize()}{escape(told)}.**" if told else ""


def name_view(row: object, naive: pd.DataFrame) -> str:
    """Return how a row compares, and how many of those as they come it leaves out."""
    if not str(row.view).startswith("adjusted"):
        return str(row.view)
    counts = (row.n_treated, row.n_control)
    if not len(naive) or pd.isna(row.ci_low) or any(pd.isna(n) for n in counts):
        return ONCE_ALIKE
    whole = int(naive["n_treated"].iloc[0] + naive["n_control"].iloc[0])
    n = int(sum(counts))
    return f"{ONCE_ALIKE}, of {n:,} of the {whole:,}," if n < whole else ONCE_ALIKE


def try_adjusting(
    read: Customers, covariates: Sequence[Field], options: dict[str, object]
) -> dict[str, object]:
    """Return an adjusted contrast as a row, or a row that says why there is none."""
    names = [each.name for each in covariates]
    kept = {k: options[k] for k in ("outcome", "treated", "control", "confidence")}
    if not names:
        return kept | {
            "note": "the file has no covariate that varies: no adjustment",
        }
    try:
        found = adjust(read.customers, covariates=names, **options)
    except ValueError as error:
        names = ", ".join(names)
        return kept | {"covariates": names, "note": str(error).rstrip(".")}
    return found.to_frame().iloc[0].to_dict()


def divide_spends(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Divide differences in amounts into more buyers and bigger buyers.

    Returns
    -------
    DataFrame
        The fields of `spending.SpendingParts`, a row per question and amount; empty
        if the file has no amounts.
    """
    frames = []
    for row in main_questions(read).itertuples():
        for each in read.outcomes:
            if each.kind != "amount":
                continue
            try:
                found = divide_spending(
                    read.customers, outcome=each.name, treated=row.treated,
                    control=row.control, confidence=confidence,
                ).to_frame()  # fmt: skip
            except ValueError as error:
                found = pd.DataFrame([{
                    "outcome": each.name, "treated": row.treated,
                    "control": row.control, "note": str(error),
                }])  # fmt: skip
            frames.append(found)
    return add_doubts(read, join(frames, SpendingParts))


def join(frames: Sequence[pd.DataFrame], result: type) -> pd.DataFrame:
    """Put rows of answers and of reasons together, with all of a result's fields."""
    if not frames:
        return pd.DataFrame()
    names = [each.name for each in fields(result)]
    return pd.concat(frames, ignore_index=True).reindex(columns=names)


def compare_stays(
    read: Customers, *, horizon: float = 52.0, confidence: float = 0.95
) -> pd.DataFrame:
    """Compare how long groups stay, if the file says who left and when.

    Parameters
    ----------
    read : Customers
        The file.
    horizon : float, optional
        Weeks over which time is counted; less if a group was not followed so long.
    confidence : float, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        The fields of `staying.StayingContrast`, one row per question; empty if the
        file does not say who left, or cannot be asked.
    """
    frames = []
    if not knows_leaving(read):
        return pd.DataFrame()
    for row in main_questions(read).itertuples():
        groups = (row.treated, row.control)
        try:
            followed = min(
                float(staying_times(read.customers, group=name, policy=None,
                                    end_week=read.end_week)[0].max())
                for name in groups
            )  # fmt: skip
            found = compare_staying(
                read.customers, end_week=read.end_week, horizon=min(horizon, followed),
                treated=row.treated, control=row.control, confidence=confidence,
            ).to_frame()  # fmt: skip
        except ValueError as error:
            found = pd.DataFrame([dict(zip(("treated", "control"), groups, strict=True))
                                  | {"note": str(error)}])  # fmt: skip
        frames.append(found)
    return add_doubts(read, join(frames, StayingContrast))
