"""Kept batches are of the code that makes them: of no more files, and of no fewer."""

import json
import shutil
import subprocess
import sys

import pytest

import recovery_research as rr
from recovery_research import own_code
from recovery_research.studies.replications import (
    NEVER_CALLED,
    Job,
    hash_job,
    hash_run_code,
)

BATCHES = "recovery_research.studies.replications"
KEYED = {
    name.removeprefix("recovery_research.")
    for name in own_code.trace_imports([BATCHES])
}
MODULES = sorted(own_code.list_modules())
# What is imported within a function when a figure is shown, which no batch does.
SELDOM = {"fonts"}

A_BATCH = """
import json, sys
import recovery_research as rr
from recovery_research.studies.replications import ESTIMATORS, Job, do_task, list_tasks

for sampled, outcome in (("order_based", "followup_spend"), ("trial", "satisfaction_after")):
    study = rr.Study(
        sampled=sampled, world=rr.load_world("evidence"),
        policies=rr.choose_policies(["g_own_it", "d_no_mistakes"][: 1 + (sampled == "trial")]),
        population=rr.load_population("webshop"), n_customers=300, outcome=outcome,
    )
    named = ESTIMATORS if study.adjusts_for else ("naive",)
    job = Job(study, named, 1, 0.95)
    for task in list_tasks(study, n_replications=1, n_slices=1):
        do_task(job, task)
print(json.dumps([m for m in sys.modules if m.partition(".")[0] == "recovery_research"]))
"""


@pytest.fixture(scope="module")
def imported():
    """Return the modules of the package that a process has when it has done batches."""
    done = subprocess.run(
        [sys.executable, "-c", A_BATCH],
        capture_output=True, text=True, check=True, cwd=own_code.PACKAGE.parent,
    )  # fmt: skip
    names = json.loads(done.stdout.splitlines()[-1])
    return {name.removeprefix("recovery_research.") for name in names}


def test_the_key_is_of_the_modules_that_a_batch_imports(imported):
    assert imported <= KEYED
    assert KEYED - imported == SELDOM


def test_the_key_knows_rooms_that_compute_and_none_that_report():
    rooms = {name.partition(".")[0] for name in KEYED}
    assert {"studies", "model", "analysis"} <= rooms
    assert rooms.isdisjoint({"cli", "guide", "reports", "plots", "customer_data"})


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Have the hash look at a copy of the package, and at nothing twice."""
    folder = tmp_path / "recovery_research"
    unwanted = shutil.ignore_patterns("__pycache__", "_installed")
    shutil.copytree(own_code.PACKAGE, folder, ignore=unwanted)
    monkeypatch.setattr(own_code, "PACKAGE", folder)
    monkeypatch.setattr("recovery_research.studies.replications.hash_code",
                        own_code.hash_code.__wrapped__)  # fmt: skip
    return folder


def estimate(sample):
    return rr.paradox(sample, outcome="followup_spend")


@pytest.mark.parametrize(
    ("estimator", "is_keyed", "modules"),
    [
        ("naive", lambda name: name in KEYED, MODULES),
        # That key is of so many that every ninth has to do.
        (
            estimate,
            lambda name: name.partition(".")[0] not in NEVER_CALLED,
            MODULES[::9],
        ),
    ],
    ids=["named", "a function"],
)
@pytest.mark.slow
def test_a_change_of_a_file_keeps_the_batches_that_do_not_run_it(
    copy, estimator, is_keyed, modules
):
    before = hash_run_code([estimator])
    for module in modules:
        path = own_code.find_module(module)
        assert path.is_relative_to(copy)
        content = path.read_bytes()
        path.write_bytes(content + b"# changed\n")
        changed = hash_run_code([estimator]) != before
        path.write_bytes(content)
        assert changed == is_keyed(module.removeprefix("recovery_research.")), module


def test_what_is_imported_anew_is_in_the_key(copy):
    before = hash_run_code(["naive"])
    path = copy / "analysis" / "contrasts.py"
    text = path.read_text("utf-8")
    path.write_text(
        text + "\n\ndef late():\n    from recovery_research.analysis import ratios\n"
    )
    own_code.list_imports.cache_clear()
    with_it = hash_run_code(["naive"])
    assert with_it != before
    ratios = copy / "analysis" / "ratios.py"
    ratios.write_text(ratios.read_text("utf-8") + "# changed\n")
    assert hash_run_code(["naive"]) != with_it


@pytest.mark.parametrize("library", own_code.LIBRARIES)
def test_another_version_of_what_computes_is_other_work(library, monkeypatch):
    real, hash_anew = own_code.version, own_code.hash_code.__wrapped__
    before = hash_anew((BATCHES,))
    monkeypatch.setattr(
        own_code, "version", lambda name: "0.0" if name == library else real(name)
    )
    assert hash_anew((BATCHES,)) != before


def test_a_function_is_known_with_what_stands_beside_it(tmp_path, monkeypatch):
    study = rr.Study(
        sampled="order_based", world=rr.load_world("evidence"),
        policies=rr.choose_policies(["g_own_it"]), n_customers=100,
        population=rr.load_population("webshop"), outcome="followup_spend",
    )  # fmt: skip
    path = tmp_path / "my_estimators.py"
    monkeypatch.syspath_prepend(tmp_path)
    keys = []
    for share in ("0.5", "0.6"):
        path.write_text(f"SHARE = {share}\n\n\ndef mine(sample):\n    return SHARE\n")
        monkeypatch.delitem(sys.modules, "my_estimators", raising=False)
        from my_estimators import mine

        keys.append(hash_job(Job(study, (mine,), 1, 0.95)))
    assert keys[0] != keys[1]
