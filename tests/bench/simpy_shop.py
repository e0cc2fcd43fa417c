"""The model in SimPy: each customer is a process that sleeps until her next order."""

import random

import simpy

from .shopper import Shopper, total


def live(env, shopper, weeks):
    """Order after order until the end or until she leaves."""
    while not shopper.left:
        gap = shopper.wait(weeks - shopper.week)
        if shopper.week + gap >= weeks:
            return
        yield env.timeout(gap)
        shopper.order(gap)


def build(rules):
    """Return the environment and its customers, processes started."""
    env, luck = simpy.Environment(), random.Random(rules.seed)
    shoppers = [Shopper(trait, rules, luck) for trait in rules.traits]
    for shopper in shoppers:
        env.process(live(env, shopper, rules.weeks))
    return env, shoppers


def run(shop):
    """Let all weeks pass; return the totals."""
    env, shoppers = shop
    env.run()
    return total(shoppers)
