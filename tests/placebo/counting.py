"""Counting over many logs what was announced, and holding it against what is promised."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from .announcements import Announcement

KEYS = ["shop", "file", "n_customers", "analysis", "term"]
# An analysis keeps its promise if it announces no more than it may, give or take three
# Monte Carlo errors; with some hundred rows in a table two would be too few.
ERRORS_ALLOWED = 3.0
# It says so if, of the announcements that are false, nearly all carry a doubt.
DOUBTS_NEEDED = 0.95
KEPT, SAID, BROKEN, SILENT = "kept", "says so", "BROKEN", "no interval"


def tabulate_said(
    shop: str, file: str, n_customers: int, seed: int, said: Iterable[Announcement]
) -> pd.DataFrame:
    """Return what was said of one file as rows, one an announcement."""
    rows = pd.DataFrame(said, columns=Announcement._fields)
    answered = rows["low"].notna() & rows["high"].notna()
    level = 1.0 - rows["confidence"]
    return pd.DataFrame(
        {
            "shop": shop,
            "file": file,
            "n_customers": n_customers,
            "analysis": rows["analysis"],
            "term": rows["term"],
            "seed": seed,
            "answered": answered | rows["p_value"].notna(),
            "above": answered & (rows["low"] > 0.0),
            "below": answered & (rows["high"] < 0.0),
            "rejected": rows["p_value"] < level,
            "noted": rows["note"] != "",
            "promised": level,
        }
    )


def count_announcements(said: pd.DataFrame) -> pd.DataFrame:
    """Count over logs how often an analysis announced what is not there.

    Parameters
    ----------
    said : DataFrame
        Rows of `tabulate_said`, of many logs.

    Returns
    -------
    DataFrame
        One row per shop, kind of file, size, analysis and term: ``n_logs``;
        ``n_answered``, with an interval or a p-value; the shares of those ``above`` and
        ``below`` zero, ``announced`` (either, or a p-value below the level),
        ``promised`` and ``mc_error``, that of a share as promised; ``noted``, the share
        with a doubt, and ``noted_announced``, the same among false announcements; and
        ``kept``, in a word.
    """
    rows = [
        dict(zip(KEYS, key, strict=True)) | count_shares(part)
        for key, part in said.groupby(KEYS, sort=False, dropna=False)
    ]
    return pd.DataFrame(rows)


def count_shares(part: pd.DataFrame) -> dict[str, object]:
    """Count one analysis's rows; the columns of `count_announcements` but the keys."""
    announced = part["above"] | part["below"] | part["rejected"]
    answered = part.assign(announced=announced)[part["answered"]]
    n, false = len(answered), answered[answered["announced"]]
    known = part["promised"].dropna()
    promised = float(known.max()) if len(known) else math.nan
    row = {
        "n_logs": part["seed"].nunique(),
        "n_answered": n,
        **{
            name: answered[name].mean() if n else math.nan
            for name in ("above", "below", "announced")
        },
        "promised": promised,
        "mc_error": math.sqrt(promised * (1.0 - promised) / n) if n else math.nan,
        "noted": part["noted"].mean(),
        "noted_announced": false["noted"].mean() if len(false) else math.nan,
    }
    return row | {"kept": keep(row)}


def keep(row: dict[str, object]) -> str:
    """Say in a word whether an analysis kept its promise."""
    if not row["n_answered"]:
        return SILENT
    allowed = row["promised"] + ERRORS_ALLOWED * row["mc_error"]
    if row["announced"] <= allowed:
        return KEPT
    return SAID if row["noted_announced"] >= DOUBTS_NEEDED else BROKEN


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per analysis and kind of file: its worst, and how many broke."""
    rows = []
    for (analysis, file), part in table.groupby(["analysis", "file"], sort=False):
        there = part[part["n_answered"] > 0]
        if not len(there):
            continue
        worst = there.loc[there["announced"].idxmax()]
        rows.append(
            {
                "analysis": analysis,
                "file": file,
                "rows": len(there),
                "kept": int((there["kept"] == KEPT).sum()),
                "says so": int((there["kept"] == SAID).sum()),
                "broken": int((there["kept"] == BROKEN).sum()),
                "mean": float(
                    np.average(there["announced"], weights=there["n_answered"])
                ),
                "worst": worst["announced"],
                "of": int(worst["n_answered"]),
                "promised": worst["promised"],
                "where": f"{worst['shop']}, {worst['n_customers']:,}, {worst['term']}",
            }
        )
    return pd.DataFrame(rows)
