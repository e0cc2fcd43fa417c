"""Expecting to be refused, and told why."""

import re

import pytest


def refuses(error, *parts):
    """Expect an error whose message holds all the parts, in this order."""
    pattern = ".*".join(re.escape(part) for part in parts)
    return pytest.raises(error, match=f"(?s){pattern}")
