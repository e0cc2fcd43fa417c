"""The table of faults in the reference is the one that the tests are marked with."""

import subprocess
import sys

import pytest
from fault_table import BEGIN, END, README, TESTS, list_faults, write_table


def test_the_reference_has_the_table_as_it_is():
    table = README.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert table == write_table(list_faults()), "run `make faults WRITE=1`"


def test_the_faults_that_matter_are_all_in_the_table():
    events = " ".join(fault.event for fault in list_faults()).lower()
    for word in (
        "kill", "power", "disk", "lock", "clock", "memory", "prints", "compiled",
        "cache", "record", "worker", "publish", "link", "read-only", "time",
    ):  # fmt: skip
        assert word in events
    tests = [fault.test for fault in list_faults()]
    assert len(tests) == len(set(tests)) > 40


@pytest.mark.parametrize("mark", ["fault", "fault('a', 'b')", "fault(event='a')"])
def test_a_mark_without_its_words_is_refused(tmp_path, mark):
    (tmp_path / "test_x.py").write_text(
        f"import pytest\n\n@pytest.mark.{mark}\ndef test_x():\n    pass\n"
    )
    with pytest.raises(ValueError, match=r"test_x\.py::test_x"):
        list_faults(tmp_path)


def test_the_table_is_printed():
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.fault_table"], cwd=TESTS.parent,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == write_table(list_faults())
