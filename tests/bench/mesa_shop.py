"""The model in Mesa 3: agents that are asked week by week whether they order."""

import mesa

from .shopper import Shopper, total


class Customer(mesa.Agent):
    """An agent with one shopper inside and the week of her next order."""

    def __init__(self, model, trait):
        super().__init__(model)
        self.shopper = Shopper(trait, model.rules, model.random)
        self.gap = self.shopper.wait(model.rules.weeks)

    def step(self):
        shopper, weeks = self.shopper, self.model.rules.weeks
        end = min(self.model.steps, weeks)  # Mesa counts the step before it is made
        while shopper.week + self.gap < end:
            shopper.order(self.gap)
            if shopper.left:
                self.remove()
                return
            self.gap = shopper.wait(weeks - shopper.week)


class Shop(mesa.Model):
    """A customer base under one policy, a step a week."""

    def __init__(self, rules):
        super().__init__(seed=rules.seed)
        self.rules = rules
        agents = Customer.create_agents(self, len(rules.traits), list(rules.traits))
        self.shoppers = [agent.shopper for agent in agents]

    def step(self):
        self.agents.do("step")


def build(rules):
    """Return the model, agents made."""
    return Shop(rules)


def run(shop):
    """Let all weeks pass; return the totals."""
    while shop.steps < shop.rules.weeks:
        shop.step()
    return total(shop.shoppers)
