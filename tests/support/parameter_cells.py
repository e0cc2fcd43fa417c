"""A parameters cell with a parameter of every kind."""

from recovery_research.reports.declared_parameters import (
    read_declarations,
    register_vocabulary,
)

CELL = """\
# Everything below may be set from outside.
n_customers = 20_000  # customers in each policy [1 to 10_000_000]
rate = 0.1  # weekly rate [0 or more]
confidence = 0.95  # coverage [between 0 and 1]
world = "evidence"  # which beliefs {claims, evidence}
tools = ["hammer", "saw"]  # the first is the control {tool names}
shares = [0.1, 0.7]  # shares to try [0 to 1]
sizes = [3]  # how many
learn = True  # whether customers learn
label = "a # b"  # shown [EUR]
"""
register_vocabulary("tool names", lambda: ["hammer", "saw", "glue_gun"])


def one(source):
    """Return the one parameter that the text declares."""
    (parameter,) = read_declarations(source).values()
    return parameter
