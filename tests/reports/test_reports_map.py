"""The map of the report room names every module, once, and none that is not there."""

import re
from collections import Counter
from pathlib import Path

from recovery_research import reports as reporting


def test_the_map_is_complete():
    folder = Path(reporting.__file__).parent
    there = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    groups = re.findall(r"(?m)^    [a-z_, \n]+", reporting.__doc__)
    named = Counter(re.findall(r"[a-z_]+", " ".join(groups)))
    assert {name for name, times in named.items() if times > 1} == set()
    assert (there - set(named), set(named) - there) == (set(), set())
    walked = set(re.findall(r"`([a-z_]+)`", reporting.__doc__))
    assert walked <= there
