"""Estimators by name, as a study would use them on what it sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from .analyses.adjustment import METHODS as ADJUSTMENTS
from .analyses.adjustment import adjust
from .analyses.comparisons import METHODS
from .analyses.contrasts import contrast_known
from .experiments import check_choice
from .studies import Study

# Comparisons of groups as they come; ``naive`` is what `paradox` does of itself.
COMPARISONS = {"naive": "auto"} | {name: name for name in METHODS if name != "auto"}
ESTIMATORS = (*COMPARISONS, *ADJUSTMENTS)
Estimator = str | Callable[[pd.DataFrame], Any]


def check_estimator(study: Study, estimator: object) -> None:
    """Refuse an estimator that the study cannot use."""
    if callable(estimator):
        return
    if not isinstance(estimator, str):
        raise TypeError(
            f"an estimator is one of {list(ESTIMATORS)} or a function of a table; got "
            f"{estimator!r}."
        )
    check_choice("estimator", estimator, ESTIMATORS)
    if estimator in ADJUSTMENTS and not study.adjusts_for:
        raise ValueError(
            f"estimator={estimator!r} adjusts, and a study with sampled="
            f"{study.sampled!r}, index={study.index!r} has nothing to adjust for; "
            "name covariates, or take 'naive'."
        )


def name_estimator(estimator: Estimator) -> str:
    """Return what an estimator is called in tables."""
    if isinstance(estimator, str):
        return estimator
    return getattr(estimator, "__name__", type(estimator).__name__)


def apply_estimator(
    study: Study, estimator: Estimator, sample: pd.DataFrame, confidence: float
) -> Any:
    """Return what the estimator makes of one sample."""
    if not isinstance(estimator, str):
        return estimator(sample)
    customers = sample
    if study.sampled == "trial":
        # Groups of a trial are its policies; the analyses compare groups by this name.
        customers = sample.rename(columns={"policy": "index_outcome"})
    asked: dict[str, Any] = {
        "outcome": study.outcome,
        "treated": study.treated,
        "control": study.control,
        "bounds": 0.0,
        "confidence": confidence,
    }
    if estimator in COMPARISONS:
        return contrast_known(customers, method=COMPARISONS[estimator], **asked)
    return adjust(customers, covariates=study.adjusts_for, method=estimator, **asked)
