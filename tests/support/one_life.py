"""One customer's life, worked out from the model's text alone.

The slow, plain second opinion on the compiled loop: it shares with the package only
the addresses of luck (held to published answers in ``test_luck``), the traits a
customer is born with, and the tables of coefficients. It notes every branch it takes.
"""

import math

from scipy.special import ndtri

from recovery_research.model._random import draw_uniform


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


def judge_by_hand(policy, world, kind):
    """Justice of an answer: w_d DJ + w_p PJ + w_i IJ + w_di max(DJ, 0) max(IJ, 0)."""
    flat, parity = world["flat_compensation"], world["parity_compensation"]

    def distributive(given):
        if given >= flat:
            return 1.0
        return 1.0 - ((flat - given) / (flat - parity)) ** world["distributive_curve"]

    gain = distributive(policy.compensation) - distributive(0.0)
    if gain > 0.0 and policy.form != "refund":
        gain *= world["match_" + policy.form]
    dj = distributive(0.0) + gain
    if kind == "process":
        dj *= world["process_match"]
    days = policy.days_to_resolve * (
        1.0 - world["empowerment_speed"] * policy.empowerment
    )
    pj = 2.0 * math.exp(-days / world["resolution_days"]) - 1.0
    pj += world["empowerment_justice"] * policy.empowerment
    ij = (
        world["apology_weight"] * policy.apology
        + world["empathy_weight"] * policy.empathy
        + world["accountability_weight"] * policy.accountability
        - world["interactional_offset"]
    )
    synergy = dj * ij if dj > 0.0 and ij > 0.0 else 0.0
    return (
        world["distributive_weight"] * dj
        + world["procedural_weight"] * pj
        + world["interactional_weight"] * ij
        + world["synergy_weight"] * synergy
    )


class Life:
    """A customer under a policy; `live` fills `orders`, `record` and `branches`.

    `forks` maps an order's number (from 1) to what is made of it, in the words of
    ``Experiment.first_order``.
    """

    def __init__(self, experiment, policy, customer, traits, *, perfect=False):
        self.w, self.policy, self.perfect = experiment.world, policy, perfect
        self.off = experiment.world.switched_off
        self.experiment, self.customer = experiment, customer
        self.rate, self.odds, self.amount, self.voice = (float(t) for t in traits)
        self.forks = {1: experiment.first_order}
        if experiment.later_order is not None:
            self.forks.update([experiment.later_order])
        w = self.w
        self.a_f, self.b_f = w["prior_failure_a"], w["prior_failure_b"]
        self.a_r, self.b_r = w["prior_recovery_a"], w["prior_recovery_b"]
        self.first_risk = self.risk()
        self.affect = self.obligation = self.soreness = 0.0
        self.obliged, self.n_failed, self.n_before = False, 0, 0
        self.orders, self.branches = [], set()

    def luck(self, purpose):
        attempt = 0
        if self.experiment.luck == "separate":
            attempt = self.experiment.policies.index(self.policy)
        return draw_uniform(
            self.experiment.seed, self.customer, self.n_before, purpose, attempt
        )

    def risk(self):
        expected_failure = self.a_f / (self.a_f + self.b_f)
        return expected_failure * (1.0 - self.a_r / (self.a_r + self.b_r))

    def trust(self):
        return -math.log(self.risk() / self.first_risk)

    def loyalty(self, affect=None, obligation=None):
        affect = self.affect if affect is None else affect
        obligation = self.obligation if obligation is None else obligation
        pull = self.w["trust_weight"] * self.trust() + affect + obligation
        side = "gain" if pull >= 0 else "loss"
        bound = self.w[f"loyalty_{side}_bound"]
        return bound * math.tanh(pull / bound)

    def felt(self, loyalty, link):
        return loyalty * self.w[f"{link}_gain_ratio"] if loyalty > 0 else loyalty

    def wait(self, left):
        """Weeks to the next order: the rate, constant by week, uses patience up."""
        patience = -math.log(self.luck("gap"))
        for week in range(10**6):
            affect = self.affect * math.exp(-(week + 0.5) / self.w["affect_weeks"])
            owed = self.obligation * math.exp(
                -(week + 0.5) / self.w["obligation_weeks"]
            )
            calm = abs(affect) + abs(owed) <= 1e-3
            loyalty = self.loyalty(0.0, 0.0) if calm else self.loyalty(affect, owed)
            rate = self.rate * math.exp(
                self.w["purchase_link"] * self.felt(loyalty, "purchase")
            )
            if calm or patience <= rate:
                if week:
                    self.branches.add("waits calmly" if calm else "waits with feelings")
                return week + patience / rate
            patience -= rate
            if week + 1 > left:
                self.branches.add("feelings outlast her time")
                return math.inf
        raise AssertionError("unreachable")

    def hurt(self, severity):
        if "disconfirmation" in self.off:
            return 0.0
        known = self.n_before / (self.n_before + self.w["relationship_orders"])
        return (
            self.w["hurt"]
            * severity
            * (1.0 - self.w["relationship_buffer"] * known)
            * (1.0 + self.w["complaint_aggravation"] * self.soreness)
        )

    def recovery(self, severity, kind, fork):
        """Recovery satisfaction: justice less expectation, delivered unevenly."""
        w, p = self.w, self.policy
        prior = w["prior_recovery_a"] / (w["prior_recovery_a"] + w["prior_recovery_b"])
        expected = (
            w["expectation_base"]
            + w["expectation_severity"] * severity
            + w["expectation_learning"] * (self.a_r / (self.a_r + self.b_r) - prior)
        )
        mean = judge_by_hand(p, w, kind) - expected
        if self.perfect:
            return max(mean, 0.0)
        scale = w["residual_noise"] + w["execution_noise"] * (1.0 - p.consistency)
        better = self.luck("execution")  # the chance of a recovery better than this one
        above_0 = logistic(mean / scale)
        if fork == "recovered":
            better *= above_0
        mute = not (p.apology or p.empathy or p.communication or p.accountability)
        mute = mute and not p.compensation
        if fork == "not_recovered" or (mute and fork != "recovered"):
            better = above_0 + better * (1.0 - above_0)
        return mean + scale * math.log((1.0 - better) / better)

    def fail(self, fork):
        w, p = self.w, self.policy
        u = self.luck("severity")
        severity = 1.0 - (1.0 - u) ** (1.0 / w["severity_grave"])
        severity **= 1.0 / w["severity_mild"]
        kind = "process" if self.luck("kind") < w["process_share"] else "outcome"
        urge = w["voice_base"] + p.invitation + w["voice_severity"] * severity
        complains = self.luck("voice") < logistic(urge + self.voice)
        reached = self.luck("reach") < w["proactive_reach"] * p.proactive
        if fork == "silent":
            complains = reached = False
        elif fork in ("complained", "recovered", "not_recovered"):
            complains = True
        answered = complains or reached or self.perfect
        if answered and not complains and not self.perfect:
            self.branches.add("reached proactively")
        learning = 0.0 if "learning" in self.off else 1.0
        delight = 0.0 if "disconfirmation" in self.off else w["delight"]
        repeat = 1.0 + w["repeat_weight"] * self.n_failed
        blame = 1.0 - w["cause_excused"] * p.communication if answered else 1.0
        lesson = w["recovery_weight"] * (1.0 + w["follow_up_weight"] * p.follow_up)
        satisfaction = self.recovery(severity, kind, fork) if answered else None
        hurt = self.hurt(severity)
        self.a_f += learning * repeat * blame
        if not answered:
            outcome = "silent"
            self.b_r += learning * w["recovery_weight"] * w["silence_weight"]
            self.affect -= hurt
        elif satisfaction > 0.0 or self.perfect:
            outcome = "recovered"
            self.a_r += learning * lesson / repeat
            # A repeated failure is made good less, in hurt and in delight alike.
            self.affect += delight * satisfaction / repeat - hurt * (1 - 1 / repeat)
            self.oblige()
        else:
            outcome = "not_recovered"
            self.b_r += learning * lesson
            insult = 0.0 if "disconfirmation" in self.off else w["double_deviation"]
            self.affect -= hurt + insult + w["loss_aversion"] * delight * -satisfaction
        self.branches.add(f"{outcome} {'again' if self.n_failed else 'first'}")
        if self.soreness > 0.0:
            self.branches.add("sore from a complaint")
        self.n_failed += 1
        self.soreness += complains
        return outcome, severity, kind, complains, satisfaction

    def oblige(self):
        over = max(self.policy.compensation - 1.0, 0.0)
        if "reciprocity" in self.off or self.perfect:
            return
        gift = self.w["obligation"] * over * self.w["personal_" + self.policy.form]
        if gift > 0.0:
            self.branches.add("obliged only once" if self.obliged else "obliged")
            if not self.obliged:
                self.obligation += gift
                self.obliged = True

    def order(self, week):
        """Let one order happen; return its row."""
        w, p = self.w, self.policy
        before = self.loyalty()
        number = self.n_before + 1
        sd = self.experiment.population["amount_sd_within"]
        amount = self.amount * math.exp(sd * ndtri(self.luck("amount")) - sd**2 / 2)
        fork = self.forks.get(number, "as_it_comes")
        learned = w["improvement_effect"] * p.improvement
        learned *= 1.0 - math.exp(-week / w["improvement_weeks"])
        chance = min(w["failure_probability"] * p.failure_multiplier, 1.0)
        fails = self.luck("failure") < chance * (1.0 - learned)
        if fork != "as_it_comes":
            fails = fork != "no_failure"
        happened = ("no_failure", None, None, False, None)
        if fails:
            happened = self.fail(fork)
        else:
            self.b_f += 0.0 if "learning" in self.off else 1.0
            self.branches.add("no failure")
        after = self.loyalty()
        logit = math.log(self.odds) - w["dropout_link"] * self.felt(after, "dropout")
        row = dict(
            zip(
                ("outcome", "severity", "kind", "complained", "satisfaction"),
                happened,
                strict=True,
            ),
            order=number, week=week, amount=amount, before=before, after=after,
            trust=self.trust(), affect=self.affect, obligation=self.obligation,
            said=self.say(after), left=self.luck("dropout") < logistic(logit),
            surveys=[self.answer(before, "before"), self.answer(after, "after")],
        )  # fmt: skip
        self.n_before += 1
        return row

    def say(self, loyalty):
        """+1 for praise, -1 for a bad word, 0 for none."""
        felt = self.felt(loyalty, "mention")
        w, u = self.w, self.luck("mention")
        if u < logistic(w["mention_negative_base"] - w["mention_negative_link"] * felt):
            return -1
        praise = w["mention_positive_base"] + w["mention_positive_link"] * felt
        return 1 if u > 1.0 - logistic(praise) else 0

    def answer(self, loyalty, when):
        w = self.w
        noise = w["satisfaction_noise"] * ndtri(self.luck(f"survey_{when}"))
        felt = self.felt(loyalty, "satisfaction")
        return 1 + 6 * logistic(
            w["satisfaction_base"] + w["satisfaction_link"] * felt + noise
        )

    def live(self):
        week, end = 0.0, self.experiment.weeks
        while True:
            gap = self.wait(end - week)
            if week + gap >= end:
                self.branches.add("time is over" if self.orders else "never orders")
                return self
            week += gap
            self.affect *= math.exp(-gap / self.w["affect_weeks"])
            self.obligation *= math.exp(-gap / self.w["obligation_weeks"])
            self.soreness *= math.exp(-gap / self.w["aggravation_weeks"])
            self.orders.append(self.order(week))
            if self.orders[-1]["left"]:
                first = len(self.orders) == 1
                self.branches.add("leaves at once" if first else "leaves later")
                return self
