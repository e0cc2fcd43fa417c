"""Studies of simulated customers: what they find, and what there was to be found."""
