"""What the simulation costs, measured against others; run by ``make bench``."""
