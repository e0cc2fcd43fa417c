"""Simulate service failures and recoveries; test the recovery paradox."""

import lazy_loader

__version__ = "0.1.0"

# Loaded when first used, so that importing the package stays quick.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["Calibration", "calibrate"],
        "claims": ["list_targets", "load_claims"],
        "contrasts": ["ParadoxEstimate", "paradox", "paradox_by_outcome"],
        "departures": ["tabulate_departures"],
        "exhibits": ["show_figure", "show_table"],
        "designs": ["group_by_exposure"],
        "experiments": ["Experiment"],
        "forks": ["ForkContrast", "contrast_forks", "tabulate_forks"],
        "gaps": ["decompose_gap"],
        "justice": ["judge", "tabulate_justice"],
        "orders": ["tabulate_orders"],
        "moments": ["measure_claims"],
        "outcomes": [
            "tabulate_customers",
            "tabulate_groups",
            "tabulate_weeks",
        ],
        "patterns": ["check_pattern"],
        "policies": [
            "RecoveryPolicy",
            "choose_policies",
            "load_policies",
            "tabulate_policies",
        ],
        "policy_contrasts": [
            "PolicyContrast",
            "policy_contrast",
            "policy_contrasts",
        ],
        "populations": [
            "Population",
            "expect_alive",
            "expect_orders",
            "load_population",
        ],
        "rankings": ["find_leader"],
        "ratios": ["RatioEstimate", "paradox_ratio"],
        "reporting.runner": ["run_report"],
        "reporting.runs": ["ReportRun"],
        "simulation": ["History", "simulate"],
        "verification": ["check_boundary", "check_customer_base", "check_targets"],
        "worlds": ["World", "load_world", "tabulate_worlds"],
    },
)
