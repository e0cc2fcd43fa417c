"""The compiled loop: customers live through their orders, one after another.

Nothing is validated here and no luck is kept here. Every number drawn has an address
(`_random`), every change of heart a function (`_customer`), and a firm's answer comes
as a `Reply`. Run with ``NUMBA_DISABLE_JIT=1`` this file is its own plain-Python twin.
"""

import math
from typing import NamedTuple

import numpy as np

from recovery_research.model import _customer, _random
from recovery_research.model._accounts import (
    E_COMPLAINED,
    E_OUTCOME,
    E_PROCESS,
    E_RECOVERY,
    E_SEVERITY,
    FOLLOWUP_SPEND,
    INDEX_WEEK,
    LEFT_WEEK,
    N_EVENT,
    NO_FAILURE,
    NOT_RECOVERED,
    RECOVERED,
    SILENT,
    W_LEFT,
    Here,
    begin_record,
    book_index,
    book_log,
    book_order,
    close_books,
)
from recovery_research.model._compile import compiled, compiled_entry

# What the fork makes of an order.
AS_IT_COMES, FORCE_NO_FAILURE, FORCE_FAILURE, FORCE_SILENCE = 0, 1, 2, 3
FORCE_COMPLAINT, FORCE_RECOVERY, FORCE_NO_RECOVERY = 4, 5, 6
# How the same luck is replayed.
AS_IT_WAS, WITHOUT_FAILURES, PERFECTLY_TREATED = 0, 1, 2
# Far above what rounding does to a probability, far below one step of our luck.
ROUNDING = 1e-12


class Run(NamedTuple):
    """What one run of the loop is: its luck, its length, and what is replayed."""

    source: _random.Source
    weeks: float
    amount_sd: float
    index_order: int
    followup_weeks: float
    replay: int
    order_limit: int


@compiled
def decide_failure(week, forced, replay, uniform, c, reply):
    """Return whether an order fails, by luck, by the fork, or by the replay."""
    if replay == WITHOUT_FAILURES:
        return False
    if forced != AS_IT_COMES:
        return forced != FORCE_NO_FAILURE
    # Improvement only lowers the chance, so most luck is settled without it.
    if uniform >= reply.failure_probability:
        return False
    prevented = reply.prevented * (1.0 - math.exp(-week / c.improvement_weeks))
    return uniform < reply.failure_probability * (1.0 - prevented)


@compiled
def draw_excess(mean, scale, uniform):
    """Return logistic noise about its mean, given that the sum is above 0.

    Algebra keeps the tail exact: written as a quantile, a mean far below 0 would ask
    for the logarithm of a probability too small to be a number.
    """
    if mean < 0.0:
        return scale * math.log(
            (1.0 + (1.0 - uniform) * math.exp(mean / scale)) / uniform
        )
    return mean + scale * math.log((1.0 - uniform + math.exp(-mean / scale)) / uniform)


@compiled
def draw_recovery(mean, scale, forced, uniform):
    """Return recovery satisfaction: logistic noise about its mean.

    Where the fork demands a sign, the draw is from the same distribution given that
    sign, by the same uniform: the fork changes what happened, not how well or badly
    this firm does it when it does.
    """
    if forced == FORCE_RECOVERY:
        return draw_excess(mean, scale, uniform)
    if forced == FORCE_NO_RECOVERY:
        return -draw_excess(-mean, scale, 1.0 - uniform)
    return mean + scale * math.log((1.0 - uniform) / uniform)


@compiled
def draw_severity(uniform, c):
    """Return the share of the order's value that was lost (Kumaraswamy, 0 to 1)."""
    inner = 1.0 - (1.0 - uniform) ** (1.0 / c.severity_grave)
    return inner ** (1.0 / c.severity_mild)


@compiled
def decide_answer(severity, voice, forced, c, reply, events, answers):
    """Return whether the customer complains, and whether the case reaches the firm.

    A policy that answers nobody gets it too; `judge_answer` then lets it fail.
    """
    if forced == FORCE_SILENCE:
        return False, False
    if forced >= FORCE_COMPLAINT:
        return True, True
    urge = reply.voice + c.voice_severity * severity + voice
    complained = events[3] < 1.0 / (1.0 + math.exp(-urge))
    return complained, complained or answers[0] < reply.reach


@compiled
def judge_answer(severity, process, state, forced, replay, c, reply, uniform):
    """Return recovery satisfaction: justice less what was expected, with noise.

    Treated perfectly, it is at least 0, without noise.
    """
    justice = reply.justice_process if process else reply.justice_outcome
    mean = justice - _customer.expect(severity, state, c)
    if replay == PERFECTLY_TREATED:
        return max(mean, 0.0)
    if reply.answers == 0.0 and forced != FORCE_RECOVERY:
        forced = FORCE_NO_RECOVERY  # what nobody answers, nobody makes good
    return draw_recovery(mean, reply.noise, forced, uniform)


@compiled
def meet_failure(event, state, voice, forced, replay, c, reply, events, answers):
    """Let an order fail: severity, voice, the firm's answer, the customer's heart."""
    severity = draw_severity(events[2], c)
    process = events[1] < c.process_share
    complained, answered = decide_answer(
        severity, voice, forced, c, reply, events, answers
    )
    perfect = replay == PERFECTLY_TREATED
    recovery = math.nan
    if not (answered or perfect):
        outcome = SILENT
        _customer.suffer_silence(severity, state, c)
    else:
        recovery = judge_answer(
            severity, process, state, forced, replay, c, reply, answers[1]
        )
        if recovery > 0.0 or perfect:
            outcome = RECOVERED
            _customer.take_recovery(severity, recovery, state, c, reply)
        else:
            outcome = NOT_RECOVERED
            _customer.take_deviation(severity, recovery, state, c, reply)
    state[_customer.N_FAILED] += 1.0
    if complained:
        state[_customer.SORENESS] += 1.0
    event[E_OUTCOME] = outcome
    event[E_SEVERITY] = severity
    event[E_PROCESS] = process
    event[E_COMPLAINED] = complained
    event[E_RECOVERY] = recovery


@compiled
def meet_no_failure(event, state, c):
    """Let an order go well."""
    _customer.learn_no_failure(state, c)
    event[E_OUTCOME] = NO_FAILURE
    event[E_SEVERITY] = math.nan
    event[E_PROCESS] = math.nan
    event[E_COMPLAINED] = 0.0
    event[E_RECOVERY] = math.nan


@compiled
def mention(loyalty, uniform, c):
    """Return +1 for a positive mention, -1 for a negative one, 0 for none."""
    felt = _customer.counted(loyalty, c.mention_gain_ratio)
    praise = 1.0 / (
        1.0 + math.exp(-c.mention_positive_base - c.mention_positive_link * felt)
    )
    scorn = 1.0 / (
        1.0 + math.exp(-c.mention_negative_base + c.mention_negative_link * felt)
    )
    if uniform < scorn:
        return -1.0
    return 1.0 if uniform > 1.0 - praise else 0.0


@compiled
def find_quiet(c):
    """Return between which luck nobody mentions the firm, whatever is felt.

    Loyalty being bounded, so are both chances: most luck is settled by this alone.
    """
    angriest = c.mention_negative_base + c.mention_negative_link * c.loyalty_loss_bound
    gladdest = c.mention_positive_base + c.mention_positive_link * _customer.counted(
        c.loyalty_gain_bound, c.mention_gain_ratio
    )
    low = 1.0 / (1.0 + math.exp(-angriest))
    high = 1.0 - 1.0 / (1.0 + math.exp(-gladdest))
    return low + ROUNDING, high - ROUNDING


@compiled
def drops_out(odds, loyalty, uniform, c):
    """Return whether the customer leaves for good after this order."""
    felt = _customer.counted(loyalty, c.dropout_gain_ratio)
    # Loyalty above 0 only lowers the odds, so most luck is settled without it.
    if felt >= 0.0 and uniform * (1.0 + odds) >= odds:
        return False
    now = odds * math.exp(-c.dropout_link * felt)
    return uniform * (1.0 + now) < now


@compiled
def decide_order(customer, order, week, uniform, voice, run, c, reply, forks, here):
    """Let one order go well or fail, by luck, fork or replay.

    Returns the draws for what happens around it.
    """
    events = _random.draw_group(run.source, customer, order, _random.EVENTS)
    answers = (0.5, 0.5, 0.5, 0.5)
    forced = forks[order] if order < forks.size else AS_IT_COMES
    failed = decide_failure(week, forced, run.replay, uniform, c, reply)
    if failed or order == run.index_order:
        answers = _random.draw_group(run.source, customer, order, _random.ANSWERS)
    if failed:
        meet_failure(
            here.event, here.state, voice, forced, run.replay, c, reply, events, answers
        )
    else:
        meet_no_failure(here.event, here.state, c)
    here.state[_customer.N_ORDERED] += 1.0
    _customer.take_stock(here.state, c)
    return events, answers


@compiled
def live_one(customer, trait, run, c, reply, forks, record, weekly, here, log, quiet):
    """Let one customer live from week 0 to the end or until they leave.

    Returns the number of their orders, or -1 if they passed the limit.
    """
    state, event = here.state, here.event
    _customer.begin(state, c)
    begin_record(record)
    week = 0.0
    order = 0
    while True:
        basics = _random.draw_group(run.source, customer, order, _random.EVERY_ORDER)
        patience = _random.to_exponential(basics[0])
        gap = _customer.wait_for_order(patience, trait[0], run.weeks - week, state, c)
        week += gap
        if week >= run.weeks:
            break
        if order >= run.order_limit:
            return -1
        _customer.fade(state, gap, c)
        before = _customer.loyalty_now(state, c)
        amount = trait[2] * math.exp(
            run.amount_sd * _random.to_normal(basics[3]) - 0.5 * run.amount_sd**2
        )
        events, answers = decide_order(
            customer, order, week, basics[2], trait[3], run, c, reply, forks, here
        )
        after = _customer.loyalty_now(state, c)
        said = 0.0
        if not quiet[0] < events[0] < quiet[1]:
            said = mention(after, events[0], c)
        if week - record[INDEX_WEEK] <= run.followup_weeks:  # false before the index
            record[FOLLOWUP_SPEND] += amount
        if order == run.index_order:
            book_index(record, week, before, after, answers, c, here)
        book_order(record, weekly[int(week)], week, amount, said, c, reply, event)
        left = drops_out(trait[1], after, basics[1], c)
        if order < log.shape[0]:
            book_log(log[order], order, week, amount, before, after, left, c, here)
        order += 1
        if left:
            record[LEFT_WEEK] = week
            weekly[int(week), W_LEFT] += 1.0
            break
    close_books(record, run.weeks, reply, c)
    return order


@compiled_entry
def live(first, traits, run, c, reply, forks, records, weekly, logs, log_starts):
    """Let consecutive customers live, from number `first` on.

    Parameters
    ----------
    first : int
        Number of the first customer.
    traits : float64 array, shape (n_customers, 4)
        Order rate a week, odds of dropout after an order, mean amount, voice.
    run : Run
        Luck, length, index order and replay of this run.
    c : Coefficients
        The world, mechanisms switched off where asked.
    reply : Reply
        What the policy comes to in this world.
    forks : int8 array
        What is made of the first, second, ... order; then it is as it comes.
    records : float64 array, shape (n_customers, len(RECORD))
        Filled.
    weekly : float64 array, shape (n_weeks, len(WEEK))
        Added to.
    logs : float64 array, shape (n_rows, len(LOG))
        Filled, each customer's orders from their place in `log_starts` on.
    log_starts : int64 array, shape (n_customers + 1,)
        All zero where no log is wanted.

    Returns
    -------
    int
        -1, or the number of the first customer whose orders passed the limit.
    """
    here = Here(np.zeros(_customer.N_STATE), np.zeros(N_EVENT))
    quiet = find_quiet(c)
    for i in range(traits.shape[0]):
        log = logs[log_starts[i] : log_starts[i + 1]]
        lived = live_one(
            first + i,
            traits[i],
            run,
            c,
            reply,
            forks,
            records[i],
            weekly,
            here,
            log,
            quiet,
        )
        if lived < 0:
            return first + i
    return -1
