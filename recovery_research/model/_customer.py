"""What one customer believes and feels, and how an order changes it.

Compiled, and free of luck: each function takes numbers and changes a customer's state.
Symbols and sources are in the notebook ``00-the-model``.
"""

import math
from typing import NamedTuple

from recovery_research.model._compile import compiled

# Places in a customer's state.
A_FAILURE, B_FAILURE = 0, 1  # belief about the chance that an order fails
A_RECOVERY, B_RECOVERY = 2, 3  # belief about the chance that a failure is made good
AFFECT, OBLIGATION, SORENESS = 4, 5, 6
IS_OBLIGED, N_FAILED, N_ORDERED = 7, 8, 9
# What follows from beliefs alone, kept because one order asks for it many times.
TRUST, CALM_LOYALTY = 10, 11
N_STATE = 12

# A feeling this small changes no order's timing that anybody could see.
FADED = 1e-3


class Coefficients(NamedTuple):
    """The world as the loop takes it: values that are 0 for what is switched off.

    Not in the ledger: `learning` (1, or 0 if switched off) and `discount_rate_week`.
    """

    learning: float
    trust_weight: float
    prior_failure_a: float
    prior_failure_b: float
    prior_recovery_a: float
    prior_recovery_b: float
    recovery_weight: float
    silence_weight: float
    repeat_weight: float
    hurt: float
    delight: float
    loss_aversion: float
    double_deviation: float
    affect_weeks: float
    relationship_buffer: float
    relationship_orders: float
    complaint_aggravation: float
    aggravation_weeks: float
    obligation_weeks: float
    loyalty_gain_bound: float
    loyalty_loss_bound: float
    expectation_base: float
    expectation_severity: float
    expectation_learning: float
    severity_mild: float
    severity_grave: float
    process_share: float
    improvement_weeks: float
    voice_severity: float
    purchase_link: float
    purchase_gain_ratio: float
    dropout_link: float
    dropout_gain_ratio: float
    satisfaction_base: float
    satisfaction_link: float
    satisfaction_gain_ratio: float
    satisfaction_noise: float
    mention_positive_base: float
    mention_positive_link: float
    mention_negative_base: float
    mention_negative_link: float
    mention_gain_ratio: float
    margin_rate: float
    referral_value: float
    detraction_cost: float
    discount_rate_week: float


@compiled
def begin(state, c):
    """Give a customer the beliefs they have before their first order."""
    state[:] = 0.0
    state[A_FAILURE] = c.prior_failure_a
    state[B_FAILURE] = c.prior_failure_b
    state[A_RECOVERY] = c.prior_recovery_a
    state[B_RECOVERY] = c.prior_recovery_b
    take_stock(state, c)


@compiled
def risk_of(a_failure, b_failure, a_recovery, b_recovery):
    """Return perceived risk: a failure is expected, and it is not made good."""
    return (
        a_failure / (a_failure + b_failure) * (b_recovery / (a_recovery + b_recovery))
    )


@compiled
def trust_of(state, c):
    """Return trust: minus the log of perceived risk over the risk held at first."""
    now = risk_of(
        state[A_FAILURE], state[B_FAILURE], state[A_RECOVERY], state[B_RECOVERY]
    )
    first = risk_of(
        c.prior_failure_a, c.prior_failure_b, c.prior_recovery_a, c.prior_recovery_b
    )
    return -math.log(now / first)


@compiled
def loyalty_of(trust, affect, obligation, c):
    """Return loyalty (0 when new), held inside its bounds by a hyperbolic tangent.

    Unbounded, orders would raise trust and trust the order rate without end.
    """
    pull = c.trust_weight * trust + affect + obligation
    bound = c.loyalty_gain_bound if pull >= 0.0 else c.loyalty_loss_bound
    # The hyperbolic tangent by one exponential, in a third of the time of math.tanh.
    kept = math.exp(-2.0 * abs(pull) / bound)
    return math.copysign(bound * ((1.0 - kept) / (1.0 + kept)), pull)


@compiled
def take_stock(state, c):
    """Work out trust, and the loyalty when calm, after beliefs changed."""
    state[TRUST] = trust_of(state, c)
    state[CALM_LOYALTY] = loyalty_of(state[TRUST], 0.0, 0.0, c)


@compiled
def loyalty_now(state, c):
    """Return a customer's loyalty at the week their feelings stand at."""
    if state[AFFECT] == 0.0 and state[OBLIGATION] == 0.0:
        return state[CALM_LOYALTY]
    return loyalty_of(state[TRUST], state[AFFECT], state[OBLIGATION], c)


@compiled
def rate_at(loyalty, rate, c):
    """Return how often a customer orders a week at this loyalty."""
    return rate * math.exp(c.purchase_link * counted(loyalty, c.purchase_gain_ratio))


@compiled
def counted(loyalty, gain_ratio):
    """Return loyalty as one outcome sees it: gains at their ratio, losses whole."""
    return loyalty * gain_ratio if loyalty > 0.0 else loyalty


@compiled
def fade(state, weeks, c):
    """Let feelings fade by the exponential rule over the weeks since last order."""
    if state[AFFECT] != 0.0:
        state[AFFECT] *= math.exp(-weeks / c.affect_weeks)
    if state[OBLIGATION] != 0.0:
        state[OBLIGATION] *= math.exp(-weeks / c.obligation_weeks)
    if state[SORENESS] != 0.0:
        state[SORENESS] *= math.exp(-weeks / c.aggravation_weeks)


@compiled
def hurt_by(severity, state, c):
    """Return how much a failure of this severity hurts a customer now.

    Prior orders buffer it lastingly (or aggravate it: the coefficient has a sign),
    recent complaints aggravate it briefly (Knox & van Oest 2014).
    """
    relationship = state[N_ORDERED] / (state[N_ORDERED] + c.relationship_orders)
    return (
        c.hurt
        * severity
        * (1.0 - c.relationship_buffer * relationship)
        * (1.0 + c.complaint_aggravation * state[SORENESS])
    )


@compiled
def expect(severity, state, c):
    """Return the recovery expected: more after a grave failure or good lessons."""
    believed = state[A_RECOVERY] / (state[A_RECOVERY] + state[B_RECOVERY])
    at_first = c.prior_recovery_a / (c.prior_recovery_a + c.prior_recovery_b)
    return (
        c.expectation_base
        + c.expectation_severity * severity
        + c.expectation_learning * (believed - at_first)
    )


@compiled
def learn_no_failure(state, c):
    """Count an order that went well."""
    state[B_FAILURE] += c.learning


@compiled
def repeat_factor(state, c):
    """Return how much heavier this failure weighs than a first one."""
    return 1.0 + c.repeat_weight * state[N_FAILED]


@compiled
def suffer_silence(severity, state, c):
    """Take a failure that nobody answers: learn from it, and be hurt."""
    state[A_FAILURE] += c.learning * repeat_factor(state, c)
    state[B_RECOVERY] += c.learning * c.recovery_weight * c.silence_weight
    state[AFFECT] -= hurt_by(severity, state, c)


@compiled
def take_recovery(severity, recovery, state, c, reply):
    """Take a failure made good: no hurt, but delight and perhaps obligation.

    A repeated failure is made good less: some hurt remains, and delight shrinks
    (no paradox after two failures: Maxham & Netemeyer 2002).
    """
    factor = repeat_factor(state, c)
    hurt = hurt_by(severity, state, c)
    state[A_FAILURE] += c.learning * factor * reply.blame_kept
    state[A_RECOVERY] += c.learning * reply.lesson_weight / factor
    state[AFFECT] += c.delight * recovery / factor - hurt * (1.0 - 1.0 / factor)
    if state[IS_OBLIGED] == 0.0 and reply.obligation > 0.0:
        state[OBLIGATION] += reply.obligation
        state[IS_OBLIGED] = 1.0  # a gift beyond the loss works once


@compiled
def take_deviation(severity, recovery, state, c, reply):
    """Take a double deviation, a failed recovery: hurt, insult, larger shortfall."""
    factor = repeat_factor(state, c)
    hurt = hurt_by(severity, state, c)
    state[A_FAILURE] += c.learning * factor * reply.blame_kept
    state[B_RECOVERY] += c.learning * reply.lesson_weight
    shortfall = -recovery
    state[AFFECT] -= hurt + c.double_deviation + c.loss_aversion * c.delight * shortfall


@compiled
def wait_for_order(patience, rate, weeks_left, state, c):
    """Return the weeks until the next order; past the end it may be infinite.

    The rate follows loyalty while feelings fade. It is taken as constant within each
    week (at the week's middle); the wait ends where the rate, summed over time, has
    used up `patience`, a draw of mean 1. More loyalty thus never delays an order.
    """
    affect, obligation = state[AFFECT], state[OBLIGATION]
    elapsed = 0.0
    if affect != 0.0 or obligation != 0.0:
        affect_kept = math.exp(-1.0 / c.affect_weeks)
        obligation_kept = math.exp(-1.0 / c.obligation_weeks)
        affect *= math.sqrt(affect_kept)
        obligation *= math.sqrt(obligation_kept)
        while abs(affect) + abs(obligation) > FADED:
            now = rate_at(loyalty_of(state[TRUST], affect, obligation, c), rate, c)
            if patience <= now:
                return elapsed + patience / now
            patience -= now
            elapsed += 1.0
            if elapsed > weeks_left:
                return math.inf
            affect *= affect_kept
            obligation *= obligation_kept
    return elapsed + patience / rate_at(state[CALM_LOYALTY], rate, c)
