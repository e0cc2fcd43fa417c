"""Somebody's own customers: files read, checked and made into the analyses' tables.

The way of a file: `sources` finds it, `readers` open it by what its bytes say it is,
`databases` are asked by one select; `mapping` says what columns mean, `columns` have
`cells`, `numbers` and `dates` read, `impossible_rows` sets aside what cannot be,
`order_lines` adds lines up, `tables` puts the rest together, `doubts` say what to be
careful about. `reading` is the front door; `questions` and `answers` are what a report
asks of a file and is told.
"""

import lazy_loader

# What a notebook on a file asks for. Reading itself is public at the package's door:
# `read_customers`, `check_customers` and `draft_mapping`.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answers": [
            "adjust_groups",
            "bound_groups",
            "check_placebos",
            "compare_group_survival",
            "decompose_group_spending",
            "probe_groups",
            "say_in_short",
            "say_probes",
            "set_beside",
            "tabulate_balances",
        ],
        "answers_over_time": [
            "compare_changes",
            "explain_through",
            "find_parities",
            "fit_group_cox",
            "follow_index_orders",
        ],
        "comparison": [
            "compare_ratios",
            "contrast_outcomes",
            "count_exposure",
            "find_groups",
            "probe_unknown",
            "say_unknown",
            "tell_file",
            "tell_unknown",
        ],
        "questions": [
            "check_through",
            "contrast_groups",
            "contrast_over_draws",
            "describe_groups",
            "list_questions",
            "main_questions",
            "read_bounds",
        ],
        "sentences": [
            "find_untold",
            "list_limits",
            "name_rows",
            "say_absent",
            "say_design",
            "say_notes",
            "say_nothing_before",
            "say_p",
            "say_verdicts",
            "show_group",
            "tabulate_mapping",
        ],
        "sources": ["is_example"],
    },
)
