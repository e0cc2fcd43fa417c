"""Small studies for the tests of diagnoses."""

import recovery_research as rr


def study_of(world, webshop, sampled="order_based", **changes):
    names = ["g_own_it", "cost_center"] if sampled == "trial" else ["g_own_it"]
    fields = {"policies": rr.choose_policies(names), "n_customers": 500, **changes}
    return rr.Study(sampled=sampled, world=world, population=webshop, **fields)


def same(one, other):
    return one.to_frame().equals(other.to_frame()) and one.replications.equals(
        other.replications
    )
