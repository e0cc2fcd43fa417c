"""Who leads: among the same customers, whatever is unknown of the others."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import recovery_research as rr


def lives(**outcomes):
    """A table of policies by name, each with its customers' outcomes in order."""
    return pd.concat(
        pd.DataFrame({"policy": name, "customer": np.arange(len(values)), "x": values})
        for name, values in outcomes.items()
    )


def test_unknown_values_do_not_make_a_leader():
    # Those of `a` who got little are unknown: its mean is the highest, and it leads
    # over none of the others in any customer.
    table = lives(a=[np.nan, np.nan, 8.0, 9.0], b=[2.0, 3.0, 9.5, 10.0],
                  c=[1.0, 1.0, 9.0, 9.2])  # fmt: skip
    found = rr.find_best_policy(table, outcome="x")
    assert (found.treated, found.control) == ("b", "c")
    assert_allclose(found.estimate, 9.75 - 9.1)
    assert (found.n_treated, found.n_missing) == (2, 2)
    assert "2 customers whose outcome is unknown under some policy" in found.note


def test_a_policy_of_which_nothing_is_known_is_named():
    table = lives(a=[np.nan] * 3, b=[2.0, 3.0, 5.0], c=[1.0, 4.0, 1.0])
    found = rr.find_best_policy(table, outcome="x")
    assert (found.treated, found.control) == ("b", "c")
    assert "never known under ['a'], left out" in found.note
    assert found.n_missing == 0
    with pytest.raises(ValueError, match=r"of \['a'\] nothing is known"):
        rr.find_best_policy(lives(a=[np.nan] * 2, b=[1.0, 2.0]), outcome="x")
    apart = lives(a=[np.nan, 2.0, 3.0], b=[1.0, np.nan, np.nan])
    with pytest.raises(ValueError, match="known under every policy: nobody"):
        rr.find_best_policy(apart, outcome="x")


def test_the_leader_leads_whatever_is_unknown_and_however_rows_are_ordered():
    rng = np.random.default_rng(3)
    for _ in range(50):
        table = lives(**{name: rng.normal(size=12) for name in "abcd"})
        table["x"] = table["x"].mask(rng.random(len(table)) < 0.15)
        found = rr.find_best_policy(table, outcome="x")
        assert found.estimate >= 0.0
        wide = table.pivot_table("x", "customer", "policy").dropna()
        best = wide.mean().sort_values(ascending=False)
        assert [found.treated, found.control] == list(best.index[:2])
        assert_allclose(found.estimate, best.iloc[0] - best.iloc[1], atol=1e-12)
        assert found.n_treated + found.n_missing == 12
        mixed = rr.find_best_policy(table.sample(frac=1.0, random_state=1), outcome="x")
        assert (mixed.treated, mixed.control) == (found.treated, found.control)


def test_ties_go_by_name_and_yes_no_is_read():
    table = lives(b=[1.0, 2.0], a=[2.0, 1.0], c=[0.0, 0.0])
    found = rr.find_best_policy(table, outcome="x")
    assert (found.treated, found.control, found.estimate) == ("a", "b", 0.0)
    yes_no = lives(a=[True, None, False], b=[True, True, True])
    found = rr.find_best_policy(yes_no, outcome="x")
    assert (found.treated, found.mean_control, found.n_missing) == ("b", 0.5, 1)
    assert rr.find_best_policy(lives(a=[1.0], b=[2.0]), outcome="x").n_treated == 1


def test_refusals():
    table = lives(a=[1.0, 2.0, 3.0], b=[2.0, 2.0, 5.0])
    with pytest.raises(ValueError, match="1 appear under some only, for example 2"):
        rr.find_best_policy(table.iloc[:-1], outcome="x")
    with pytest.raises(ValueError, match="for example 1 under 'b'"):
        rr.find_best_policy(pd.concat([table, table.iloc[[4]]]), outcome="x")
    with pytest.raises(ValueError, match="1 rows name no customer"):
        rr.find_best_policy(table.assign(customer=[0, 1, 2, 0, 1, None]), outcome="x")
    with pytest.raises(ValueError, match="no column 'customer'"):
        rr.find_best_policy(table.drop(columns="customer"), outcome="x")
