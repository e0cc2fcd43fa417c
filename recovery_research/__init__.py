"""Simulate service failures and recoveries; test the recovery paradox."""

import lazy_loader

from recovery_research._extras import explaining_extras

__version__ = "0.1.0"

# Loaded when first used, so that importing the package stays quick.
_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["customer_data", "plots", "studies"],
    submod_attrs={
        "analysis.adjustment": ["AdjustedEstimate", "adjust"],
        "analysis.averaged_draws": [
            "DrawAverage",
            "DrawnParadox",
            "average_draws",
            "paradox_over_draws",
        ],
        "analysis.balance": ["tabulate_balance"],
        "analysis.before_after": ["BeforeAfter", "compare_before_after"],
        "analysis.contrasts": ["ParadoxEstimate"],
        "analysis.cox": ["CoxModel", "fit_cox", "tabulate_spells"],
        "analysis.event_study": [
            "EventStudy",
            "fit_event_study",
            "fit_index_event_study",
            "tabulate_panel",
        ],
        "analysis.groups": ["group_by_exposure"],
        "analysis.index_orders": ["customers_from_orders"],
        "analysis.mediation": ["Mediation", "mediate"],
        "analysis.paradox": ["paradox", "paradox_by_outcome"],
        "analysis.parity": ["ParityPoint", "find_parity"],
        "analysis.policy_effects": [
            "PolicyContrast",
            "find_best_policy",
            "policy_contrast",
            "policy_contrasts",
        ],
        "analysis.ratios": ["RatioEstimate", "paradox_ratio"],
        "analysis.retention": [
            "SurvivalContrast",
            "compare_survival",
            "tabulate_survival",
        ],
        "analysis.sample_size": [
            "SampleSize",
            "sample_size_for_means",
            "sample_size_for_proportions",
        ],
        "analysis.sensitivity": [
            "ConfoundingProbe",
            "check_placebo",
            "probe_confounding",
        ],
        "analysis.shares": ["tabulate_shares"],
        "analysis.spending": ["SpendingDecomposition", "decompose_spending"],
        "analysis.tipping_points": ["MissingProbe"],
        "analysis.worst_cases": ["WorstCase", "bound_worst_case", "probe_missing"],
        "calibration.claims": ["list_targets", "load_claims", "measure_claims"],
        "calibration.fit": ["Calibration", "calibrate"],
        "calibration.stylized_facts": [
            "check_boundary",
            "check_customer_base",
            "check_pattern",
            "check_targets",
        ],
        "customer_data.issues": ["CustomerCheck", "CustomerFileError"],
        "customer_data.mapping_drafts": ["draft_mapping"],
        "customer_data.reading": ["Customers", "check_customers", "read_customers"],
        "exhibits": ["show_figure", "show_table"],
        "model.experiments": ["Experiment"],
        "model._random": ["draw_uniform"],
        "model.forks": [
            "ForkContrast",
            "contrast_forks",
            "decompose_gap",
            "tabulate_forks",
        ],
        "model.justice": ["judge_distributive", "judge_policy", "tabulate_justice"],
        "model.policies": [
            "RecoveryPolicy",
            "choose_policies",
            "load_policies",
            "tabulate_policies",
            "why_no_recovery",
        ],
        "model.populations": [
            "Population",
            "expect_alive",
            "expect_orders",
            "load_population",
        ],
        "model.simulation": ["History", "simulate"],
        "model.tables": [
            "tabulate_customers",
            "tabulate_departures",
            "tabulate_groups",
            "tabulate_orders",
            "tabulate_weeks",
        ],
        "model.worlds": ["World", "load_world", "tabulate_worlds"],
        "reference": ["search"],
        "reports.checked_parameters": ["check_parameters"],
        "reports.runs": ["ReportRun"],
        "reports.runner": ["run_report"],
        "studies.design": ["Study"],
        "studies.diagnosis": [
            "Diagnosis",
            "compare_estimators",
            "diagnose",
            "tabulate_diagnoses",
            "tabulate_findings",
        ],
        "studies.estimands": ["find_truth"],
        "studies.performance": ["Measure", "Truth", "measure_performance"],
        "studies.samples": ["draw_sample"],
        "studies.surveys": [
            "announce_paradox",
            "compare_carelessly",
            "compare_spend",
            "decompose_gaps",
        ],
        "texts": ["escape", "quote_code", "say", "say_name"],
    },
)


def __getattr__(name: str) -> object:
    """Load what is public; of the reports' names, say with what they are installed."""
    with explaining_extras():
        return _load(name)
