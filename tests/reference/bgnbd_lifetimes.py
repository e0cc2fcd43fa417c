"""Make ``bgnbd_summary.csv`` and ``bgnbd_lifetimes.json``: lifetimes fits our orders.

The fitter is no dependency of the project; it runs in an environment of its own::

    python tests/reference/bgnbd_lifetimes.py simulate FOLDER    # the project's Python
    pip install lifetimes==0.11.3 "numpy<1.26" "pandas<2.1" "scipy<1.11"
    python tests/reference/bgnbd_lifetimes.py fit FOLDER         # that other Python

`simulate` writes the summary of 1,500 customers beside this file, and the order log of
20,000 into FOLDER. BG/NBD starts the clock at a first purchase that is not counted:
that is the customer's acquisition at week 0, written into the log as an order.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
WEEKS, FEW, MANY = 39, 1500, 20_000
START = pd.Timestamp("2001-01-01")


def simulate(folder):
    import recovery_research as rr

    experiment = rr.Experiment(
        world=rr.load_world("claims").without(
            "learning", "disconfirmation", "reciprocity"
        ),
        policies=rr.choose_policies(["over_deliver"]),
        population=rr.load_population("cdnow"), n_customers=MANY, weeks=WEEKS, seed=31,
    )  # fmt: skip
    orders = rr.tabulate_orders(experiment, customers=MANY)[["customer", "week"]]
    weeks = orders.groupby("customer")["week"]
    summary = pd.DataFrame({"frequency": weeks.size(), "recency": weeks.max()})
    summary = summary.reindex(range(FEW), fill_value=0)
    summary.to_csv(HERE / "bgnbd_summary.csv", index=False)
    acquired = pd.DataFrame({"customer": range(MANY), "week": 0.0})
    pd.concat([acquired, orders]).to_csv(folder / "orders.csv", index=False)


def fit(folder):
    import lifetimes

    few = pd.read_csv(HERE / "bgnbd_summary.csv")
    fitter = lifetimes.BetaGeoFitter()
    fitter.fit(few["frequency"], few["recency"], np.full(FEW, float(WEEKS)), tol=1e-7)
    kept = {
        "lifetimes": lifetimes.__version__,
        "weeks": WEEKS,
        "customers": FEW,
        "fit": dict(fitter.params_),
    }
    # The whole way of an analyst: transaction log, their summary, their fit.
    log = pd.read_csv(folder / "orders.csv")
    log["time"] = START + pd.to_timedelta(log["week"] * 7 * 24, unit="h")
    hours = WEEKS * 7 * 24
    summary = lifetimes.utils.summary_data_from_transaction_data(
        log, "customer", "time", freq="h",
        observation_period_end=START + pd.to_timedelta(hours, unit="h"),
    )  # fmt: skip
    for name in ("recency", "T"):
        summary[name] /= 7 * 24
    fitter = lifetimes.BetaGeoFitter()
    fitter.fit(summary["frequency"], summary["recency"], summary["T"], tol=1e-7)
    kept["log_fit"] = dict(fitter.params_)
    kept["log_errors"] = dict(fitter.standard_errors_)
    kept["log_customers"] = len(summary)
    text = json.dumps(kept, indent=1, sort_keys=True)
    (HERE / "bgnbd_lifetimes.json").write_text(text + "\n")


if __name__ == "__main__":
    {"simulate": simulate, "fit": fit}[sys.argv[1]](Path(sys.argv[2]))
