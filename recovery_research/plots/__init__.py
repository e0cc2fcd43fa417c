"""Plots: each takes a tidy table and returns the Axes it drew on."""

import lazy_loader

# Loaded when first used: what draws is slow to import.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "customers": [
            "plot_against_bounds",
            "plot_balance",
            "plot_curves",
            "plot_periods",
            "plot_survival",
            "say_against_bounds",
            "select_drawn",
        ],
        "simulated": [
            "plot_boundary",
            "plot_curve",
            "plot_departures",
            "plot_fit",
            "plot_groups",
            "plot_intervals",
            "plot_life",
            "plot_retention",
            "set_look",
        ],
        "studies": ["plot_findings", "plot_findings_by_world", "plot_sample_sizes"],
    },
)
