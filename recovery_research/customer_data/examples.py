"""The example files: synthetic customers with a few flaws, as real files have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from recovery_research.analysis.index_orders import (
    FOLLOWUP_WEEKS,
    count_by_customer,
    find_drawn_order,
    take_orders,
)
from recovery_research.analysis.order_logs import sort_log
from recovery_research.atomic_files import making_whole
from recovery_research.model.experiments import Experiment
from recovery_research.model.policies import choose_policies
from recovery_research.model.populations import load_population
from recovery_research.model.tables import tabulate_orders
from recovery_research.model.worlds import load_world
from recovery_research.spreadsheet_cells import write_csv

START = pd.Timestamp("2023-01-01")
REGIONS = ("north", "south", "islands")
ANSWERS = ("explanation", "apology", "refund")


def write_examples(folder: Path) -> list[Path]:
    """Write the three example files, the same each time."""
    made = {
        "example.csv": make_customers(4000),
        "example-orders.csv": make_orders(700),
        "example-complaints.csv": make_complaints(1200),
    }
    paths = []
    for name, frame in made.items():
        with making_whole(folder / name) as fresh:
            write_csv(frame, fresh)
        paths.append(folder / name)
    return paths


def simulate_orders(n_customers: int, weeks: float, seed: int) -> pd.DataFrame:
    """Return the orders of synthetic customers of a firm that fails often."""
    policy = replace(choose_policies(["service"])[0], failure_multiplier=3.0)
    experiment = Experiment(
        world=load_world("evidence"),
        policies=[policy],
        population=load_population("webshop"),
        n_customers=n_customers,
        weeks=weeks,
        seed=seed,
    )
    return tabulate_orders(experiment, customers=n_customers)


def draw_index_orders(orders: pd.DataFrame) -> pd.DataFrame:
    """Return customers, one index order each, drawn in the order of their numbers.

    Real files are drawn by id (`index_orders`). This one was made before, and stays as
    it is because people compare with it.
    """
    kept = ["recovery_satisfaction"]
    log = sort_log(orders, span=(0.0, 104.0), keep=["severity", "kind", *kept])
    luck = np.random.default_rng(0).random(log.n_customers)
    chosen = take_orders(log, find_drawn_order(log, luck, FOLLOWUP_WEEKS))
    return count_by_customer(log, chosen, FOLLOWUP_WEEKS, kept)


def name_customers(numbers: pd.Series) -> pd.Series:
    """Return names that say what they are."""
    return "synthetic-" + numbers.astype(str).str.zfill(5)


def say(answers: pd.Series) -> pd.Series:
    """Return yes and no as words, unknown as blank."""
    return answers.map({True: "yes", False: "no"}).fillna("")


def make_customers(n_customers: int) -> pd.DataFrame:
    """Return a customer table of four thousand or so, with a few flaws."""
    rng = np.random.default_rng(20_261_123)
    orders = simulate_orders(n_customers, 104.0, seed=31)
    counted = draw_index_orders(orders)
    counted = counted[counted["index_outcome"] != "no_order"].reset_index(drop=True)
    group = counted["index_outcome"]
    felt = 5.0 + np.log1p(counted["prior_orders"]) / 6.0
    felt += counted["recovery_satisfaction"].fillna(0.0).clip(-1.0, 1.0)
    felt -= 1.2 * group.isin(["silent", "not_recovered"])
    rated = (felt + rng.normal(0.0, 1.0, len(felt))).clip(1.0, 7.0).round()
    answered = rng.random(len(felt)) < 0.7
    usual = 5.0 + np.log1p(counted["prior_orders"]) / 6.0
    heard = group.isin(["recovered", "not_recovered"])
    judged = 4.0 + 1.5 * counted["recovery_satisfaction"].fillna(0.0)
    more = np.random.default_rng(20_261_126)
    day = (counted["index_week"] * 7.0).astype(int)
    left = (counted["left_week"] * 7.0).fillna(-1).astype(int)
    table = pd.DataFrame(
        {
            "customer": name_customers(counted["customer"]),
            "ordered_on": START + pd.to_timedelta(day, unit="D"),
            "had_problem": say(group != "no_failure"),
            "complained": say(counted["index_complained"]),
            "resolved": say(group == "recovered").where(group != "silent", ""),
            "spend_13_weeks": counted["followup_spend"].round(2),
            "stayed_13_weeks": say(counted["alive_13w"]),
            "satisfaction": rated.where(answered),
            "rating_of_answer": rate(judged, 0.5, more).where(heard),
            "closed_account_on": (START + pd.to_timedelta(left, unit="D")).where(
                left >= 0
            ),
            "orders_before": counted["prior_orders"].astype(int),
            "spend_before": counted["prior_spend"].round(2),
            "spend_13_weeks_before": counted["followup_spend_before"].round(2),
            "satisfaction_before": rate(usual, 1.0, more),
            "weeks_known": counted["weeks_known"].round(1),
            "region": rng.choice(REGIONS, len(felt), p=[0.5, 0.4, 0.1]),
        }
    )
    return spoil_customers(table, rng)


def rate(felt: pd.Series, noise: float, rng: np.random.Generator) -> pd.Series:
    """Return ratings from 1 to 7 of what is felt."""
    return (felt + rng.normal(0.0, noise, len(felt))).clip(1.0, 7.0).round()


def spoil_customers(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Put into a table what goes wrong in real ones."""
    places = rng.choice(len(table), 40, replace=False)
    table.loc[places[:15], "had_problem"] = ""
    untroubled = table.index[table["had_problem"] == "no"]
    table.loc[untroubled[:6], "resolved"] = "yes"
    table.loc[places[20:24], "spend_13_weeks"] = -19.95
    repeated = table.iloc[places[25:33]]
    return pd.concat([table, repeated], ignore_index=True)


def make_orders(n_customers: int) -> pd.DataFrame:
    """Return an order log of about seven hundred customers, with a few flaws."""
    rng = np.random.default_rng(20_261_124)
    log = simulate_orders(n_customers, 65.0, seed=32)
    moment = START + pd.to_timedelta((log["week"] * 7 * 24 * 60).astype(int), unit="m")
    failed = log["outcome"] != "no_failure"
    table = pd.DataFrame(
        {
            "order": np.arange(100_000, 100_000 + len(log)),
            "customer": name_customers(log["customer"]),
            "placed_at": moment.dt.strftime("%Y-%m-%d %H:%M"),
            "amount": log["amount"].round(2),
            "late_or_wrong": say(failed),
            "complained": say(log["complained"]),
            "made_good": say(log["resolved"]),
            "answered": say(log["days"].notna()),
            "loss_share": log["severity"].round(2),
            "last_order": say(log["left"]),
        }
    )
    places = rng.choice(len(table), 30, replace=False)
    table.loc[places[:8], "customer"] = ""
    table.loc[places[10:13], "amount"] *= -1.0
    table.loc[places[15:20], "late_or_wrong"] = ""
    return table.sample(frac=1.0, random_state=7).reset_index(drop=True)


def make_complaints(n_complaints: int) -> pd.DataFrame:
    """Return a complaint table; a refund makes a dispute less likely, as stated here.

    The chance of a dispute is 0.30 after an explanation, 0.24 after an apology, 0.12
    after a refund, and 0.06 more for damaged goods, which are refunded more often.
    """
    rng = np.random.default_rng(20_261_125)
    damaged = rng.random(n_complaints) < 0.35
    luck = rng.random(n_complaints)
    answer = np.where(luck < np.where(damaged, 0.45, 0.15), 2, 0)
    answer = np.where(luck > 0.8, 1, answer)
    chance = np.array([0.30, 0.24, 0.12])[answer] + 0.06 * damaged
    disputed = np.where(rng.random(n_complaints) < chance, "Yes", "No")
    unknown = rng.random(n_complaints) < 0.04
    day = np.sort(rng.integers(0, 365, n_complaints))
    numbers = pd.Series(np.arange(n_complaints))
    return pd.DataFrame(
        {
            "case": name_customers(numbers),
            "received": START + pd.to_timedelta(day, unit="D"),
            "answer": np.array(ANSWERS, dtype=object)[answer],
            "disputed": np.where(unknown, "", disputed),
            "goods": np.where(damaged, "damaged", "late"),
        }
    )
