"""The BG/NBD model of Fader, Hardie & Lee (2005), fitted by maximum likelihood.

Written from the paper, for the tests alone. Parameters are (r, alpha, a, b).
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1


def log_likelihood(parameters, x, t_x, horizon):
    """Sum of each customer's log likelihood (the paper's equation 6).

    `x` orders in `horizon` weeks, the last at week `t_x` (0 without any).
    """
    r, alpha, a, b = parameters
    buying = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    staying = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + horizon)
    some = np.maximum(x, 1)
    left = np.log(a / (b + some - 1.0)) - (r + x) * np.log(alpha + t_x)
    ending = np.where(x > 0, np.logaddexp(alive, left), alive)
    return float(np.sum(buying + staying + ending))


def fit(x, t_x, horizon, start=(1.0, 5.0, 1.0, 5.0)):
    """Return the maximum likelihood estimate."""

    def loss(logs):
        return -log_likelihood(np.exp(logs), x, t_x, horizon) / len(x)

    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 6000, "maxfev": 6000}
    logs = np.log(start)
    for _ in range(2):  # the simplex, started afresh where it stopped
        logs = minimize(loss, logs, method="Nelder-Mead", options=options).x
    return np.exp(logs)


def distance(estimate, truth, x, t_x, horizon, step=1e-3):
    """Return the squared distance of the truth in the observed information, in logs.

    About chi-squared with four degrees of freedom if the truth is the truth.
    """

    def at(logs):
        return log_likelihood(np.exp(logs), x, t_x, horizon)

    centre, eye = np.log(estimate), np.eye(4) * step
    information = np.array(
        [
            [
                -(at(centre + i + j) - at(centre + i - j) - at(centre - i + j)
                  + at(centre - i - j)) / (4 * step**2)
                for j in eye
            ]
            for i in eye
        ]
    )  # fmt: skip
    off = np.log(estimate) - np.log(truth)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return float(off @ information @ off), errors


def expected_orders(parameters, weeks):
    """The paper's equation 9, for a other than 1."""
    r, alpha, a, b = parameters
    shrunk = (alpha / (alpha + weeks)) ** r
    hypergeometric = hyp2f1(r, b, a + b - 1.0, weeks / (alpha + weeks))
    return (a + b - 1.0) / (a - 1.0) * (1.0 - shrunk * hypergeometric)


def share_alive(parameters, weeks):
    """Mean over p ~ Beta(a, b) of (alpha / (alpha + p t))**r, as a 2F1."""
    r, alpha, a, b = parameters
    # By Pfaff's transformation, as SciPy loses its digits at large negative arguments.
    shrunk = (alpha / (alpha + weeks)) ** r
    return shrunk * hyp2f1(r, b, a + b, weeks / (alpha + weeks))
