"""The reports: notebooks run with checked parameters, and what they leave.

The path of one run. `run_request` makes a request of a notebook and its parameters, all
checked. `stored_runs` takes the report's lock and gives the stored report if its
`provenance` is the same; otherwise `runner` stages a folder (`staging`), begins the
record (`bookkeeping`, `records`), has the request executed (`execution`), takes out
tables and figures (`artifacts`), writes the page (`pages`), closes the record, and
moves the folder into place. Then the `index` is written anew, from the records alone
(`history`). A plan (`plans`) does this for many requests, each in a worker process
(`plan_runs`), and `notifications` tell people how they ended.

Asking
    notebooks, declared_parameters, type_hints, checked_parameters, parameter_files,
    run_request, previews, format_reference
Executing
    runner, execution, kernels, processes, kernel_streams, output_limits,
    executed_cells, stopping
Watching what a kernel reads
    kernel_watch, kernel_watch_libraries, kernel_watch_callers, kernel_watch_notes,
    input_hashes, run_inputs
Judging and recording
    exit_codes, failures, records, runs, after_run, bookkeeping, artifacts, run_logs,
    provenance, masking
Keeping
    staging, report_folders, latest, locks, history, run_finder, pruning, stored_runs,
    comparisons, publishing, published_runs, destinations
Looking
    pages, cell_displays, notebook_html, html_cleaning, allowed_html, drawings, index,
    index_board, run_details, comparison_pages, formatting
Plans
    plans, plan_schema, plan_runs, plan_workers, plan_progress, notifications,
    schedules, cron_times
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "run_request": ["Limits"],
        "records": ["RunRecord", "read_record"],
        "runs": ["ReportInterrupted", "ReportRun"],
        "runner": ["run_report"],
        "declared_parameters": ["register_vocabulary"],
    },
)
