"""The reports: notebooks run with checked parameters, and what they leave.

The path of one run. `orders` makes an order of a notebook and its parameters, all
checked. `delivery` takes the report's lock and gives the stored report if its
`ingredients` are the same; otherwise `runner` stages a folder on the `shelf`, begins
the record (`bookkeeping`, `records`), has the order executed (`attempts`,
`execution`), takes out tables and figures (`harvest`), writes the page (`pages`),
closes the record, and moves the folder into place. Then the `index` is written anew,
from the records alone (`history`). A plan (`plans`) does this for many orders
(`plan_runs`), each in a worker process (`plan_workers`), and `tellers` tells people
how they ended.

Asking
    catalogue, descriptions, parameters, literals, type_hints, ranges, vocabularies,
    values, choices, cell_checks, parameter_files, given_paths, customer_files, orders,
    previews, projects, environments
Executing
    runner, attempts, deadlines, retries, execution, cell_numbers, kernels,
    kernel_streams, last_words, observations, outputs, watch, memory, signals, orphans,
    progress
Watching what a kernel reads
    kernel_ears, kernel_wraps, kernel_loads, kernel_luck, kernel_names, kernel_callers,
    kernel_notes, input_states, inputs, input_changes
Judging and recording
    exit_codes, ends, verdicts, runs, harvest, bookkeeping, records, record_versions,
    run_logs, fingerprints, provenance, ingredients, masks, secret_forms
Keeping
    shelf, report_folders, pointers, run_files, sharing, locks, delivery, checks,
    past_runs, history, history_cache, history_filters, run_finder, pruning, dismissals,
    repeats, comparisons, table_comparisons, table_keys, changes, publication,
    published_runs, published_index, manifests, stores
Looking
    pages, displays, stills, prose, equations, cleaning, sieve, markup, allow_lists,
    stylesheets, drawings, failures, prints, index, board, parameter_sets, details,
    key_figures, sparklines, comparison_texts, comparison_pages, wording
Plans
    plans, plan_tables, grids, plan_runs, plan_workers, plan_results, plan_progress,
    stopping, following
Telling and scheduling
    notices, notice_files, notify_settings, channels, tellers, schedules,
    schedule_settings, timetables, quoting, formats
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "run_request": ["Limits"],
        "records": ["RunRecord", "read_record"],
        "runner": ["run_report"],
        "runs": ["ReportInterrupted", "ReportRun"],
        "declarations": ["register_vocabulary"],
    },
)
