"""The simulated customers: their world, their lives, and what became of them."""
