"""Guards that hold for every test, and a few small things many tests need."""

import itertools
import shutil
import signal
import sys

import hypothesis
import numpy as np
import pandas as pd
import pytest
from customer_files import MAPPING, ROWS, write_rows
from s3_server import bucket  # noqa: F401 - a fixture of those who ask for it

import recovery_research as rr

# A shell starts what runs in its background deaf to Ctrl-C, and so would be all that
# the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine and every day: a red test can be repeated.
hypothesis.settings.register_profile(
    "house", derandomize=True, deadline=None, database=None, max_examples=40
)
hypothesis.settings.load_profile("house")


@pytest.fixture(autouse=True)
def _global_luck_untouched():
    """Fail a test after which NumPy's global generator is not where it was."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    yield
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before, err_msg="the global random state moved")


@pytest.fixture(autouse=True)
def _figures_closed():
    """Close what a test drew. Matplotlib is not loaded for tests that draw nothing."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture(scope="session")
def evidence():
    return rr.load_world("evidence")


@pytest.fixture(scope="session")
def claims():
    return rr.load_world("claims")


@pytest.fixture(scope="session")
def webshop():
    return rr.load_population("webshop")


@pytest.fixture(scope="session")
def catalogue():
    return rr.load_policies()


@pytest.fixture(scope="session")
def small_experiment(evidence, webshop):
    """5,000 customers (two chunks, the second cut) under three unlike policies."""
    return rr.Experiment(
        world=evidence,
        policies=rr.choose_policies(["service", "cost_center", "over_deliver"]),
        population=webshop,
        n_customers=5000,
        weeks=103.5,
        seed=11,
    )


@pytest.fixture(scope="session")
def small_history(small_experiment):
    return rr.simulate(small_experiment)


@pytest.fixture
def small_customers(small_history):
    """The customer table of `small_history`; its own copy, to be done with at will."""
    return rr.tabulate_customers(small_history).copy()


@pytest.fixture(scope="session")
def customer_file(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("customers") / "mine.csv", ROWS)


@pytest.fixture(scope="session")
def expected(customer_file):
    from recovery_research.customer_data.reading import read_customers

    return read_customers(customer_file, mapping=MAPPING).customers


@pytest.fixture(scope="session")
def typed(customer_file):
    """The same table with real numbers, dates and booleans in it."""
    frame = pd.read_csv(customer_file)
    for name in ("ordered", "called"):
        frame[name] = pd.to_datetime(frame[name])
    for name in ("problem", "complained", "resolved", "active"):
        frame[name] = frame[name].map({"yes": True, "no": False}).astype("boolean")
    return frame


@pytest.fixture
def fresh(tmp_path):
    """A function that returns a new copy of a folder, and the folder to fill first."""
    first, numbers = tmp_path / "first", itertools.count()
    first.mkdir()

    def copy(source=first):
        into = tmp_path / f"copy-{next(numbers)}"
        return shutil.copytree(source, into, symlinks=True)

    return first, copy
