"""Simulate service failures and recoveries; test the recovery paradox."""

import lazy_loader

__version__ = "0.1.0"

# Loaded when first used, so that importing the package stays quick.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "analyses.adjustment": ["AdjustedEstimate", "adjust"],
        "analyses.balance": ["tabulate_balance"],
        "analyses.before_after": ["compare_before_after"],
        "analyses.contrasts": ["ParadoxEstimate", "paradox", "paradox_by_outcome"],
        "analyses.designs": ["group_by_exposure"],
        "analyses.event_study": ["study_event", "tabulate_panel"],
        "analyses.leaving": ["fit_leaving", "tabulate_spells"],
        "analyses.mediation": ["mediate"],
        "analyses.performance": ["Measure", "Truth", "measure_performance"],
        "analyses.policy_effects": [
            "PolicyContrast",
            "policy_contrast",
            "policy_contrasts",
        ],
        "analyses.rankings": ["find_leader"],
        "analyses.ratios": ["RatioEstimate", "paradox_ratio"],
        "analyses.sample_sizes": [
            "SampleSize",
            "sample_size_for_means",
            "sample_size_for_proportions",
        ],
        "analyses.sensitivity": ["check_placebo", "probe_confounding"],
        "analyses.spending": ["divide_spending"],
        "analyses.staying": ["compare_staying", "tabulate_staying"],
        "analyses.thresholds": ["find_parity"],
        "analyses.worst_cases": ["bound_worst_case"],
        "calibration": ["Calibration", "calibrate"],
        "claims": ["list_targets", "load_claims"],
        "customers.order_customers": ["customers_from_orders"],
        "customers.reading": ["read_customers"],
        "departures": ["tabulate_departures"],
        "diagnosis": [
            "Diagnosis",
            "compare_estimators",
            "diagnose",
        ],
        "exhibits": ["show_figure", "show_table"],
        "experiments": ["Experiment"],
        "forks": ["ForkContrast", "contrast_forks", "tabulate_forks"],
        "gaps": ["decompose_gap"],
        "justice": ["judge", "tabulate_justice"],
        "moments": ["measure_claims"],
        "orders": ["tabulate_orders"],
        "outcomes": ["tabulate_customers", "tabulate_groups", "tabulate_weeks"],
        "patterns": ["check_pattern"],
        "policies": [
            "RecoveryPolicy",
            "choose_policies",
            "load_policies",
            "tabulate_policies",
        ],
        "populations": [
            "Population",
            "expect_alive",
            "expect_orders",
            "load_population",
        ],
        "reporting.runner": ["run_report"],
        "reporting.runs": ["ReportRun"],
        "simulation": ["History", "simulate"],
        "studies": ["Study"],
        "study_samples": ["reveal"],
        "study_tables": ["tabulate_diagnoses", "tabulate_findings"],
        "study_truths": ["find_truth"],
        "verification": ["check_boundary", "check_customer_base", "check_targets"],
        "worlds": ["World", "load_world", "tabulate_worlds"],
    },
)
