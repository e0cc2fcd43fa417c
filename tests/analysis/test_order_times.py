"""Times in order logs: rounding decides nothing, and unknown leavings stay unknown."""

import numpy as np
import pandas as pd

from recovery_research.analysis.index_orders import customers_from_orders


def log_of(days, unit, **columns):
    """Orders of one customer on some days, counted in weeks of `unit` days."""
    frame = pd.DataFrame({"customer": "a", "week": np.asarray(days) / unit})
    return frame.assign(amount=10.0, outcome="no_failure", **columns)


def test_the_last_day_of_the_window_is_in_it_wherever_the_log_starts():
    # 91 days are 13 weeks, but (origin + 91) / 7 - origin / 7 is not always 13.
    for origin in range(0, 4000, 37):
        orders = log_of(
            [origin, origin + 91, origin + 95], 7.0, left=[False, False, True]
        )
        table = customers_from_orders(orders, design="order-based", index="first")
        assert table["followup_spend"].tolist() == [10.0]
        assert table["alive_13w"].tolist() == [True]
        gone = log_of([origin, origin + 91], 7.0, left=[False, True])
        table = customers_from_orders(gone, design="order-based", index="first")
        # Who left on day 91 has left within 13 weeks.
        assert table["alive_13w"].tolist() == [False]


def test_an_unknown_last_order_is_not_taken_for_staying():
    orders = log_of([0, 40, 200], 7.0, left=[False, None, None])
    orders.loc[2, "customer"] = "b"
    table = customers_from_orders(
        orders, design="order-based", index="first", span=(0.0, 90.0)
    ).set_index("customer")
    assert table["alive_13w"].isna().tolist() == [True, True]
    # An order later than the window shows that the customer was there.
    orders = log_of([0, 92], 7.0, left=[False, None])
    table = customers_from_orders(
        orders, design="order-based", index="first", span=(0.0, 90.0)
    )
    assert table["alive_13w"].tolist() == [True]
    assert table["alive_52w"].isna().all()
