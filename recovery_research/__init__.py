"""Simulate service failures and recoveries; test the recovery paradox."""

import lazy_loader

__version__ = "0.1.0"

# Loaded when first used, so that importing the package stays quick.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "departures": ["tabulate_departures"],
        "experiments": ["Experiment"],
        "forks": ["ForkContrast", "contrast_forks", "tabulate_forks"],
        "justice": ["judge", "tabulate_justice"],
        "orders": ["tabulate_orders"],
        "outcomes": [
            "tabulate_customers",
            "tabulate_groups",
            "tabulate_weeks",
        ],
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
        "simulation": ["History", "simulate"],
        "worlds": ["World", "load_world", "tabulate_worlds"],
    },
)
