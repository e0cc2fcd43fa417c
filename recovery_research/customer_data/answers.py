"""A file's groups compared: every analysis or its reason, and how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from recovery_research.analysis.adjustment import adjust
from recovery_research.analysis.balance import tabulate_balance
from recovery_research.analysis.contrasts import contrast_known
from recovery_research.analysis.retention import (
    SurvivalContrast,
    compare_survival,
    staying_times,
)
from recovery_research.analysis.sensitivity import check_placebo, probe_confounding
from recovery_research.analysis.spending import (
    SpendingDecomposition,
    decompose_spending,
)
from recovery_research.analysis.worst_cases import bound_worst_case
from recovery_research.customer_data.mapping_rules import Field
from recovery_research.customer_data.questions import (
    DOUBTFUL,
    add_doubts,
    count_whole,
    doubt_file,
    judge,
    knows_leaving,
    list_questions,
    main_questions,
    why_not_before,
)
from recovery_research.customer_data.reading import Customers
from recovery_research.customer_data.sentences import (
    say_compared,
    say_found,
    say_group,
    show_term,
)
from recovery_research.texts import escape, say_name

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
        As from `read_customers`.
    bounds : mapping of str to float, optional
        By outcome the largest difference not worth naming, in the outcome's unit; by
        default the mapping's, or a default that is named.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.
    methods : sequence of str, optional
        As `adjust` has them: ``aipw``, ``ipw``, ``regression``.

    Returns
    -------
    DataFrame
        A row for each outcome and `view` (``as they come``, ``adjusted (aipw)``) of the
        main questions, with estimate, interval, counts, verdict and `note`. Estimates
        are treated minus control, in the outcome's unit. What cannot be adjusted has a
        note and no numbers.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.adjust_groups(read)["view"].unique().tolist()
    ['as they come', 'adjusted (aipw)']
    """
    rows = []
    for row in main_questions(read).itertuples():
        covariates = usable_covariates(read, row.treated, row.control)
        for each in read.outcomes:
            common = {
                "outcome": each.name, "treated": row.treated, "control": row.control,
                "bounds": (bounds or {}).get(each.name), "confidence": confidence,
            }  # fmt: skip
            # What unknown outcomes would turn is for `comparison`.
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
        As from `read_customers`.
    adjusted : DataFrame
        As from `adjust_groups`, perhaps with rows of `contrast_over_draws`.

    Returns
    -------
    list of str
        One line for each outcome and pair of groups; the first says so if the paradox
        cannot be asked.
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


def name_view(row: Any, naive: pd.DataFrame) -> str:
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
    read: Customers, covariates: Sequence[Field], options: dict[str, Any]
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
        return kept | {"covariates": ", ".join(names), "note": str(error).rstrip(".")}
    return found.to_frame().iloc[0].to_dict()


def decompose_group_spending(
    read: Customers, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Divide differences in amounts into more buyers and bigger buyers.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome that is an amount: the fields of `SpendingDecomposition`,
        treated minus control in the outcome's currency; a `note` alone where it cannot
        be had. Empty without an amount or without a main question.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> table = rr.customer_data.decompose_group_spending(read)
    >>> parts = table["from_share"] + table["from_amount"]
    >>> bool((parts - table["estimate"]).abs().max() < 1e-9)
    True
    """
    frames = []
    for row in main_questions(read).itertuples():
        for each in read.outcomes:
            if each.kind != "amount":
                continue
            try:
                found = decompose_spending(
                    read.customers, outcome=each.name, treated=row.treated,
                    control=row.control, confidence=confidence,
                ).to_frame()  # fmt: skip
            except ValueError as error:
                found = pd.DataFrame([{
                    "outcome": each.name, "treated": row.treated,
                    "control": row.control, "note": str(error),
                }])  # fmt: skip
            frames.append(found)
    return add_doubts(read, join(frames, SpendingDecomposition))


def join(frames: Sequence[pd.DataFrame], result: type) -> pd.DataFrame:
    """Put rows of answers and of reasons together, with all of a result's fields."""
    if not frames:
        return pd.DataFrame()
    names = [each.name for each in fields(result)]
    return pd.concat(frames, ignore_index=True).reindex(columns=names)


def compare_group_survival(
    read: Customers, *, horizon: float = 52.0, confidence: float = 0.95
) -> pd.DataFrame:
    """Compare how long groups stay, if the file says who left and when.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    horizon : float, optional
        Weeks over which staying is counted; fewer if a group was not followed so long.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each main question: the fields of `SurvivalContrast`. `estimate` is
        the weeks more that the treated stay. Empty if the file does not say who left
        and when.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> table = rr.customer_data.compare_group_survival(read, horizon=26.0)
    >>> bool(table["estimate"].abs().iloc[0] < 26.0)
    True
    """
    frames = []
    end_week = read.end_week
    if end_week is None or not knows_leaving(read):
        return pd.DataFrame()
    for row in main_questions(read).itertuples():
        groups = (row.treated, row.control)
        try:
            followed = min(
                float(staying_times(read.customers, group=name, policy=None,
                                    end_week=end_week)[0].max())
                for name in groups
            )  # fmt: skip
            found = compare_survival(
                read.customers, end_week=end_week, horizon=min(horizon, followed),
                treated=row.treated, control=row.control, confidence=confidence,
            ).to_frame()  # fmt: skip
        except ValueError as error:
            found = pd.DataFrame([dict(zip(("treated", "control"), groups, strict=True))
                                  | {"note": str(error)}])  # fmt: skip
        frames.append(found)
    return add_doubts(read, join(frames, SurvivalContrast))


# No name that a mapping may give has capital letters.
EVERYBODY = "EVERYBODY"
# Covariates of an order log that count the orders of the window before, and one that
# does not.
COUNTING_WINDOW = ("prior_orders", "prior_spend", "prior_failures")
BY_THEN = "prior_spend_by_then"


def answer(
    known: Mapping[str, object], ask: Callable, read: Customers, **options: object
) -> dict[str, object]:
    """Return an analysis's result as a row, or a row that says why there is none."""
    try:
        return {**known, **ask(read.customers, **options).to_frame().iloc[0].to_dict()}
    except ValueError as error:
        return {**known, "note": str(error).rstrip(".")}


def list_pairs(
    read: Customers, *, silent: bool = False
) -> list[tuple[dict[str, str], Field]]:
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
        As from `read_customers`.

    Returns
    -------
    DataFrame
        A row for each covariate and main question, as from `tabulate_balance`
        (differences in standard deviations, treated minus control), with `treated`,
        `control` and `note`. Empty if nothing was known beforehand.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> table = rr.customer_data.tabulate_balances(read)
    >>> {"covariate", "difference_before", "difference_after"} <= set(table)
    True
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
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome of the main questions: the fields of `ConfoundingProbe`.
        Estimates are treated minus control, in the outcome's unit. A `note` alone where
        there is nothing to adjust for.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> bool(rr.customer_data.probe_groups(read)["e_value"].dropna().ge(1.0).all())
    True
    """
    rows: list[dict[str, object]] = []
    for known, _ in list_pairs(read):
        fields = usable_covariates(read, known["treated"], known["control"])
        names = [each.name for each in fields]
        if not names:
            rows.append({**known, "note": "the file has no covariate that varies"})
            continue
        options = {**known, "covariates": names, "confidence": confidence}
        rows.append(answer(known, probe_confounding, read, **options))
    # A probe adjusts by straight lines, which is less than `adjust` does.
    return add_doubts(read, count_whole(pd.DataFrame(rows)))


def say_probes(probes: pd.DataFrame) -> list[str]:
    """Return in Markdown the strongest covariates of `probe_groups`, and its notes.

    Parameters
    ----------
    probes : DataFrame
        As from `probe_groups`.

    Returns
    -------
    list of str
        Sentences without their full stop; shares of the variance in percent.
    """
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
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome that was also measured before, as from `check_placebo`:
        what there is of a difference, adjusted, before anything happened. `passed` is
        true if zero lies in the interval, None where there is no interval; a `note`
        alone where it cannot be asked.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> rr.customer_data.check_placebos(read)["outcome"].tolist()
    ['followup_spend_before', 'satisfaction_before']
    """
    customers = take_off_window(read)
    rows = []
    for known, each in list_pairs(read):
        if not each.before:
            continue
        before = known | {"outcome": each.name_before}
        # Of those ever failed it can be asked: a placebo finds that they ordered more.
        if why_not_before(read) and read.mapping.order_rule().design != "ever-failed":
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
        try:
            found = check_placebo(
                customers, before=each.name_before, treated=known["treated"],
                control=known["control"], covariates=names, confidence=confidence,
            )  # fmt: skip
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
        As from `check_placebos`.
    adjusted : DataFrame
        As from `adjust_groups`.

    Returns
    -------
    DataFrame
        The rows of `placebos` with `difference_after`, the adjusted estimate of the
        same outcome afterwards; `passed` is called `zero_in_interval`.
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


def varying(
    customers: pd.DataFrame, groups: Mapping[str, object], name: str
) -> list[str]:
    """Return a column's name if it varies in the two groups."""
    rows = customers["index_outcome"].isin([groups["treated"], groups["control"]])
    return [name] if name in customers and varies(customers.loc[rows, name]) else []


def bound_groups(read: Customers, *, confidence: float = 0.95) -> pd.DataFrame:
    """Bound differences whatever the unknown outcomes were.

    Parameters
    ----------
    read : Customers
        As from `read_customers`.
    confidence : float, optional
        Level of the intervals, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each outcome that is unknown of somebody, also of those who never
        complained against no failure: the fields of `WorstCase`. Estimates are treated
        minus control, in the outcome's unit. A `note` alone where the mapping has no
        limits for it.

    Examples
    --------
    >>> import recovery_research as rr
    >>> read = rr.read_customers("example", mapping="example")
    >>> table = rr.customer_data.bound_groups(read).dropna(subset=["bound_low"])
    >>> bool((table["bound_low"] <= table["bound_high"]).all())
    True
    """
    rows: list[dict[str, object]] = []
    for known, each in list_pairs(read, silent=True):
        chosen = read.customers["index_outcome"].isin(
            [known["treated"], known["control"]]
        )
        if not read.customers.loc[chosen, each.name].isna().any():
            continue
        if each.limits is None:
            unlimited = "the mapping does not say what it can be at most (limits)"
            rows.append({**known, "note": unlimited})
            continue
        lowest, highest = each.limits
        options = {**known, "lowest": lowest, "highest": highest}
        options["confidence"] = confidence
        rows.append(answer(known, bound_worst_case, read, **options))
    return add_doubts(read, count_whole(pd.DataFrame(rows)))


def usable_covariates(read: Customers, treated: str, control: str) -> list[Field]:
    """Return the covariates that are known and vary in the two groups."""
    rows = read.customers["index_outcome"].isin([treated, control])
    chosen = read.customers[rows]
    return [each for each in read.covariates if varies(chosen[each.name])]


def varies(column: pd.Series) -> bool:
    """Return whether a column holds more than one known value."""
    known = column.dropna()
    return len(known) > 0 and bool((known != known.iloc[0]).any())
