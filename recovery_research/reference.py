"""The public names, grouped by what one wants to do, and found by the field's words."""

from __future__ import annotations

import importlib
import inspect
import re
from operator import attrgetter
from typing import TYPE_CHECKING

from recovery_research._checks import did_you_mean
from recovery_research._extras import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

# Every public name stands in one group, in the order of a reader's work.
GROUPS = {
    "simulate": (
        "Experiment", "simulate", "History", "tabulate_customers", "tabulate_weeks",
        "tabulate_orders", "tabulate_groups", "tabulate_departures", "draw_uniform",
    ),
    "set a world": (
        "load_world", "World", "tabulate_worlds", "load_population", "Population",
        "load_policies", "choose_policies", "tabulate_policies", "RecoveryPolicy",
        "why_no_recovery", "judge_policy", "judge_distributive", "tabulate_justice",
    ),
    "fork": (
        "tabulate_forks", "contrast_forks", "ForkContrast", "decompose_gap",
        "decompose_gaps",
    ),
    "read": (
        "read_customers", "Customers", "check_customers", "CustomerCheck",
        "CustomerFileError", "draft_mapping", "customers_from_orders",
        "group_by_exposure", "tabulate_panel", "tabulate_spells", "customer_data",
    ),
    "compare": (
        "paradox", "ParadoxEstimate", "paradox_by_outcome", "paradox_ratio",
        "RatioEstimate", "compare_spend", "decompose_spending",
        "SpendingDecomposition", "tabulate_shares", "find_parity", "ParityPoint",
        "paradox_over_draws", "DrawnParadox", "average_draws", "DrawAverage",
    ),
    "compare policies": (
        "policy_contrast", "PolicyContrast", "policy_contrasts", "find_best_policy",
    ),
    "adjust": (
        "adjust", "AdjustedEstimate", "tabulate_balance", "mediate", "Mediation",
    ),
    "doubt": (
        "check_placebo", "probe_confounding", "ConfoundingProbe", "probe_missing",
        "MissingProbe", "bound_worst_case", "WorstCase",
    ),
    "follow": (
        "tabulate_survival", "compare_survival", "SurvivalContrast", "fit_cox",
        "CoxModel", "compare_before_after", "BeforeAfter", "fit_event_study",
        "fit_index_event_study", "EventStudy",
    ),
    "diagnose": (
        "Study", "draw_sample", "find_truth", "Truth", "diagnose",
        "compare_estimators", "Diagnosis", "tabulate_diagnoses", "tabulate_findings",
        "measure_performance", "Measure", "sample_size_for_means",
        "sample_size_for_proportions", "SampleSize", "announce_paradox",
        "compare_carelessly", "studies",
    ),
    "calibrate": (
        "calibrate", "Calibration", "load_claims", "list_targets", "measure_claims",
        "check_targets", "check_pattern", "check_boundary", "check_customer_base",
        "expect_alive", "expect_orders",
    ),
    "plot": (
        "plots", *(f"plots.{name}" for name in (
            "set_look", "plot_intervals", "plot_groups", "plot_against_bounds",
            "plot_survival", "plot_retention", "plot_departures", "plot_life",
            "plot_balance", "plot_periods", "plot_curves", "plot_curve",
            "plot_findings", "plot_findings_by_world", "plot_sample_sizes",
            "plot_boundary", "plot_fit", "select_drawn", "say_against_bounds",
        )),
    ),
    "report": (
        "run_report", "ReportRun", "check_parameters", "show_table", "show_figure",
        "search", "say", "say_name", "escape", "quote_code",
    ),
    "ask your file": tuple(f"customer_data.{name}" for name in (
        "list_questions", "main_questions", "describe_groups", "contrast_groups",
        "contrast_over_draws", "contrast_outcomes", "compare_ratios", "find_groups",
        "count_exposure", "adjust_groups", "tabulate_balances", "check_placebos",
        "set_beside", "probe_groups", "probe_unknown", "bound_groups",
        "decompose_group_spending", "compare_changes", "follow_index_orders",
        "compare_group_survival", "fit_group_cox", "explain_through", "find_parities",
        "read_bounds", "check_through", "is_example", "tabulate_mapping",
    )),
    "put into words": (*(f"customer_data.{name}" for name in (
        "say_in_short", "say_verdicts", "say_design", "say_probes", "say_unknown",
        "say_notes", "say_absent", "say_nothing_before", "say_p", "show_group",
        "name_rows", "find_untold", "tell_file", "tell_unknown", "list_limits",
    )), *(f"studies.{name}" for name in (
        "say_survey", "say_gaps", "say_effects", "say_selection", "say_careless",
        "say_bias", "say_notes", "find_gap_part",
    ))),
}  # fmt: skip

# What people of the field call it, where neither the name nor its summary does.
WORDS = {
    "retention": ("tabulate_survival", "compare_survival"),
    "churn attrition defection": (
        "fit_cox", "tabulate_departures", "compare_survival"),
    "survival kaplan meier km rmst log rank restricted mean": (
        "tabulate_survival", "compare_survival", "plots.plot_survival"),
    "cox proportional hazards hazard ratio efron breslow": (
        "fit_cox", "tabulate_spells"),
    "potential outcomes counterfactual causal what if twin": (
        "tabulate_forks", "contrast_forks", "find_truth", "decompose_gap"),
    "selection confounding": ("decompose_gap", "adjust", "probe_confounding"),
    "equivalence tost margin no difference": ("paradox", "paradox_by_outcome"),
    "t test welch mean difference proportion newcombe bootstrap interval": (
        "paradox", "tabulate_shares"),
    "propensity score ipw aipw doubly robust matching overlap regression": (
        "adjust", "tabulate_balance"),
    "weighting weights": ("adjust", "tabulate_balance"),
    "standardised difference smd love": ("tabulate_balance", "plots.plot_balance"),
    "e value robustness value unmeasured sensitivity": ("probe_confounding",),
    "negative control falsification": ("check_placebo",),
    "missing data nonresponse dropout mnar tipping point": (
        "probe_missing", "bound_worst_case"),
    "manski partial identification": ("bound_worst_case",),
    "mediator mediation indirect effect mechanism": ("mediate",),
    "difference in differences did panel event study parallel trends": (
        "fit_event_study", "fit_index_event_study", "tabulate_panel"),
    "regression to the mean ancova pre post repeated": ("compare_before_after",),
    "power significance required n": (
        "sample_size_for_means", "sample_size_for_proportions", "diagnose"),
    "bias coverage rmse type s type m monte carlo": (
        "diagnose", "measure_performance", "tabulate_diagnoses"),
    "forest chart figure graph": ("plots.plot_intervals", "show_figure"),
    "estimand true effect": ("find_truth", "Truth"),
    "bg nbd buy till you die clv lifetime": (
        "load_population", "check_customer_base", "expect_orders"),
    "simulated method of moments fit targets": ("calibrate", "measure_claims"),
    "common random numbers seed replay": ("simulate", "Experiment"),
    "double deviation failed recovery": ("contrast_forks", "paradox"),
    "compensation apology refund speed levers": ("RecoveryPolicy", "tabulate_policies"),
    "word of mouth nps satisfaction trust profit": (
        "tabulate_customers", "policy_contrasts", "paradox_by_outcome"),
    "threshold break even how good": ("find_parity",),
    "two part hurdle zero inflated": ("decompose_spending",),
    "csv excel spss stata database load import": ("read_customers", "draft_mapping"),
    "holm multiple testing": ("paradox_by_outcome",),
    "dose response": ("find_parity",),
    "notebook papermill export": ("run_report",),
}  # fmt: skip


def search(words: str) -> pd.DataFrame:
    """Find public names by the words of the field.

    Parameters
    ----------
    words : str
        One word or several, such as ``"churn"`` or ``"missing data"``; case and
        hyphens do not matter. A name that has all of them comes first.

    Returns
    -------
    DataFrame
        `name` (as it stands after ``rr.``), `group` (what one does with it) and
        `summary`, the best first.

    Raises
    ------
    ValueError
        If there is no word, or nothing is found under any; then with the word of ours
        that is nearest.

    Examples
    --------
    >>> search("churn")["name"].tolist()
    ['fit_cox', 'tabulate_departures', 'compare_survival']
    """
    import pandas as pd

    asked = _split(words)
    if not asked:
        raise ValueError(
            f"words is {words!r}; write what you look for, such as 'retention'."
        )
    rows = []
    known: set[str] = set()
    for group, names in GROUPS.items():
        for name in names:
            summary = summarise(name)
            own = _split(f"{name} {group}")
            known |= own | _split(summary)
            score = sum(_rate(word, name, own, _split(summary)) for word in asked)
            # Who writes a whole name means it.
            score += 1000.0 * (_split(name) == asked and len(asked) > 1)
            if score:
                rows.append((score, name, group, summary))
    if not rows:
        known |= {word for written in WORDS for word in _split(written)}
        raise ValueError(
            f"nothing is found under {words!r}."
            + did_you_mean(" ".join(sorted(asked)), known)
            + f" Groups are {', '.join(GROUPS)}."
        )
    rows.sort(key=lambda row: -row[0])
    return pd.DataFrame([row[1:] for row in rows], columns=["name", "group", "summary"])


def look_up(name: str) -> object:
    """Return what a public name stands for, also one such as ``plots.plot_fit``."""
    return attrgetter(name)(importlib.import_module(__package__))


def summarise(name: str) -> str:
    """Return the first line that is said of a name, or what to install to have it."""
    try:
        return (inspect.getdoc(look_up(name)) or "").partition("\n")[0]
    except MissingExtraError as error:
        return str(error)


def _split(words: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", str(words).lower().replace("_", " ")))


def _rate(word: str, name: str, own: set[str], summary: set[str]) -> float:
    """Return how well a name answers a word: the field's word for it counts most."""
    for written, names in WORDS.items():
        if name in names and any(_alike(word, each) for each in _split(written)):
            return 100.0 - names.index(name)
    if any(_alike(word, each) for each in own):
        return 10.0
    return float(any(_alike(word, each) for each in summary))


def _alike(word: str, other: str) -> bool:
    """Tell whether two words are one but for their ending."""
    stem = min(len(word), len(other))
    return word == other or (stem >= 5 and word[:stem] == other[:stem])
