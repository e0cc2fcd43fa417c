"""What the compiled loop writes down: orders, discounted money, sums by group."""

import math
from typing import NamedTuple

import numpy as np

from recovery_research.model import _customer, _random
from recovery_research.model._compile import compiled

# What an order came to.
NO_FAILURE, SILENT, RECOVERED, NOT_RECOVERED, NO_ORDER = 0, 1, 2, 3, 4
# Columns of a customer's record.
RECORD = (
    "n_orders", "spend", "index_week", "index_outcome", "index_severity",
    "index_process", "index_complained", "followup_spend", "left_week", "n_failures",
    "n_complaints", "n_recovered", "trust", "satisfaction_before",
    "satisfaction_after", "mentions_positive", "mentions_negative", "margin",
    "recovery_cost", "referral_value", "last_outcome", "last_complained",
)  # fmt: skip
(
    N_ORDERS, SPEND, INDEX_WEEK, INDEX_OUTCOME, INDEX_SEVERITY, INDEX_PROCESS,
    INDEX_COMPLAINED, FOLLOWUP_SPEND, LEFT_WEEK, N_FAILURES, N_COMPLAINTS, N_RECOVERED,
    TRUST, SATISFACTION_BEFORE, SATISFACTION_AFTER, MENTIONS_POSITIVE,
    MENTIONS_NEGATIVE, MARGIN, RECOVERY_COST, REFERRAL_VALUE, LAST_OUTCOME,
    LAST_COMPLAINED,
) = range(len(RECORD))  # fmt: skip

# Columns of a week.
WEEK = (
    "n_orders", "spend", "n_failures", "n_complaints", "n_recovered", "n_left",
    "mentions_positive", "mentions_negative", "margin", "recovery_cost",
)  # fmt: skip
(
    W_ORDERS, W_SPEND, W_FAILURES, W_COMPLAINTS, W_RECOVERED, W_LEFT, W_POSITIVE,
    W_NEGATIVE, W_MARGIN, W_COST,
) = range(len(WEEK))  # fmt: skip

# Columns of an order's log row.
LOG = (
    "order", "week", "amount", "outcome", "severity", "process", "complained",
    "recovery", "loyalty_before", "trust", "affect", "obligation", "loyalty", "left",
)  # fmt: skip

# Places in what happened to one order.
E_OUTCOME, E_SEVERITY, E_PROCESS, E_COMPLAINED, E_RECOVERY = 0, 1, 2, 3, 4
N_EVENT = 5


class Here(NamedTuple):
    """Where the loop stands: the customer's state, and what befell their order."""

    state: np.ndarray
    event: np.ndarray


@compiled
def rate_satisfaction(loyalty, uniform, c):
    """Return the answer to a survey on its scale from 1 to 7."""
    felt = _customer.counted(loyalty, c.satisfaction_gain_ratio)
    noise = c.satisfaction_noise * _random.to_normal(uniform)
    answer = c.satisfaction_base + c.satisfaction_link * felt + noise
    return 1.0 + 6.0 / (1.0 + math.exp(-answer))


@compiled
def book_order(record, week_row, week, amount, said, c, reply, event):
    """Add an order and what it cost to the customer's record and to its week.

    Money is a present value at week 0, spend and follow-up spend excepted.
    """
    outcome = event[E_OUTCOME]
    discount = math.exp(-c.discount_rate_week * week)
    margin = c.margin_rate * amount * discount
    record[LAST_OUTCOME] = outcome
    record[LAST_COMPLAINED] = event[E_COMPLAINED]
    record[N_ORDERS] += 1.0
    record[SPEND] += amount
    record[MARGIN] += margin
    week_row[W_ORDERS] += 1.0
    week_row[W_SPEND] += amount
    week_row[W_MARGIN] += margin
    if outcome != NO_FAILURE:
        book_failure(record, week_row, amount, discount, reply, event)
    if said != 0.0:
        book_mention(record, week_row, said, discount, c)


@compiled
def book_failure(record, week_row, amount, discount, reply, event):
    """Add a failure and what its answer cost."""
    outcome = event[E_OUTCOME]
    cost = 0.0
    if outcome in (RECOVERED, NOT_RECOVERED):
        loss = event[E_SEVERITY] * amount
        cost = (reply.handling_cost + reply.compensation_cost * loss) * discount
    recovered = 1.0 if outcome == RECOVERED else 0.0
    record[N_FAILURES] += 1.0
    record[N_COMPLAINTS] += event[E_COMPLAINED]
    record[N_RECOVERED] += recovered
    record[RECOVERY_COST] += cost
    week_row[W_FAILURES] += 1.0
    week_row[W_COMPLAINTS] += event[E_COMPLAINED]
    week_row[W_RECOVERED] += recovered
    week_row[W_COST] += cost


@compiled
def book_mention(record, week_row, said, discount, c):
    """Add a mention, good or bad, and what it is worth."""
    if said > 0.0:
        record[MENTIONS_POSITIVE] += 1.0
        week_row[W_POSITIVE] += 1.0
        record[REFERRAL_VALUE] += discount * c.referral_value
    else:
        record[MENTIONS_NEGATIVE] += 1.0
        week_row[W_NEGATIVE] += 1.0
        record[REFERRAL_VALUE] -= discount * c.detraction_cost


@compiled
def book_index(record, week, before, after, answers, c, here):
    """Record the index order and the two surveys around it."""
    record[INDEX_WEEK] = week
    record[INDEX_OUTCOME] = here.event[E_OUTCOME]
    record[INDEX_SEVERITY] = here.event[E_SEVERITY]
    record[INDEX_PROCESS] = here.event[E_PROCESS]
    record[INDEX_COMPLAINED] = here.event[E_COMPLAINED]
    record[FOLLOWUP_SPEND] = 0.0
    record[TRUST] = here.state[_customer.TRUST]
    record[SATISFACTION_BEFORE] = rate_satisfaction(before, answers[2], c)
    record[SATISFACTION_AFTER] = rate_satisfaction(after, answers[3], c)


@compiled
def book_log(row, order, week, amount, before, after, left, c, here):
    """Write one order's row of the log, in the order of ``LOG``."""
    row[0] = order
    row[1] = week
    row[2] = amount
    row[3] = here.event[E_OUTCOME]
    row[4] = here.event[E_SEVERITY]
    row[5] = here.event[E_PROCESS]
    row[6] = here.event[E_COMPLAINED]
    row[7] = here.event[E_RECOVERY]
    row[8] = before
    row[9] = here.state[_customer.TRUST]
    row[10] = here.state[_customer.AFFECT]
    row[11] = here.state[_customer.OBLIGATION]
    row[12] = after
    row[13] = left


@compiled
def begin_record(record):
    """Clear a customer's record; what may never happen starts as not a number."""
    record[:] = 0.0
    for column in (INDEX_WEEK, INDEX_SEVERITY, INDEX_PROCESS, FOLLOWUP_SPEND,
                   LEFT_WEEK, TRUST, SATISFACTION_BEFORE,
                   SATISFACTION_AFTER):  # fmt: skip
        record[column] = math.nan
    record[INDEX_OUTCOME] = NO_ORDER
    record[LAST_OUTCOME] = NO_ORDER


@compiled
def close_books(record, weeks, reply, c):
    """Charge the programme's running cost from week 0 until they left, or the end."""
    left = record[LEFT_WEEK]
    tenure = weeks if math.isnan(left) else left
    rate = c.discount_rate_week
    annuity = tenure if rate == 0.0 else (1.0 - math.exp(-rate * tenure)) / rate
    record[RECOVERY_COST] += reply.programme_cost * annuity


@compiled
def add_by_group(values, groups, sums):
    """Add each row's numbers to its group's sums, what is not a number left out.

    Parameters
    ----------
    values : float64 array, shape (n_rows, n_measures)
        Numbers, some of them not a number.
    groups : int64 array, shape (n_rows,)
        Group of each row.
    sums : float64 array, shape (n_groups, n_measures, 3)
        Count, sum and sum of squares; added to.
    """
    for i in range(values.shape[0]):
        group = groups[i]
        for j in range(values.shape[1]):
            value = values[i, j]
            if not math.isnan(value):
                sums[group, j, 0] += 1.0
                sums[group, j, 1] += value
                sums[group, j, 2] += value * value
