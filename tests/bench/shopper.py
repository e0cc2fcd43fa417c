"""One customer in plain Python, for the frameworks that simulate agents.

The rules are the model's; the luck is Python's own generator, as these frameworks
use it. Totals are therefore those of the compiled loop up to sampling error.
"""

import math


def chance(logit):
    return 1.0 / (1.0 + math.exp(-logit))


def gain_at(ratio, loyalty):
    return ratio * loyalty if loyalty > 0.0 else loyalty


class Shopper:
    """A customer with beliefs and feelings; ``order`` lives through one order."""

    __slots__ = (
        "a_f", "a_r", "affect", "amount", "b_f", "b_r", "c", "first_risk",
        "left", "luck", "margin", "mentions", "n_failures", "n_orders", "n_recovered",
        "obliged", "odds", "owed", "rate", "recovery_cost", "reply", "sore", "spend",
        "spread", "voice", "week",
    )  # fmt: skip

    def __init__(self, trait, rules, luck):
        c = self.c = rules.c
        self.reply, self.luck, self.spread = rules.reply, luck, rules.amount_sd
        self.rate, self.odds, self.amount, self.voice = (float(x) for x in trait)
        self.a_f, self.b_f = c.prior_failure_a, c.prior_failure_b
        self.a_r, self.b_r = c.prior_recovery_a, c.prior_recovery_b
        self.affect = self.owed = self.sore = self.week = 0.0
        self.n_orders = self.n_failures = self.n_recovered = self.mentions = 0
        self.spend = self.margin = self.recovery_cost = 0.0
        self.obliged = self.left = False
        self.first_risk = self.risk()

    def risk(self):
        failure = self.a_f / (self.a_f + self.b_f)
        return failure * self.b_r / (self.a_r + self.b_r)

    def trust(self):
        return -math.log(self.risk() / self.first_risk)

    def loyalty(self, trust, affect, owed):
        c = self.c
        pull = c.trust_weight * trust + affect + owed
        bound = c.loyalty_gain_bound if pull >= 0.0 else c.loyalty_loss_bound
        return bound * math.tanh(pull / bound)

    def pace(self, loyalty):
        c = self.c
        return self.rate * math.exp(
            c.purchase_link * gain_at(c.purchase_gain_ratio, loyalty)
        )

    def wait(self, weeks_left):
        """Draw the weeks to the next order; the pace is constant within a week."""
        c, patience, elapsed = self.c, self.luck.expovariate(1.0), 0.0
        trust, affect, owed = self.trust(), self.affect, self.owed
        if affect or owed:
            keep_affect = math.exp(-1.0 / c.affect_weeks)
            keep_owed = math.exp(-1.0 / c.obligation_weeks)
            affect *= math.sqrt(keep_affect)
            owed *= math.sqrt(keep_owed)
            while abs(affect) + abs(owed) > 1e-3:
                pace = self.pace(self.loyalty(trust, affect, owed))
                if patience <= pace:
                    return elapsed + patience / pace
                patience -= pace
                elapsed += 1.0
                if elapsed > weeks_left:
                    return math.inf
                affect *= keep_affect
                owed *= keep_owed
        return elapsed + patience / self.pace(self.loyalty(trust, 0.0, 0.0))

    def fade(self, gap):
        c = self.c
        self.affect *= math.exp(-gap / c.affect_weeks)
        self.owed *= math.exp(-gap / c.obligation_weeks)
        self.sore *= math.exp(-gap / c.aggravation_weeks)

    def order(self, gap):
        """Live through the order that comes `gap` weeks after the last."""
        c, luck = self.c, self.luck
        self.week += gap
        self.fade(gap)
        amount = self.amount * math.exp(
            luck.gauss(0.0, self.spread) - 0.5 * self.spread**2
        )
        discount = math.exp(-c.discount_rate_week * self.week)
        learned = 1.0 - math.exp(-self.week / c.improvement_weeks)
        reply = self.reply
        risk = reply.failure_probability * (1.0 - reply.prevented * learned)
        if luck.random() < risk:
            self.recovery_cost += discount * self.fail(amount)
        else:
            self.b_f += c.learning
        self.n_orders += 1
        self.spend += amount
        self.margin += c.margin_rate * amount * discount
        loyalty = self.loyalty(self.trust(), self.affect, self.owed)
        self.speak(loyalty)
        odds = self.odds * math.exp(
            -c.dropout_link * gain_at(c.dropout_gain_ratio, loyalty)
        )
        self.left = luck.random() < odds / (1.0 + odds)

    def speak(self, loyalty):
        """Say something good or bad of the firm, or nothing."""
        c = self.c
        felt = gain_at(c.mention_gain_ratio, loyalty)
        uniform = self.luck.random()
        if uniform < chance(c.mention_negative_base - c.mention_negative_link * felt):
            self.mentions -= 1
        elif uniform > 1.0 - chance(
            c.mention_positive_base + c.mention_positive_link * felt
        ):
            self.mentions += 1

    def hurt_by(self, severity):
        c = self.c
        buffer = self.n_orders / (self.n_orders + c.relationship_orders)
        return (
            c.hurt
            * severity
            * (1.0 - c.relationship_buffer * buffer)
            * (1.0 + c.complaint_aggravation * self.sore)
        )

    def fail(self, amount):
        """Live through a failure; return what the answer to it cost."""
        c, reply, luck = self.c, self.reply, self.luck
        inner = 1.0 - luck.random() ** (1.0 / c.severity_grave)
        severity = inner ** (1.0 / c.severity_mild)
        factor, hurt = 1.0 + c.repeat_weight * self.n_failures, self.hurt_by(severity)
        complains = luck.random() < chance(
            reply.voice + c.voice_severity * severity + self.voice
        )
        cost = 0.0
        if complains or luck.random() < reply.reach:
            cost = reply.handling_cost + reply.compensation_cost * severity * amount
            self.take_answer(self.judge(severity), factor, hurt)
        else:
            self.a_f += c.learning * factor
            self.b_r += c.learning * c.recovery_weight * c.silence_weight
            self.affect -= hurt
        self.n_failures += 1
        self.sore += complains
        return cost

    def judge(self, severity):
        """Return recovery satisfaction: justice, with noise, less expectation."""
        c, reply, luck = self.c, self.reply, self.luck
        process = luck.random() < c.process_share
        justice = reply.justice_process if process else reply.justice_outcome
        at_first = c.prior_recovery_a / (c.prior_recovery_a + c.prior_recovery_b)
        expected = (
            c.expectation_base
            + c.expectation_severity * severity
            + c.expectation_learning * (self.a_r / (self.a_r + self.b_r) - at_first)
        )
        mean, uniform = justice - expected, luck.random()
        if not reply.answers:  # a complaint nobody answers cannot end well
            better = 1.0 / (1.0 + math.exp(-mean / reply.noise))
            uniform = better + uniform * (1.0 - better)
        return mean + reply.noise * math.log((1.0 - uniform) / uniform)

    def take_answer(self, recovery, factor, hurt):
        """Take the firm's answer, good or bad, to heart."""
        c, reply = self.c, self.reply
        self.a_f += c.learning * factor * reply.blame_kept
        if recovery <= 0.0:
            self.b_r += c.learning * reply.lesson_weight
            self.affect -= hurt + c.double_deviation
            self.affect += c.loss_aversion * c.delight * recovery
            return
        self.n_recovered += 1
        self.a_r += c.learning * reply.lesson_weight / factor
        self.affect += c.delight * recovery / factor - hurt * (1.0 - 1.0 / factor)
        if not self.obliged and reply.obligation > 0.0:
            self.obliged = True
            self.owed += reply.obligation


TOTALS = ("n_orders", "spend", "n_failures", "n_recovered", "margin")


def total(shoppers):
    """Return the sums over customers that the compiled loop reports too."""
    return {name: sum(getattr(s, name) for s in shoppers) for name in TOTALS}
