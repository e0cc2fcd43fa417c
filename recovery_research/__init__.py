"""Simulate service failures and recoveries; test the recovery paradox."""

__version__ = "0.1.0"
