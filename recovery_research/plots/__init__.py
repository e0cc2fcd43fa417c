"""Plots: each takes a tidy table and returns the Axes it drew on."""
