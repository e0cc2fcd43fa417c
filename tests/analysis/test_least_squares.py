"""Least squares by leaving out one customer: R's sandwich, and customers who decide."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from recovery_research.analysis.least_squares import fit_least_squares, orthogonalise

REFERENCE = Path(__file__).parents[1] / "reference" / "least_squares.csv"


def read_reference():
    lines = REFERENCE.read_text("utf-8").splitlines()
    numbers = [line[2:].split(",")[1:] for line in lines if line.startswith("#")]
    return pd.read_csv(REFERENCE, comment="#"), np.array(numbers, dtype=np.float64)


def test_hc3_and_customers_rows_are_those_of_r():
    data, (coefficients, hc3, by_customer) = read_reference()[0], read_reference()[1].T
    design = np.column_stack([np.ones(len(data)), data[["x", "d", "m"]]])
    outcome = data["y"].to_numpy()
    fit = fit_least_squares(design, outcome)
    assert_allclose(fit.beta, coefficients, rtol=1e-9)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), hc3, rtol=1e-9)
    clusters = pd.factorize(data["customer"])[0]
    grouped = fit_least_squares(design, outcome, clusters)
    assert_allclose(np.sqrt(np.diag(grouped.covariance)), by_customer, rtol=1e-9)


def test_who_alone_decides_a_coefficient_is_counted_and_adds_no_error():
    rng = np.random.default_rng(1)
    lonely = np.r_[1.0, np.zeros(19)]
    design = np.column_stack([np.ones(20), lonely, rng.normal(0, 1, 20)])
    outcome = rng.normal(0, 1, 20)
    alone = fit_least_squares(design, outcome)
    assert alone.n_deciding == 1
    assert np.isfinite(alone.covariance).all()
    assert (alone.influence[0] == 0.0).all()
    pairs = fit_least_squares(design, outcome, np.repeat(np.arange(10), 2))
    assert pairs.n_deciding == 1
    assert np.isfinite(pairs.covariance).all()


def test_columns_that_nearly_repeat_are_still_told_apart():
    rng = np.random.default_rng(2)
    year = 2020.0 + rng.integers(0, 3, 500)
    for wobble in (1.0, 1e-4, 1e-7):
        near = year + wobble * rng.normal(0, 1, 500)
        design = np.column_stack([np.ones(500), year, near])
        basis, triangle = orthogonalise(design)
        assert_allclose(basis.T @ basis, np.eye(3), atol=1e-9)
        assert_allclose(basis @ triangle, design, rtol=1e-9)
