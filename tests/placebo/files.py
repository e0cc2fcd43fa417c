"""The logs as files, opened through a mapping as anybody's would be."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from recovery_research.customer_data.reading import Customers, read_customers

from .logs import START, WEEKS, make_complaints, make_orders, make_survey

ORDERS = {
    "shape": "orders",
    "columns": {
        "customer": "customer", "time": "time", "amount": "amount", "failed": "failed",
        "complained": "complained", "resolved": "resolved", "quality": "rating",
        "left": "left",
    },
    "time": {
        "start": str(START.date()),
        "end": str((START + pd.Timedelta(weeks=WEEKS)).date()),
    },
}  # fmt: skip
DESIGNS = {
    "order-based": {"design": "order-based"},
    "first order": {"design": "order-based", "index": "first"},
    "customer-based": {"design": "customer-based"},
    "ever-failed": {"design": "ever-failed"},
}
SURVEY = {
    "shape": "customers",
    "columns": {
        "customer": "customer", "problem": "problem", "complained": "complained",
        "resolved": "resolved", "quality": "rating",
    },
    "outcomes": {
        "spend": {"column": "spend", "kind": "amount", "before": "spend_before",
                  "better": "high"},
        "stayed": {"column": "stayed", "kind": "yes_no", "better": "high"},
        "satisfaction": {"column": "satisfaction", "kind": "number", "limits": [1, 7],
                         "before": "satisfaction_before", "better": "high"},
    },
    "covariates": {
        "orders_before": {"column": "orders_before", "kind": "number"},
        "weeks_known": {"column": "weeks_known", "kind": "number"},
        "region": {"column": "region", "kind": "category"},
    },
}  # fmt: skip
COMPLAINTS = {
    "shape": "complaints",
    "columns": {"complaint": "complaint", "answer": "answer"},
    "answers": {"control": "none"},
    "outcomes": {"disputed": {"column": "disputed", "kind": "yes_no", "better": "low"}},
    "covariates": {"amount": {"column": "amount", "kind": "amount"}},
}


def open_logs(
    shop: str, n_customers: int, seed: int, folder: Path
) -> Iterator[tuple[str, Customers]]:
    """Yield one shop's files, opened: the order log under each design, then the rest.

    Parameters
    ----------
    shop : str
        One of `logs.SHOPS`.
    n_customers, seed : int
        As in `logs.make_orders`.
    folder : Path
        Where files may be written; they are overwritten by the next call.
    """
    path = folder / "orders.parquet"
    make_orders(shop, n_customers, seed).to_parquet(path)
    for name, rule in DESIGNS.items():
        mapping = ORDERS | {"orders": rule | {"followup_weeks": 13.0, "seed": seed}}
        yield name, read_customers(path, mapping=mapping)
    for name, make, mapping in (
        ("survey", make_survey, SURVEY), ("complaints", make_complaints, COMPLAINTS)
    ):  # fmt: skip
        path = folder / f"{name}.parquet"
        make(shop, n_customers, seed).to_parquet(path)
        yield name, read_customers(path, mapping=mapping)
