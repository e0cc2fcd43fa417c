"""What is counted in full is written down as it was found, failures too."""

import pytest
from certify import Findings, write, write_page


class Report:
    """As much of pytest's report as is looked at."""

    def __init__(self, name, passed, found, when="call"):
        self.nodeid, self.passed, self.when = f"tests/{name}", passed, when
        self.user_properties = found


def test_the_page_tells_what_was_found_and_what_did_not_hold():
    findings = Findings()
    for report in (
        Report("b.py::test_b", False, [("covered of 95 %", 0.5)]),
        Report("a.py::test_a", True, [("false alarms of 5 %", [0.05, 0.0625])]),
        Report("a.py::test_a", True, [], when="setup"),
    ):
        findings.pytest_runtest_logreport(report)
    page = write_page(findings.rows, "abc1234", 90.0)
    assert "commit\n`abc1234`" in page
    assert "in 2 minutes" in page
    assert page.splitlines()[-2:] == [
        "| `a.py::test_a` | false alarms of 5 %: 5.0 %, 6.2 % | yes |",
        "| `b.py::test_b` | covered of 95 %: 50.0 % | **no** |",
    ]


@pytest.mark.parametrize(
    ("share", "said"), [(0.95, "95.0 %"), ([0.0, 1], "0.0 %, 100.0 %")]
)
def test_shares_are_written_in_percent(share, said):
    assert write(share) == said
