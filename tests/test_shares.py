"""Shares of yes by group: against statsmodels and a root found by hand."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from recovery_research.analyses.shares import ratio_limits, tabulate_shares


def table(**groups):
    """Complaints: for each group how many yes, no and unknown."""
    rows = [
        (name, answer)
        for name, (yes, no, unknown) in groups.items()
        for answer in [True] * yes + [False] * no + [None] * unknown
    ]
    frame = pd.DataFrame(rows, columns=["index_outcome", "disputed"])
    return frame.astype({"disputed": "boolean"})


COMPLAINTS = table(none=(31, 89, 7), money=(4, 37, 0), gift=(0, 9, 2))


def test_against_statsmodels():
    found = tabulate_shares(COMPLAINTS, outcome="disputed", control="none")
    assert found["group"].tolist() == ["none", "money", "gift"]
    assert found["n"].tolist() == [120, 41, 9]
    assert found["n_missing"].tolist() == [7, 0, 2]
    for row in found.itertuples():
        limits = proportion_confint(row.n_yes, row.n, method="wilson")
        assert_allclose((row.ci_low, row.ci_high), limits, atol=1e-12)
    money = found.set_index("group").loc["money"]
    assert_allclose(money["difference"], 4 / 41 - 31 / 120)
    limits = confint_proportions_2indep(
        4, 41, 31, 120, method="newcomb", compare="diff"
    )
    assert_allclose(
        money[["difference_ci_low", "difference_ci_high"]].astype(float),
        limits,
        atol=1e-9,
    )
    assert_allclose(money["ratio"], (4 / 41) / (31 / 120))


def score_statistic(ratio, treated, control):
    """Miettinen and Nurminen's z for a ratio, its shares fitted by a search."""
    (x1, n1), (x0, n0) = treated, control

    def loss(p0):
        p1 = min(ratio * p0, 1 - 1e-12)
        return -(
            x1 * np.log(p1) + (n1 - x1) * np.log1p(-p1)
            + x0 * np.log(p0) + (n0 - x0) * np.log1p(-p0)
        )  # fmt: skip

    top = min(1.0, 1.0 / ratio) - 1e-10
    p0 = optimize.minimize_scalar(
        loss, bounds=(1e-10, top), method="bounded", options={"xatol": 1e-13}
    ).x
    p1 = ratio * p0
    n = n1 + n0
    variance = (p1 * (1 - p1) / n1 + ratio**2 * p0 * (1 - p0) / n0) * n / (n - 1)
    return (x1 / n1 - ratio * x0 / n0) / np.sqrt(variance)


@pytest.mark.parametrize(
    ("treated", "control"),
    [((4, 41), (31, 120)), ((31, 358), (860, 3914)), ((19, 23), (7, 40))],
)
def test_limits_of_the_ratio_invert_the_score_test(treated, control):
    # The search is good to about 1e-6 in z.
    z = stats.norm.ppf(0.975)
    low, high = ratio_limits(treated, control, 0.95)
    assert_allclose(score_statistic(low, treated, control), z, atol=1e-4)
    assert_allclose(score_statistic(high, treated, control), -z, atol=1e-4)


def test_what_cannot_be_done_is_said():
    odd = table(none=(0, 12, 0), money=(3, 9, 0), gift=(0, 0, 4))
    found = tabulate_shares(odd, outcome="disputed", control="none").set_index("group")
    assert found.loc["money", "note"] == "nobody in the control group: no ratio"
    assert np.isnan(found.loc["money", "ratio"])
    assert found.loc["money", "difference"] == 0.25
    assert "no known outcome" in found.loc["gift", "note"]
    with pytest.raises(ValueError, match=r"no row has index_outcome 'nil'"):
        tabulate_shares(odd, outcome="disputed", control="nil")
    with pytest.raises(ValueError, match="not yes/no"):
        tabulate_shares(odd.assign(x=2.0), outcome="x", control="none")
