"""Diagnoses side by side, as tables for readers and for figures."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from .analyses.performance import MEASURES
from .diagnosis import Diagnosis
from .study_estimators import ADJUSTMENTS, COMPARISONS


def tabulate_findings(diagnoses: Iterable[Diagnosis]) -> pd.DataFrame:
    """Tabulate what studies find, and how far they scatter, beside the truth.

    Parameters
    ----------
    diagnoses : iterable of Diagnosis
        Of any designs and worlds.

    Returns
    -------
    DataFrame
        ``world, sampled, outcome, view, estimate, low, high, n_used``. For an
        estimator (view ``naive`` for the comparisons of groups as they come,
        ``adjusted`` for the adjusting ones, else its name) the mean of the estimates
        and the range that the middle 95 % of them lie in, missing without any; for
        view ``truth``, once a design, the truth and its 95 % interval.
    """
    rows, seen = [], set()
    for found in diagnoses:
        study = found.study
        design = (study.world.name, study.sampled, study.outcome)
        fits = found.replications.loc[found.replications["failure"] == "", "estimate"]
        if design not in seen:
            seen.add(design)
            reach = 1.96 * found.truth.std_error
            value = found.truth.estimate
            rows.append((*design, "truth", value, value - reach, value + reach,
                         found.truth.n_used))  # fmt: skip
        view = name_view(found.estimator)
        rows.append((*design, view, fits.mean(), fits.quantile(0.025),
                     fits.quantile(0.975), len(fits)))  # fmt: skip
    columns = ["world", "sampled", "outcome", "view", "estimate", "low", "high",
               "n_used"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def name_view(estimator: str) -> str:
    """Return the kind of estimator: as they come, adjusted, or one of its own."""
    if estimator in COMPARISONS:
        return "naive"
    return "adjusted" if estimator in ADJUSTMENTS else estimator


def tabulate_diagnoses(diagnoses: Iterable[Diagnosis]) -> pd.DataFrame:
    """Tabulate diagnoses, one row each, every measure beside its Monte Carlo error.

    Parameters
    ----------
    diagnoses : iterable of Diagnosis
        Of any designs and worlds.

    Returns
    -------
    DataFrame
        ``world, sampled, outcome, n_customers, estimator, truth, truth_std_error``,
        then each measure and its error (``bias, bias_std_error`` ...),
        ``n_replications, n_failed``.
    """
    rows = []
    for found in diagnoses:
        row = found.to_frame().iloc[0].drop(["measure", "estimate", "std_error",
            "ci_low", "ci_high", "confidence", "n_used", "note"]).to_dict()  # fmt: skip
        counts = {name: row.pop(name) for name in ("n_replications", "n_failed")}
        for name in MEASURES:
            measure = getattr(found, name)
            row |= {name: measure.estimate, f"{name}_std_error": measure.std_error}
        rows.append(row | counts)
    return pd.DataFrame(rows)


def say_bias(one: Diagnosis) -> str:
    """Say in words how a study's bias lies to the truth, given its luck."""
    bias = one.bias
    said = f"{bias.estimate:+.2f} dollars, {bias.ci_low:+.2f} to {bias.ci_high:+.2f}"
    if bias.ci_low > 0.0:
        return f"flatters the treated ({said})"
    if bias.ci_high < 0.0:
        return f"makes the treated look worse ({said})"
    if bias.ci_low <= 0.0 <= bias.ci_high:
        return f"cannot be told from the truth ({said})"
    return "has too few answers to tell"
