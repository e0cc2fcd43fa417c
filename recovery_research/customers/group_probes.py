"""How far an adjustment of a file's groups can be trusted: answers or reasons."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from recovery_research.analyses.balance import tabulate_balance
from recovery_research.analyses.sensitivity import check_placebo, probe_confounding
from recovery_research.analyses.worst_cases import bound_worst_case
from recovery_research.customers.group_covariates import usable_covariates, varies
from recovery_research.customers.group_doubts import add_doubts
from recovery_research.customers.mapping_rules import Field
from recovery_research.customers.questions import (
    count_whole,
    list_questions,
    main_questions,
    why_not_before,
)
from recovery_research.customers.reading import Customers
from recovery_research.customers.sentences import say_group, show_term
from recovery_research.said_names import escape, say_name

# No name that a mapping may give has capital letters.
EVERYBODY = "EVERYBODY"
# Covariates of an order log that count the orders of the window before, and one that
# does not.
COUNTING_WINDOW = ("prior_orders", "prior_spend", "prior_failures")
BY_THEN = "prior_spend_by_then"


def answer(
    known: dict[str, object], ask: Callable, read: Customers, **options: object
) -> dict[str, object]:
    """Return an analysis's result as a row, or a row that says why there is none."""
    try:
        return known | ask(read.customers, **options).to_frame().iloc[0].to_dict()
    except ValueError as error:
        return known | {"note": str(error).rstrip(".")}


def list_pairs(
    read: Customers, *, silent: bool = False
) -> list[tuple[dict[str, object], Field]]:
    """Return who is compared, and on which outcome, for the main questions.

    With `silent` also those who never complained, against no failure.
    """
    asked = main_questions(read)
    if silent and read.shape != "complaints":
        others = list_questions(read)
        others = others[others["asked"] & (others["treated"] == "silent")]
        asked = pd.concat([asked, others])
    return [
        ({"outcome": each.name, "treated": row.treated, "control": row.control}, each)
        for row in asked.itertuples()
        for each in read.outcomes
    ]


def tabulate_balances(read: Customers) -> pd.DataFrame:
    """List how alike the groups were beforehand, and how alike weights make them.

    Parameters
    ----------
    read : Customers
        The file.

    Returns
    -------
    DataFrame
        The columns of `balance.tabulate_balance`, ``treated, control`` and a
        ``note`` where weights cannot be had; empty if there is nothing to adjust for
        or the main question cannot be asked.
    """
    frames = []
    for row in main_questions(read).itertuples():
        groups = {"treated": row.treated, "control": row.control}
        names = [e.name for e in usable_covariates(read, row.treated, row.control)]
        if not names:
            continue
        # Being compared must not depend on an outcome's being known.
        customers = read.customers.assign(**{EVERYBODY: 1.0})
        try:
            found = tabulate_balance(
                customers, outcome=EVERYBODY, covariates=names, **groups
            ).assign(note="")
        except ValueError as error:
            found = pd.DataFrame([{"note": str(error).rstrip(".")}])
        frames.append(found.assign(**groups))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def probe_groups(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Ask how strong something unseen must be to explain each difference away.

    Parameters
    ----------
    read : Customers
        The file.
    confidence : float, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        The fields of `sensitivity.ConfoundingProbe`, one row per main question and
        outcome; where there is none, ``note`` says why.
    """
    rows = []
    for known, _ in list_pairs(read):
        fields = usable_covariates(read, known["treated"], known["control"])
        names = [each.name for each in fields]
        if not names:
            rows.append(known | {"note": "the file has no covariate that varies"})
            continue
        options = known | {"covariates": names, "confidence": confidence}
        rows.append(answer(known, probe_confounding, read, **options))
    # A probe adjusts by straight lines, which is less than `adjust` does.
    return add_doubts(read, count_whole(pd.DataFrame(rows)))


def say_probes(probes: pd.DataFrame) -> list[str]:
    """Return in Markdown the strongest covariates of `probe_groups`, and its notes."""
    said = []
    for row in probes.itertuples():
        name = f"{say_name(row.outcome)}, {say_group(row.treated)}"
        if row.note:
            said.append(f"{name}: {escape(row.note)}")
        if isinstance(getattr(row, "strongest_covariate", None), str):
            strongest = escape(show_term(row.strongest_covariate))
            said.append(
                f"{name}: of what is on record {strongest} explains most "
                f"of who is treated, {row.strongest_r2_treated:.2%}, and "
                f"{row.strongest_r2_outcome:.2%} of the outcome"
            )
    return said


def check_placebos(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare the groups, adjusted, on what the failure cannot have changed.

    Parameters
    ----------
    read : Customers
        The file.
    confidence : float, optional
        Level of the intervals.

    Returns
    -------
    DataFrame
        ``outcome`` (as measured before), ``treated, control``, the columns of
        `sensitivity.check_placebo` and ``note``; one row per main question and
        outcome whose value before is on file. What was measured before is not itself
        adjusted for, nor what it is part of: in an order log all spend before the
        index order gives way to spend before that window, `prior_spend_by_then`, and
        the number of orders to nothing.
    """
    customers = take_off_window(read)
    rows = []
    for known, each in list_pairs(read):
        if not each.before:
            continue
        before = known | {"outcome": each.name_before}
        # Of those ever failed it can be asked: a placebo finds that they ordered more.
        if why_not_before(read) and read.mapping.orders.design != "ever-failed":
            rows.append(before | {"note": why_not_before(read)})
            continue
        names = [
            field.name
            for field in usable_covariates(read, known["treated"], known["control"])
            if field.column != each.before
        ]
        if read.shape == "orders":
            names = [name for name in names if name not in COUNTING_WINDOW]
            names += varying(customers, known, BY_THEN)
        if not names:
            rows.append(before | {"note": "nothing else was known beforehand"})
            continue
        options = {"treated": known["treated"], "control": known["control"]}
        options |= {"covariates": names, "confidence": confidence}
        try:
            found = check_placebo(customers, before=each.name_before, **options)
            # Where there is no interval, nothing was passed and nothing failed.
            shown = {} if found["ci_low"].notna().all() else {"passed": None}
            rows.append(before | found.iloc[0].to_dict() | shown)
        except ValueError as error:
            rows.append(before | {"note": str(error).rstrip(".")})
    return count_whole(pd.DataFrame(rows))


def set_beside(placebos: pd.DataFrame, adjusted: pd.DataFrame) -> pd.DataFrame:
    """Put the adjusted difference afterwards beside the one before.

    Parameters
    ----------
    placebos : DataFrame
        From `check_placebos`.
    adjusted : DataFrame
        From `group_answers.adjust_groups`.

    Returns
    -------
    DataFrame
        The placebos, with ``zero_in_interval`` for ``passed``, and
        ``difference_after``, in the same unit: what a difference as large as the
        interval allows would have to be compared with.
    """
    if not len(placebos):
        return placebos
    rows = adjusted[adjusted["view"] != "as they come"]
    after = dict(
        zip(zip(rows["outcome"], rows["treated"], strict=True), rows["estimate"],
            strict=True)
    )  # fmt: skip
    names = zip(placebos["outcome"], placebos["treated"], strict=True)
    found = [after.get((str(o).removesuffix("_before"), t)) for o, t in names]
    table = placebos.assign(difference_after=pd.array(found, dtype="Float64"))
    return table.rename(columns={"passed": "zero_in_interval"})


def take_off_window(read: Customers) -> pd.DataFrame:
    """Return an order log's customers with spend before the window before, as well.

    A placebo adjusted for a sum that it is part of passes whatever is wrong: it did in
    12 of 12 logs in which an unseen liking decided who was failed.
    """
    customers = read.customers
    if read.shape != "orders" or "followup_spend_before" not in customers:
        return customers
    spent = customers["prior_spend"]
    by_then = spent - customers["followup_spend_before"]
    # What is left by rounding is no spend.
    return customers.assign(
        **{BY_THEN: by_then.where(by_then > 1e-9 * spent, 0.0).where(by_then.notna())}
    )


def varying(customers: pd.DataFrame, groups: dict[str, object], name: str) -> list[str]:
    """Return a column's name if it varies in the two groups."""
    rows = customers["index_outcome"].isin([groups["treated"], groups["control"]])
    return [name] if name in customers and varies(customers.loc[rows, name]) else []


def bound_groups(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Bound differences whatever the unknown outcomes were.

    Parameters
    ----------
    read : Customers
        The file.
    confidence : float, optional
        Level of the intervals around the bounds.

    Returns
    -------
    DataFrame
        The fields of `worst_cases.WorstCase`, one row per main question (and for the
        silent, who answer least) and outcome of which some values are unknown; where
        the mapping says no ``limits``, ``note`` says so.
    """
    rows = []
    for known, each in list_pairs(read, silent=True):
        chosen = read.customers["index_outcome"].isin(
            [known["treated"], known["control"]]
        )
        if not read.customers.loc[chosen, each.name].isna().any():
            continue
        if each.limits is None:
            unlimited = "the mapping does not say what it can be at most (limits)"
            rows.append(known | {"note": unlimited})
            continue
        options = known | dict(zip(("lowest", "highest"), each.limits, strict=True))
        options["confidence"] = confidence
        rows.append(answer(known, bound_worst_case, read, **options))
    return add_doubts(read, count_whole(pd.DataFrame(rows)))
