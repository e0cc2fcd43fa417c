"""The cache of compiled code follows every file that went into it."""

import subprocess
import sys
from pathlib import Path

from recovery_research import _compile

INNER = (
    "from ._compile import compiled\n\n\n@compiled\ndef grow(x):\n    return x * {}\n"
)
OUTER = (
    "from . import _inner\nfrom ._compile import compiled_entry\n\n\n"
    "@compiled_entry\ndef work(x):\n    return _inner.grow(x) + 1.0\n"
)
RUN = (
    "from copied import _outer; "
    "y = _outer.work(3.0); s = _outer.work.stats; "
    "print(y, sum(s.cache_hits.values()))"
)


def run(folder):
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    answer, hits = done.stdout.split()
    return float(answer), int(hits)


def test_compiled_code_is_reused_until_a_file_it_calls_changes(tmp_path):
    package = tmp_path / "copied"
    package.mkdir()
    (package / "__init__.py").write_text("")
    source = Path(_compile.__file__).read_text()
    (package / "_compile.py").write_text(source)
    (package / "_inner.py").write_text(INNER.format(7.0))
    (package / "_outer.py").write_text(OUTER)
    assert run(tmp_path) == (22.0, 0)
    assert run(tmp_path) == (22.0, 1)
    # `_outer.py` is untouched; Numba alone would run 3 * 7 + 1 again.
    (package / "_inner.py").write_text(INNER.format(11.0))
    assert run(tmp_path) == (34.0, 0)
