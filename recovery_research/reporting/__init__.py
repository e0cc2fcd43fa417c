"""The reports: notebooks run with checked parameters, and what they leave."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "orders": ["Limits"],
        "records": ["RunRecord", "read_record"],
        "runner": ["run_report"],
        "runs": ["ReportInterrupted", "ReportRun"],
        "vocabularies": ["register_vocabulary"],
    },
)
