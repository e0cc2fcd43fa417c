"""The model in plain NumPy: all customers at once, order by order.

Written from the rules of the model, not from the compiled loop, with the same
addressed luck: customer by customer it must come to the same. It is the fairest peer
for speed, and a second opinion on the loop.
"""

import numpy as np
from scipy.special import expit, ndtri

NOTHING, SILENT, RECOVERED, NOT_RECOVERED, NO_ORDER = range(5)
FOLLOWUP_WEEKS = 13.0
SMALLEST_FEELING = 1e-3
LOW = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011) on columns of counters."""
    a, b, c, d = counter
    k, m = (np.uint64(word) for word in key)
    for _ in range(10):
        p, q = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            (q >> np.uint64(32)) ^ b ^ k,
            q & LOW,
            (p >> np.uint64(32)) ^ d ^ m,
            p & LOW,
        )
        k = (k + np.uint64(0x9E3779B9)) & LOW
        m = (m + np.uint64(0xBB67AE85)) & LOW
    return a, b, c, d


def draw(seed, customers, order, group):
    """Four columns of uniforms for one order of each customer."""
    counter = (
        customers.astype(np.uint64),
        np.full(customers.size, order, dtype=np.uint64),
        np.full(customers.size, group, dtype=np.uint64),
        np.zeros(customers.size, dtype=np.uint64),
    )
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return [(word.astype(float) + 0.5) * 2.0**-32 for word in words]


def gains_at(ratio, loyalty):
    return np.where(loyalty > 0.0, ratio * loyalty, loyalty)


class Minds:
    """The customers still here, one column a belief or a feeling."""

    def __init__(self, rules):
        c, n = rules.c, len(rules.traits)
        self.c = c
        self.columns = {
            "customer": np.arange(n),
            "rate": rules.traits[:, 0].copy(),
            "odds": rules.traits[:, 1].copy(),
            "mean_amount": rules.traits[:, 2].copy(),
            "voice": rules.traits[:, 3].copy(),
            "a_f": np.full(n, c.prior_failure_a),
            "b_f": np.full(n, c.prior_failure_b),
            "a_r": np.full(n, c.prior_recovery_a),
            "b_r": np.full(n, c.prior_recovery_b),
            "week": np.zeros(n),
        }
        for feeling in ("affect", "owed", "sore", "obliged", "failed"):
            self.columns[feeling] = np.zeros(n)
        self.first_risk = self.risk()[0] if n else 1.0

    def __getattr__(self, name):
        try:
            return self.__dict__["columns"][name]
        except KeyError:
            raise AttributeError(name) from None

    def keep(self, here):
        self.columns = {name: values[here] for name, values in self.columns.items()}

    def risk(self):
        return self.a_f / (self.a_f + self.b_f) * self.b_r / (self.a_r + self.b_r)

    def trust(self):
        return -np.log(self.risk() / self.first_risk)

    def loyalty(self, trust, affect, owed):
        pull = self.c.trust_weight * trust + affect + owed
        bound = np.where(
            pull < 0.0, self.c.loyalty_loss_bound, self.c.loyalty_gain_bound
        )
        return bound * np.tanh(pull / bound)

    def pace(self, rate, loyalty):
        felt = gains_at(self.c.purchase_gain_ratio, loyalty)
        return rate * np.exp(self.c.purchase_link * felt)

    def waits(self, patience, weeks):
        """Weeks to each next order; the pace is constant within each week."""
        trust = self.trust()
        calm = self.pace(self.rate, self.loyalty(trust, 0.0, 0.0))
        gaps = patience / calm
        who = np.flatnonzero(np.abs(self.affect) + np.abs(self.owed))
        kept = np.exp([-1.0 / self.c.affect_weeks, -1.0 / self.c.obligation_weeks])
        affect = self.affect[who] * np.sqrt(kept[0])
        owed = self.owed[who] * np.sqrt(kept[1])
        left, ends = patience[who].copy(), (weeks - self.week)[who]
        elapsed = 0.0
        while who.size:
            moved = np.abs(affect) + np.abs(owed) > SMALLEST_FEELING
            pace = np.where(
                moved,
                self.pace(self.rate[who], self.loyalty(trust[who], affect, owed)),
                calm[who],
            )
            settled = ~moved | (left <= pace)
            gaps[who[settled]] = elapsed + (left / pace)[settled]
            left = left - pace
            elapsed += 1.0
            gaps[who[~settled & (elapsed > ends)]] = np.inf
            go = ~settled & (elapsed <= ends)
            who, left, ends = who[go], left[go], ends[go]
            affect, owed = affect[go] * kept[0], owed[go] * kept[1]
        return gaps

    def fade(self, gaps):
        self.columns["affect"] = self.affect * np.exp(-gaps / self.c.affect_weeks)
        self.columns["owed"] = self.owed * np.exp(-gaps / self.c.obligation_weeks)
        self.columns["sore"] = self.sore * np.exp(-gaps / self.c.aggravation_weeks)


def meet_failures(minds, who, n_before, events, answers, reply):
    """Let the orders of the customers `who` fail; return what became of each."""
    c = minds.c
    severity = (1.0 - (1.0 - events[2]) ** (1.0 / c.severity_grave)) ** (
        1.0 / c.severity_mild
    )
    process = events[1] < c.process_share
    complained = events[3] < expit(
        reply.voice + c.voice_severity * severity + minds.voice[who]
    )
    answered = complained | (answers[0] < reply.reach)
    a_r, b_r = minds.a_r[who], minds.b_r[who]
    at_first = c.prior_recovery_a / (c.prior_recovery_a + c.prior_recovery_b)
    expected = (
        c.expectation_base
        + c.expectation_severity * severity
        + c.expectation_learning * (a_r / (a_r + b_r) - at_first)
    )
    justice = np.where(process, reply.justice_process, reply.justice_outcome)
    mean = justice - expected
    recovery = mean + reply.noise * np.log((1.0 - answers[1]) / answers[1])
    if not reply.answers:  # a complaint nobody answers cannot end well
        better = expit(mean / reply.noise)
        worse = better + answers[1] * (1.0 - better)
        recovery = mean + reply.noise * np.log((1.0 - worse) / worse)
    good = answered & (recovery > 0.0)
    bad = answered & ~good
    silent = ~answered
    factor = 1.0 + c.repeat_weight * minds.failed[who]
    hurt = (
        c.hurt
        * severity
        * (1.0 - c.relationship_buffer * n_before / (n_before + c.relationship_orders))
        * (1.0 + c.complaint_aggravation * minds.sore[who])
    )
    minds.a_f[who] += c.learning * factor * np.where(silent, 1.0, reply.blame_kept)
    minds.a_r[who] += np.where(good, c.learning * reply.lesson_weight / factor, 0.0)
    minds.b_r[who] += c.learning * np.select(
        [silent, bad], [c.recovery_weight * c.silence_weight, reply.lesson_weight], 0.0
    )
    minds.affect[who] += np.select(
        [silent, good],
        [-hurt, c.delight * recovery / factor - hurt * (1.0 - 1.0 / factor)],
        -(hurt + c.double_deviation - c.loss_aversion * c.delight * recovery),
    )
    if reply.obligation > 0.0:
        first = who[good & (minds.obliged[who] == 0.0)]
        minds.owed[first] += reply.obligation
        minds.obliged[first] = 1.0
    minds.failed[who] += 1.0
    minds.sore[who] += complained
    outcome = np.select([silent, good], [SILENT, RECOVERED], NOT_RECOVERED)
    return outcome, severity, process, complained


COUNTS = (
    "n_orders", "spend", "n_failures", "n_complaints", "n_recovered",
    "mentions_positive", "mentions_negative", "margin", "recovery_cost",
    "referral_value",
)  # fmt: skip
UNKNOWN = (
    "index_week", "index_severity", "index_process", "followup_spend", "left_week",
    "trust", "satisfaction_before", "satisfaction_after",
)  # fmt: skip


class Books:
    """Each customer's record and the weekly table."""

    def __init__(self, n, weeks):
        self.record = {name: np.zeros(n) for name in COUNTS}
        self.record |= {name: np.full(n, np.nan) for name in UNKNOWN}
        self.record["index_complained"] = np.zeros(n)
        self.record["index_outcome"] = np.full(n, NO_ORDER)
        self.record["last_outcome"] = np.full(n, NO_ORDER)
        self.record["last_complained"] = np.zeros(n)
        self.n_weeks = int(np.ceil(weeks))
        self.weekly = {}

    def add(self, name, who, week, values):
        self.record[name][who] += values
        self.add_week(name, week, values)

    def add_week(self, name, week, values):
        values = np.broadcast_to(np.asarray(values, dtype=float), week.shape)
        sums = np.bincount(week.astype(int), values, minlength=self.n_weeks)
        self.weekly[name] = self.weekly.get(name, 0.0) + sums


def answer_survey(loyalty, uniform, c):
    felt = gains_at(c.satisfaction_gain_ratio, loyalty)
    noise = c.satisfaction_noise * ndtri(uniform)
    return 1.0 + 6.0 * expit(c.satisfaction_base + c.satisfaction_link * felt + noise)


def book_index(books, minds, before, after, answers, c):
    """Open every first order's follow-up, with the two surveys around it."""
    who = minds.customer
    books.record["index_week"][who] = minds.week
    books.record["followup_spend"][who] = 0.0
    books.record["trust"][who] = minds.trust()
    books.record["satisfaction_before"][who] = answer_survey(before, answers[2], c)
    books.record["satisfaction_after"][who] = answer_survey(after, answers[3], c)
    for name in ("outcome", "complained"):
        books.record[f"index_{name}"][who] = books.record[f"last_{name}"][who]


def book_failures(books, minds, failed, happened, amount, rules):
    """Book failures and what their answers cost."""
    outcome, severity, process, complained = happened
    who, week = minds.customer[failed], minds.week[failed]
    loss = severity * amount[failed]
    reply = rules.reply
    cost = np.where(
        outcome == SILENT, 0.0, reply.handling_cost + reply.compensation_cost * loss
    )
    books.record["last_outcome"][who] = outcome
    books.record["last_complained"][who] = complained
    books.add("n_failures", who, week, 1.0)
    books.add("n_complaints", who, week, complained)
    books.add("n_recovered", who, week, outcome == RECOVERED)
    discount = np.exp(-rules.c.discount_rate_week * week)
    books.add("recovery_cost", who, week, cost * discount)
    return severity, process


def book_mentions(books, minds, uniform, loyalty, c):
    """Book what is said of the firm after an order."""
    felt = gains_at(c.mention_gain_ratio, loyalty)
    scorn = uniform < expit(c.mention_negative_base - c.mention_negative_link * felt)
    praise = expit(c.mention_positive_base + c.mention_positive_link * felt)
    praise = (uniform > 1.0 - praise) & ~scorn
    value = c.referral_value * praise - c.detraction_cost * scorn
    discount = np.exp(-c.discount_rate_week * minds.week)
    books.record["referral_value"][minds.customer] += discount * value
    books.add("mentions_positive", minds.customer, minds.week, praise)
    books.add("mentions_negative", minds.customer, minds.week, scorn)


def find_failures(minds, uniform, rules):
    """Return who is failed now; improvement lowers the chance as weeks go by."""
    learned = 1.0 - np.exp(-minds.week / rules.c.improvement_weeks)
    chance = rules.reply.failure_probability * (1.0 - rules.reply.prevented * learned)
    return np.flatnonzero(uniform < chance)


def live_round(minds, order, basics, books, rules):
    """Let everybody still here live through one order; return who stays."""
    c, who, seed = rules.c, minds.customer, rules.seed
    before = minds.loyalty(minds.trust(), minds.affect, minds.owed)
    spread = rules.amount_sd
    amount = minds.mean_amount * np.exp(spread * ndtri(basics[3]) - spread**2 / 2.0)
    events = draw(seed, who, order, 1)
    failed = find_failures(minds, basics[2], rules)
    # The surveys are asked at the first order only; later just the failures draw.
    asked = np.arange(who.size) if order == 0 else failed
    answers = draw(seed, who[asked], order, 2)
    of_failed = [a[failed] if order == 0 else a for a in answers]
    books.record["last_outcome"][who] = NOTHING
    books.record["last_complained"][who] = 0.0
    fine = np.ones(who.size, dtype=bool)
    fine[failed] = False
    minds.b_f[fine] += c.learning
    happened = meet_failures(
        minds, failed, order, [e[failed] for e in events], of_failed, rules.reply
    )
    after = minds.loyalty(minds.trust(), minds.affect, minds.owed)
    near = minds.week - books.record["index_week"][who] <= FOLLOWUP_WEEKS
    books.record["followup_spend"][who[near]] += amount[near]
    severity, process = book_failures(books, minds, failed, happened, amount, rules)
    books.add("n_orders", who, minds.week, 1.0)
    books.add("spend", who, minds.week, amount)
    discount = np.exp(-c.discount_rate_week * minds.week)
    books.add("margin", who, minds.week, c.margin_rate * amount * discount)
    if order == 0:
        book_index(books, minds, before, after, answers, c)
        books.record["index_severity"][who[failed]] = severity
        books.record["index_process"][who[failed]] = process
    book_mentions(books, minds, events[0], after, c)
    felt = gains_at(c.dropout_gain_ratio, after)
    odds = minds.odds * np.exp(-c.dropout_link * felt)
    leaves = basics[1] < odds / (1.0 + odds)
    books.record["left_week"][who[leaves]] = minds.week[leaves]
    books.add_week("n_left", minds.week[leaves], 1.0)
    return ~leaves


def run_shop(rules):
    """Let all customers live; return their records and the weekly table by column."""
    minds, books = Minds(rules), Books(len(rules.traits), rules.weeks)
    order = 0
    while minds.customer.size:
        basics = draw(rules.seed, minds.customer, order, 0)
        gaps = minds.waits(-np.log(basics[0]), rules.weeks)
        here = minds.week + gaps < rules.weeks
        minds.columns["week"] = minds.week + gaps
        minds.keep(here)
        if not minds.customer.size:
            break
        minds.fade(gaps[here])
        stay = live_round(minds, order, [b[here] for b in basics], books, rules)
        minds.keep(stay)
        order += 1
    tenure = books.record["left_week"].copy()
    tenure[np.isnan(tenure)] = rules.weeks
    rate = rules.c.discount_rate_week
    annuity = tenure if rate == 0.0 else -np.expm1(-rate * tenure) / rate
    books.record["recovery_cost"] += rules.reply.programme_cost * annuity
    return books.record, books.weekly
