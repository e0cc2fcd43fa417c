"""Shares of yes by group: against statsmodels, R and a root found by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

import recovery_research as rr
from recovery_research.analysis.ratios import ratio_limits
from recovery_research.analysis.shares import tabulate_shares


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


def test_all_small_tables_against_r():
    # 8,100 tables of up to 12 by 12: where all said yes, nobody did, or one was asked.
    # R's own tolerances leave 5e-10.
    path = Path(__file__).parents[1] / "reference" / "share_ratios.csv"
    lows = pd.read_csv(path, index_col=0)
    names = [tuple(int(part) for part in name.split("/")) for name in lows.index]
    assert lows.shape == (90, 90)
    lows = lows.to_numpy()
    with np.errstate(divide="ignore"):
        highs = 1.0 / lows.T
    found = np.array(
        [[ratio_limits(one, other, 0.95) for other in names] for one in names]
    )
    assert_allclose(found[..., 0], lows, rtol=2e-9)
    assert_allclose(found[..., 1], highs, rtol=2e-9)
    shares = np.array([yes / size for yes, size in names])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(shares[:, None] / shares, nan=1.0, posinf=np.inf)
    assert ((found[..., 0] <= ratios) & (ratios <= found[..., 1])).all()


def test_limits_where_all_say_yes():
    # The example of the issue, where the limits were complex numbers.
    assert_allclose(
        ratio_limits((48, 60), (60, 60), 0.95), (0.6816335161, 0.8819783846), rtol=1e-9
    )
    # All of both: by hand n / (n + z^2 N / (N - 1)) and one over it.
    z = stats.norm.ppf(0.95)
    squared = z * z * 12 / 11
    assert_allclose(
        ratio_limits((5, 5), (7, 7), 0.9), (5 / (5 + squared), (7 + squared) / 7)
    )


def test_limits_keep_their_digits_however_many_there_are():
    low, high = ratio_limits((999_999, 1_000_000), (10**6, 10**6), 0.95)
    assert 0 < 1 - low < 6e-6
    assert 0 < high - 1 < 3e-6
    low, high = ratio_limits((1, 10**9), (1, 10), 0.999)
    assert 0 < low < 1e-8 < high < 1e-5
    for wrong in ((3, 2), (-1, 4), (0, 0), (1, np.inf)):
        with pytest.raises(ValueError, match="0 <= yes <= all"):
            ratio_limits(wrong, (1, 2), 0.95)


def test_the_p_value_says_what_the_limits_say():
    rng = np.random.default_rng(2)
    for _ in range(200):
        sizes = rng.integers(1, 40, 2)
        yes = rng.integers(0, sizes + 1)
        found = tabulate_shares(
            table(none=(yes[0], sizes[0] - yes[0], 0),
                  money=(yes[1], sizes[1] - yes[1], 0)),
            outcome="disputed", control="none",
        ).iloc[1]  # fmt: skip
        without = found["difference_ci_low"] > 0 or found["difference_ci_high"] < 0
        assert (found["p_value"] < 0.05) == without
    far = table(none=(10, 99_990, 0), money=(50_000, 50_000, 0))
    found = tabulate_shares(far, outcome="disputed", control="none")
    assert 0.0 <= found["p_value"].iloc[1] < 1e-300


def repeated(complaints, times):
    """Every complaint made so many times, each by one customer."""
    return pd.concat(
        [complaints.assign(customer=np.arange(len(complaints)))] * times
    ).sample(frac=1.0, random_state=1)


COLUMNS = ["estimate", "ci_low", "ci_high", "std_error", "difference_ci_low",
           "difference_ci_high", "ratio_ci_low", "ratio_ci_high"]  # fmt: skip


def test_rows_made_three_times_say_what_they_said_once():
    complaints = table(none=(300, 900, 0), money=(150, 500, 0))
    once = tabulate_shares(complaints, outcome="disputed", control="none")
    thrice = tabulate_shares(
        repeated(complaints, 3), outcome="disputed", control="none"
    )
    # Customers less one under the variance, and t for z: one in 600 or so.
    assert_allclose(thrice[COLUMNS].iloc[1].astype(float),
                    once[COLUMNS].iloc[1].astype(float), rtol=0.03)  # fmt: skip
    assert_allclose(thrice["n_effective"], once["n"], rtol=2e-3)
    assert thrice["n"].tolist() == [3600, 1950]
    assert thrice["n_customers"].tolist() == [1200, 650]
    assert "3,600 rows of 1,200 customers say as much" in thrice["note"].iloc[0]
    narrow = tabulate_shares(
        repeated(complaints, 3).drop(columns="customer"),
        outcome="disputed", control="none",
    )  # fmt: skip
    for low, high in (("ci_low", "ci_high"), ("ratio_ci_low", "ratio_ci_high"),
                      ("difference_ci_low", "difference_ci_high")):  # fmt: skip
        wide = (thrice[high] - thrice[low]).iloc[1]
        assert wide > 1.6 * (narrow[high] - narrow[low]).iloc[1]


def test_customers_in_both_groups_are_compared_with_themselves():
    # Each customer disputes both answers or neither: the difference is sure, and no
    # surer than so many rows of different customers are.
    rng = np.random.default_rng(4)
    answer = rng.random(400) < 0.3
    both = pd.DataFrame({
        "index_outcome": np.repeat(["none", "money"], 400),
        "customer": np.tile(np.arange(400), 2),
        "disputed": pd.array(np.tile(answer, 2), "boolean"),
    })  # fmt: skip
    found = tabulate_shares(both, outcome="disputed", control="none")
    alone = tabulate_shares(
        both.drop(columns="customer"), outcome="disputed", control="none"
    )
    pd.testing.assert_frame_equal(found, alone)
    # Who disputes one never disputes the other: less sure than different customers.
    turned = both.assign(disputed=pd.array(np.r_[answer, ~answer], "boolean"))
    found = tabulate_shares(turned, outcome="disputed", control="none").iloc[1]
    alone = tabulate_shares(
        turned.drop(columns="customer"), outcome="disputed", control="none"
    ).iloc[1]
    spread = (found["difference_ci_high"] - found["difference_ci_low"]) / (
        alone["difference_ci_high"] - alone["difference_ci_low"]
    )
    assert_allclose(spread, np.sqrt(2.0), rtol=0.01)


def test_one_customer_is_no_group_and_none_who_says_yes_is_as_alike():
    rows = table(none=(4, 8, 0), money=(2, 3, 0))
    rows["customer"] = [f"a{k % 6}" for k in range(12)] + ["b"] * 5
    found = tabulate_shares(rows, outcome="disputed", control="none").iloc[1]
    assert found["estimate"] == 0.4
    assert np.isnan(found["ci_low"])
    assert np.isnan(found["difference_ci_low"])
    assert "all 5 rows are of one customer: no interval" in found["note"]
    nobody = table(none=(4, 8, 0), money=(0, 30, 0))
    nobody["customer"] = [f"a{k}" for k in range(12)] + [
        f"b{k % 10}" for k in range(30)
    ]
    found = tabulate_shares(nobody, outcome="disputed", control="none").iloc[1]
    assert found["n_effective"] == 10.0
    assert found["ci_high"] > proportion_confint(0, 10, method="wilson")[1]


def test_a_table_of_complaints_may_say_who_complained(tmp_path):
    lines = [f"{k},c{k // 3},{('none', 'money')[k % 2]},{'yes' if k // 3 % 3 else 'no'}"
             for k in range(120)]  # fmt: skip
    path = tmp_path / "complaints.csv"
    path.write_text("case,client,answer,disputed\n" + "\n".join(lines) + "\n", "utf-8")
    read = rr.read_customers(path, mapping={
        "shape": "complaints", "answers": {"control": "none"},
        "columns": {"complaint": "case", "customer": "client", "answer": "answer"},
        "values": {"yes": ["yes"], "no": ["no"]},
        "outcomes": {"disputed": {"column": "disputed", "kind": "yes_no"}},
    })  # fmt: skip
    found = tabulate_shares(read.customers, outcome="disputed", control="none")
    assert found["n"].tolist() == [60, 60]
    assert found["n_customers"].tolist() == [40, 40]
    assert (found["n_effective"] < 50).all()


def test_what_cannot_be_done_is_said():
    odd = table(none=(0, 12, 0), money=(3, 9, 0), gift=(0, 0, 4))
    found = tabulate_shares(odd, outcome="disputed", control="none").set_index("group")
    assert found.loc["money", "note"] == (
        "nobody in the control group: no ratio, and none is too large"
    )
    assert np.isnan(found.loc["money", "ratio"])
    assert found.loc["money", "ratio_ci_low"] > 0.0
    assert found.loc["money", "ratio_ci_high"] == np.inf
    assert found.loc["money", "difference"] == 0.25
    assert "no known outcome" in found.loc["gift", "note"]
    with pytest.raises(ValueError, match=r"no row has index_outcome 'nil'"):
        tabulate_shares(odd, outcome="disputed", control="nil")
    with pytest.raises(ValueError, match="not yes/no"):
        tabulate_shares(odd.assign(x=2.0), outcome="x", control="none")


@pytest.mark.slow
def test_shares_of_customers_with_several_complaints_cover_what_they_say():
    # 400 tables each of a share the same for both answers; Monte Carlo error of .95 is
    # 1.1 points. Taken for different customers they covered 77 to 88 %.
    rng = np.random.default_rng(9)
    for n_customers, share, alike in ((150, 0.3, 0.3), (40, 0.3, 0.5), (200, 0.9, 0.2)):
        prior = (1.0 - alike) / alike
        hits = np.zeros(3)
        for _ in range(400):
            who = np.repeat(np.arange(n_customers), rng.integers(1, 6, n_customers))
            own = rng.beta(share * prior, (1.0 - share) * prior, n_customers)
            rows = pd.DataFrame({
                "customer": who, "disputed": rng.random(who.size) < own[who],
                "index_outcome": np.where(who % 3 == 0, "money", "none"),
            })  # fmt: skip
            found = tabulate_shares(rows, outcome="disputed", control="none").iloc[1]
            hits += (
                found["ci_low"] <= share <= found["ci_high"],
                found["difference_ci_low"] <= 0.0 <= found["difference_ci_high"],
                found["ratio_ci_low"] <= 1.0 <= found["ratio_ci_high"],
            )
        assert (hits / 400 > 0.95 - 3 * 0.011).all()
        assert (hits / 400 < 0.985).all()
