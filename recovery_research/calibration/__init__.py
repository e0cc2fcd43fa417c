"""Worlds fitted to published figures, and held against them."""
