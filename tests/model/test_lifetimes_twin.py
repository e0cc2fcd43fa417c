"""The loop compiled and the same loop in plain Python live the same lives.

Run as a script, this file writes what the loop made of some small experiments; the
test runs it once more in a process where Numba compiles nothing, and compares.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import recovery_research as rr
from recovery_research.model import experiments, tables
from recovery_research.model._lifetime_loop import (
    AS_IT_WAS,
    PERFECTLY_TREATED,
    WITHOUT_FAILURES,
)
from recovery_research.model.justice import form_perfect_reply

# Both run the same operations in double precision; only exp, log and tanh may come
# from another library and differ in the last bit, and a life passes on some hundreds.
RTOL = 1e-11
WEEKS, N = 61.7, 25


def run_all():
    """Return every number of every small experiment, by name."""
    webshop = rr.load_population("webshop")
    policies = rr.choose_policies(["over_deliver", "cost_center", "fail_on_purpose"])
    found = {}
    for name in ("claims", "evidence"):
        experiment = rr.Experiment(
            world=rr.load_world(name), policies=policies, population=webshop,
            n_customers=N, weeks=WEEKS, seed=3,
        )  # fmt: skip
        for fork in experiments.FORKS:
            history = rr.simulate(experiment.but(first_order=fork))
            for column, values in history.customers.items():
                found[f"{name} {fork} {column}"] = values
            found[f"{name} {fork} weekly"] = history.weekly
            found[f"{name} {fork} sums"] = history.sums
        log = rr.tabulate_orders(experiment, customers=N)
        for column in log:
            codes = log[column].dtype == "category"
            values = log[column].cat.codes if codes else log[column]
            found[f"{name} log {column}"] = values.to_numpy()
        for p, policy in enumerate(policies):
            reply = form_perfect_reply(policy, experiment.world)
            for replay in (AS_IT_WAS, WITHOUT_FAILURES, PERFECTLY_TREATED):
                found[f"{name} {policy.name} {replay}"] = tables.replay_chunk(
                    experiment, reply, 0, policy=p, replay=replay
                )
    return found


def test_the_plain_python_twin_lives_the_same_lives(tmp_path):
    there = tmp_path / "plain.npz"
    # Run here the loop may be plain too, where a mutant is tried: then both are.
    environment = os.environ | {
        "NUMBA_DISABLE_JIT": "1",
        "PYTHONPATH": str(Path(rr.__file__).parents[1]),
    }
    subprocess.run(
        [sys.executable, "-W", "error", __file__, str(there)],
        env=environment, check=True, timeout=300,
    )  # fmt: skip
    compiled = run_all()
    with np.load(there) as plain:
        assert set(plain.files) == set(compiled)
        for name, ours in compiled.items():
            theirs = plain[name]
            assert theirs.dtype == ours.dtype, name
            if ours.dtype.kind in "iub":
                np.testing.assert_array_equal(ours, theirs, err_msg=name)
            else:
                np.testing.assert_allclose(
                    ours, theirs, rtol=RTOL, atol=RTOL, err_msg=name
                )


def test_the_compared_lives_are_worth_comparing():
    found = run_all()
    for name in ("claims", "evidence"):
        outcomes = np.concatenate(
            [found[f"{name} {fork} index_outcome"] for fork in experiments.FORKS]
        )
        assert set(np.unique(outcomes)) == {0, 1, 2, 3, 4}
        assert found[f"{name} log obligation"].max() > 0.0
        left = found[f"{name} as_it_comes left_week"]
        assert 0 < np.isfinite(left).sum() < left.size


def test_this_process_runs_the_loop_compiled():
    # Or the comparison above would be of a thing with itself.
    if os.environ.get("NUMBA_DISABLE_JIT", "0") == "1":
        pytest.skip("compiling is switched off from outside")
    from recovery_research.model import _lifetime_loop

    run_all()
    assert _lifetime_loop.live.signatures


if __name__ == "__main__":
    from recovery_research.model import _lifetime_loop

    if hasattr(_lifetime_loop.live, "signatures"):
        raise SystemExit("this was to run without compiling")
    np.savez(sys.argv[1], **run_all())
