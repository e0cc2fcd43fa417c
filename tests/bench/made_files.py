"""Files of many customers and orders, made for the benchmark."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

START = pd.Timestamp("2023-01-01")
YES_NO = np.array(["no", "yes"], dtype=object)
CUSTOMERS_MAPPING = """\
shape = "customers"
[columns]
customer = "id"
problem = "problem"
complained = "complained"
resolved = "resolved"
order_time = "ordered"
left_time = "left"
[outcomes]
spend = { column = "spend", kind = "amount", bounds = 2.0, before = "spend_before" }
stayed = { column = "stayed", kind = "yes_no", bounds = 0.01 }
satisfaction = { column = "satisfaction", kind = "number", limits = [1, 7] }
[covariates]
age = { column = "age", kind = "number" }
orders = { column = "orders", kind = "number" }
region = { column = "region", kind = "category" }
[time]
end = "2024-12-01"
"""
ORDERS_MAPPING = {
    "shape": "orders",
    "columns": {
        "customer": "customer", "time": "placed", "amount": "amount",
        "failed": "failed", "complained": "complained", "resolved": "resolved",
    },
    "orders": {"design": "order-based"},
    "time": {"timezone": "UTC"},
}  # fmt: skip


def draw_problems(rng: np.random.Generator, n: int, share: float) -> dict:
    """Return who was failed, complained and was recovered, as words."""
    failed = rng.random(n) < share
    complained = failed & (rng.random(n) < 0.4)
    resolved = complained & (rng.random(n) < 0.7)
    said = {"failed": failed, "complained": complained, "resolved": resolved}
    return {name: YES_NO[flags.astype(int)] for name, flags in said.items()}


def write_customers(folder: Path, n: int) -> tuple[Path, Path]:
    """Write a customer table as CSV, and its mapping."""
    rng = np.random.default_rng(1)
    said = draw_problems(rng, n, 0.1)
    age = rng.exponential(50.0, n)
    ordered = START + pd.to_timedelta(rng.integers(0, 500, n), unit="D")
    left = ordered + pd.to_timedelta(rng.exponential(700, n).astype(int), unit="D")
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            "problem": said.pop("failed"),
            **said,
            "ordered": ordered.strftime("%Y-%m-%d"),
            "left": pd.Series(left).where(left < "2024-12-01").dt.strftime("%Y-%m-%d"),
            "spend": rng.exponential(60, n) * (rng.random(n) < 0.6) + 0.1 * age,
            "spend_before": rng.exponential(60, n) + 0.1 * age,
            "stayed": YES_NO[(rng.random(n) < 0.8).astype(int)],
            "satisfaction": rng.integers(1, 8, n),
            "age": age,
            "orders": rng.poisson(3, n),
            "region": rng.choice(["n", "s", "e", "w"], n),
        }
    ).round(2)
    path, mapping = folder / "customers.csv", folder / "customers.toml"
    table.to_csv(path, index=False)
    mapping.write_text(CUSTOMERS_MAPPING, encoding="utf-8")
    return path, mapping


def write_orders(folder: Path, n: int) -> list[Path]:
    """Write an order log, ten orders a customer, as CSV and as Parquet."""
    rng = np.random.default_rng(2)
    seconds = np.sort(rng.random(n) * 104 * 7 * 86400).astype("int64")
    table = pa.table(
        {
            "customer": rng.integers(0, max(2, n // 10), n),
            "placed": pa.array(
                (START + pd.to_timedelta(seconds, unit="s")).astype("datetime64[s]")
            ),
            "amount": rng.exponential(30.0, n).round(2),
            **{
                name: pa.array(words).dictionary_encode()
                for name, words in draw_problems(rng, n, 0.04).items()
            },
        }
    )
    paths = [folder / "orders.parquet", folder / "orders.csv"]
    pa.parquet.write_table(table, paths[0])
    pa.csv.write_csv(table, paths[1])
    return paths
