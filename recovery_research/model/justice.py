"""How a firm's answer is judged: from a policy's levers to perceived justice."""

import math
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from recovery_research.model.policies import RecoveryPolicy
from recovery_research.model.worlds import World

KINDS = ("outcome", "process")


class Reply(NamedTuple):
    """What a policy comes to in a world; all that the loop needs to know of it.

    `answers` is 1 or 0. `voice` is in logits, `reach` the chance to find a silent
    customer, `noise` a logistic scale, `prevented` the share of failures prevented in
    the long run, `blame_kept` a share, `lesson_weight` what one recovery teaches,
    `compensation_cost` dollars per dollar lost, `handling_cost` dollars a case,
    `programme_cost` dollars a customer-week.
    """

    answers: float
    voice: float
    reach: float
    failure_probability: float
    prevented: float
    justice_outcome: float
    justice_process: float
    noise: float
    blame_kept: float
    lesson_weight: float
    obligation: float
    compensation_cost: float
    handling_cost: float
    programme_cost: float


def judge_distributive(compensation: float, world: World) -> float:
    """Return distributive justice of a compensation.

    Parameters
    ----------
    compensation : float
        Share of the loss given back; negative charges the customer.
    world : World
        Gives the parity, the point past which more does not help, and the curve.

    Returns
    -------
    float
        0 at parity, at most 1; falls ever faster below.

    Notes
    -----
    ``1 - ((flat - c) / (flat - parity)) ** curve`` below `flat`, 1 above it: concave,
    neutral at parity, and level where over-benefit stops helping.

    Examples
    --------
    >>> from recovery_research.model.worlds import load_world
    >>> judge_distributive(0.8, load_world("evidence"))
    0.0
    >>> judge_distributive(3.0, load_world("evidence"))
    1.0
    """
    parity, flat = world["parity_compensation"], world["flat_compensation"]
    short = max(flat - compensation, 0.0) / (flat - parity)
    return 1.0 - short ** world["distributive_curve"]


def judge_procedural(policy: RecoveryPolicy, world: World) -> float:
    """Return procedural justice: 1 at once to -1 when it drags, plus empowerment."""
    saved = world["empowerment_speed"] * policy.empowerment
    days = policy.days_to_resolve * (1.0 - saved)
    speed = 2.0 * math.exp(-days / world["resolution_days"]) - 1.0
    return speed + world["empowerment_justice"] * policy.empowerment


def judge_interactional(policy: RecoveryPolicy, world: World) -> float:
    """Return interactional justice: kindness and candour, less what was due."""
    return (
        world["apology_weight"] * policy.apology
        + world["empathy_weight"] * policy.empathy
        + world["accountability_weight"] * policy.accountability
        - world["interactional_offset"]
    )


def match_form(policy: RecoveryPolicy, world: World) -> float:
    """Return how well the form of compensation resembles what was lost."""
    return 1.0 if policy.form == "refund" else world[f"match_{policy.form}"]


def judge_policy(
    policy: RecoveryPolicy, world: World, *, kind: str = "outcome"
) -> float:
    """Return perceived justice of a policy's answer, before execution noise.

    Parameters
    ----------
    policy : RecoveryPolicy
        The firm's levers.
    world : World
        Weights of the three kinds of justice.
    kind : str, optional
        ``outcome`` or ``process``: what failed.

    Returns
    -------
    float
        Larger is more just; 0 is neutral.

    Raises
    ------
    ValueError
        If the kind is unknown.

    Notes
    -----
    ``w_d DJ + w_p PJ + w_i IJ + w_di max(DJ, 0) max(IJ, 0)``. A plain product DJ * IJ
    would reward a reply that is both stingy and rude, so only the positive parts are
    multiplied. The form scales what compensation adds above nothing at all; after a
    failed process all of distributive justice, good or bad, matters less.

    References
    ----------
    Orsingher, C., Valentini, S., & de Angelis, M. (2010). A meta-analysis of
    satisfaction with complaint handling in services. Journal of the Academy of
    Marketing Science. doi:10.1007/s11747-009-0155-z

    Examples
    --------
    >>> from recovery_research.model.policies import load_policies
    >>> from recovery_research.model.worlds import load_world
    >>> policies, world = load_policies(), load_world("evidence")
    >>> service, a_sorry = policies["service"], policies["a_sorry"]
    >>> judge_policy(service, world) > judge_policy(a_sorry, world)
    True
    """
    if kind not in KINDS:
        raise ValueError(f"a failure's kind is one of {list(KINDS)}; got {kind!r}.")
    nothing = judge_distributive(0.0, world)
    gained = judge_distributive(policy.compensation, world) - nothing
    distributive = nothing + gained * (
        match_form(policy, world) if gained > 0.0 else 1.0
    )
    if kind == "process":
        distributive *= world["process_match"]
    interactional = judge_interactional(policy, world)
    return (
        world["distributive_weight"] * distributive
        + world["procedural_weight"] * judge_procedural(policy, world)
        + world["interactional_weight"] * interactional
        + world["synergy_weight"] * max(distributive, 0.0) * max(interactional, 0.0)
    )


def cost_programme(policy: RecoveryPolicy, world: World) -> float:
    """Return a policy's running cost in dollars per customer-week."""
    return (
        world["hotline_cost"] * max(policy.invitation, 0.0)
        + world["follow_up_cost"] * policy.follow_up
        + world["improvement_cost"] * policy.improvement
        + world["prevention_cost"] * max(1.0 - policy.failure_multiplier, 0.0)
    )


def form_reply(policy: RecoveryPolicy, world: World) -> Reply:
    """Work out what a policy comes to in a world."""
    # A charge comes in as money, whatever form a gift would have had.
    face = policy.form == "refund" or policy.compensation < 0.0
    cost = 1.0 if face else world[f"cost_{policy.form}"]
    over_benefit = max(policy.compensation - 1.0, 0.0)
    obliging = 0.0 if "reciprocity" in world.switched_off else world["obligation"]
    handling = world["handling_cost"] + world["speed_cost"] / (
        1.0 + policy.days_to_resolve
    )
    chance = world["failure_probability"] * policy.failure_multiplier
    return Reply(
        answers=float(policy.answers),
        voice=world["voice_base"] + policy.invitation,
        reach=world["proactive_reach"] * policy.proactive,
        failure_probability=min(chance, 1.0),
        prevented=world["improvement_effect"] * policy.improvement,
        justice_outcome=judge_policy(policy, world, kind="outcome"),
        justice_process=judge_policy(policy, world, kind="process"),
        noise=world["residual_noise"]
        + world["execution_noise"] * (1.0 - policy.consistency),
        blame_kept=1.0 - world["cause_excused"] * policy.communication,
        lesson_weight=world["recovery_weight"]
        * (1.0 + world["follow_up_weight"] * policy.follow_up),
        obligation=obliging * over_benefit * world[f"personal_{policy.form}"],
        compensation_cost=cost * policy.compensation,
        # What nobody answers, nobody handles.
        handling_cost=handling if policy.answers else 0.0,
        programme_cost=cost_programme(policy, world),
    )


def form_perfect_reply(policy: RecoveryPolicy, world: World) -> Reply:
    """Work out the best treatment of the same failures, to replay departures.

    Failures and their prevention stay the policy's own. Nobody is obliged to stay:
    what is asked is who leaves over the error although it was treated perfectly.
    """
    perfect = replace(
        policy, apology=1.0, days_to_resolve=0.0, empathy=1.0,
        compensation=world["flat_compensation"], form="refund", communication=1.0,
        follow_up=1.0, accountability=1.0, empowerment=1.0, consistency=1.0,
    )  # fmt: skip
    return form_reply(perfect, world)._replace(obligation=0.0)


def tabulate_justice(policies: list[RecoveryPolicy], world: World) -> pd.DataFrame:
    """Tabulate how each policy's answer is judged in a world.

    Parameters
    ----------
    policies : list of RecoveryPolicy
        The policies, one row each.
    world : World
        Who judges.

    Returns
    -------
    DataFrame
        ``policy, distributive, procedural, interactional, justice_outcome,
        justice_process, programme_cost`` (the last in dollars per customer-week).
    """
    rows = [
        {
            "policy": policy.name,
            "distributive": judge_distributive(policy.compensation, world),
            "procedural": judge_procedural(policy, world),
            "interactional": judge_interactional(policy, world),
            "justice_outcome": judge_policy(policy, world),
            "justice_process": judge_policy(policy, world, kind="process"),
            "programme_cost": cost_programme(policy, world),
        }
        for policy in policies
    ]
    return pd.DataFrame(rows)
