"""Who the customers are: how often they order, for how much, and how loudly."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recovery_research._checks import did_you_mean
from recovery_research.model.coefficients import Ledger, load_ledger
from recovery_research.paths import data_path
from recovery_research.results import Result

POPULATION_NAMES = ("webshop", "cdnow")

# Traits are drawn a block of customers at a time. The size is part of every seed's
# meaning: another size gives other customers.
TRAIT_BLOCK = 4096

# Keeps the odds of dropout finite; no customer differs by it in anything visible.
LARGEST_DROPOUT = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Population(Result):
    """A customer base after the BG/NBD model (Fader, Hardie & Lee 2005).

    Customers start at week 0 without an order, so every order is one that BG/NBD
    calls a repeat. With all three mechanisms switched off the simulation is BG/NBD.

    Attributes
    ----------
    name : str
        ``webshop``, ``cdnow``, or a name of your own.
    ledger : Ledger
        Every coefficient by name: ``order_shape`` (r), ``order_scale`` (alpha, in
        weeks), ``dropout_a``, ``dropout_b``, and the spread of amounts and of voice.
    """

    name: str
    ledger: Ledger

    def __getitem__(self, coefficient: str) -> float:
        if coefficient not in self.ledger:
            raise KeyError(
                f"population {self.name!r} has no coefficient {coefficient!r}."
                f"{did_you_mean(coefficient, self.ledger)}"
            )
        return self.ledger[coefficient].value

    def but(self, name: str, **values: float) -> "Population":
        """Return this population under another name with coefficients changed.

        Raises
        ------
        ValueError
            If a coefficient is unknown or its value out of range.
        """
        source = f"set for population {name!r}"
        return replace(
            self, name=name, ledger=self.ledger.with_values(values, source=source)
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the ledger of assumptions, one row a coefficient."""
        frame = self.ledger.to_frame()
        frame.insert(0, "population", self.name)
        return frame


def load_population(name: str) -> Population:
    """Load a population.

    Parameters
    ----------
    name : str
        ``webshop``, an assumed shop of moderate dropout, or ``cdnow``, the published
        estimates for the CDNOW customers.

    Returns
    -------
    Population

    Raises
    ------
    ValueError
        If there is no such population.

    Examples
    --------
    >>> load_population("cdnow")["order_shape"]
    0.243
    """
    if name not in POPULATION_NAMES:
        raise ValueError(
            f"there is no population {name!r}; there are {list(POPULATION_NAMES)}."
            f"{did_you_mean(name, POPULATION_NAMES)}"
        )
    path = data_path(f"population-{name}.csv")
    return Population(name, load_ledger(data_path("traits.csv"), path))


def draw_traits(
    population: Population, *, seed: int, block: int
) -> NDArray[np.float64]:
    """Draw the traits of one block of customers."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(block,))
    generator = np.random.Generator(np.random.PCG64(sequence))
    shape = population["order_shape"]
    pace = generator.gamma(shape, size=TRAIT_BLOCK)
    dropout = generator.beta(
        population["dropout_a"], population["dropout_b"], size=TRAIT_BLOCK
    )
    spread = population["amount_sd_between"]
    amount = generator.standard_normal(TRAIT_BLOCK)
    voice = generator.standard_normal(TRAIT_BLOCK)
    correlation = population["voice_rate_correlation"]
    if correlation != 0.0:
        score = score_normally(pace, shape)
        voice = correlation * score + np.sqrt(1.0 - correlation**2) * voice
    dropout = np.minimum(dropout, LARGEST_DROPOUT)
    return np.column_stack(
        [
            pace / population["order_scale"],
            dropout / (1.0 - dropout),
            population["amount_mean"] * np.exp(spread * amount - 0.5 * spread**2),
            population["voice_sd"] * voice,
        ]
    )


def score_normally(pace: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    """Return the normal score of gamma draws: the same rank, on a normal scale."""
    from scipy.special import gammainc, ndtri

    rank = np.clip(gammainc(shape, pace), 1e-12, 1.0 - 1e-12)
    return ndtri(rank)


def expect_orders(population: Population, weeks: float) -> float:
    """Return the expected number of orders in `weeks`, all mechanisms switched off.

    Parameters
    ----------
    population : Population
        Its r, alpha, a and b are used.
    weeks : float
        Length of the window, in weeks.

    Returns
    -------
    float

    Notes
    -----
    The published closed form has a - 1 in a denominator and cannot be used at a = 1.
    It is the integral over time of the rate at which customers still here order; that
    integral is used, and the tests hold it to the closed form.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., & Lee, K. L. (2005). "Counting your customers" the
    easy way: an alternative to the Pareto/NBD model. Marketing Science, 24(2), 275-284.

    Examples
    --------
    >>> round(expect_orders(load_population("cdnow"), 39.0), 2)
    1.2
    """
    r, alpha = population["order_shape"], population["order_scale"]

    def orders_given(p: NDArray[np.float64]) -> NDArray[np.float64]:
        # Integral over time of E[lambda * exp(-lambda * p * t)], lambda ~ gamma.
        return -np.expm1(-r * np.log1p(p * weeks / alpha)) / p

    return mean_over_dropout(orders_given, population)


def expect_alive(population: Population, weeks: float) -> float:
    """Return the share of customers still here after `weeks`, every effect off.

    Parameters
    ----------
    population : Population
        Its r, alpha, a and b are used.
    weeks : float
        Length of the window, in weeks.

    Returns
    -------
    float

    Examples
    --------
    >>> round(expect_alive(load_population("webshop"), 52.0), 2)
    0.88
    """
    r, alpha = population["order_shape"], population["order_scale"]
    return mean_over_dropout(
        lambda p: np.exp(-r * np.log1p(p * weeks / alpha)), population
    )


LOGIT_STEP = 0.05


def mean_over_dropout(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    population: Population,
) -> float:
    """Return the mean of a function of p over p ~ Beta(a, b).

    On the logit scale the density is a bell whatever a and b are, and the plain sum
    over an even grid is exact to rounding (no bell in range is narrower than 0.14).
    """
    from scipy.special import betaln, expit, log_expit

    a, b = population["dropout_a"], population["dropout_b"]
    middle = np.log(a / b)
    logit = np.arange(
        min(middle, 0.0) - 60.0 / a - 5.0, max(middle, 0.0) + 60.0 / b + 5.0, LOGIT_STEP
    )
    density = np.exp(a * log_expit(logit) + b * log_expit(-logit) - betaln(a, b))
    p = np.maximum(expit(logit), 1e-300)
    return float(LOGIT_STEP * np.sum(density * function(p)))
