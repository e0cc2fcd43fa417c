"""Small customer files for the tests, and a mapping that fits them."""

import copy

import pandas as pd

MAPPING = {
    "shape": "customers",
    "columns": {
        "customer": "id",
        "problem": "problem",
        "complained": "complained",
        "resolved": "resolved",
        "order_time": "ordered",
        "complaint_time": "called",
    },
    "outcomes": {
        "spend": {"column": "spend_90", "kind": "amount"},
        "stayed": {"column": "active", "kind": "yes_no"},
    },
    "covariates": {"region": {"column": "region", "kind": "category"}},
}
HEADER = "id,problem,complained,resolved,ordered,called,spend_90,active,region"
# Two of each group, so that everything but the sizes is in order.
ROWS = [
    "a1,no,,,2024-01-05,,120.50,yes,north",
    "a2,no,no,no,2024-02-05,,0,no,south",
    "b1,yes,no,,2024-01-09,,30,no,north",
    "b2,yes,no,no,2024-03-01,,45.25,yes,south",
    "c1,yes,yes,yes,2024-01-15,2024-01-20,99,yes,south",
    "c2,yes,yes,yes,2024-01-16,2024-01-16,130,,north",
    "d1,yes,yes,no,2024-02-15,2024-02-18,5,no,south",
    "d2,yes,yes,no,2024-02-11,2024-02-19,12.75,no,north",
]


def but(**parts):
    """Return the mapping with some parts replaced; None takes a part out."""
    mapping = copy.deepcopy(MAPPING) | parts
    return {name: part for name, part in mapping.items() if part is not None}


def write_rows(path, rows, header=HEADER):
    """Write a CSV file of texts as they are."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def same(read, expected):
    made = read.customers
    assert list(made) == list(expected)
    for name in made:
        left, right = made[name].tolist(), expected[name].tolist()
        pd.testing.assert_series_equal(
            pd.Series(left), pd.Series(right), check_dtype=False, obj=name
        )
