"""What may be said about customers, simulated or real: estimates and verdicts.

Every analysis takes a tidy table and never knows where its customers come from. The
public ones are offered by the package itself, as in ``rr.paradox``.
"""
