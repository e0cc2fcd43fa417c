"""Real complaints: the known answers come out. Read where they lie, never copied."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from recovery_research.analysis.paradox import paradox
from recovery_research.analysis.shares import tabulate_shares
from recovery_research.customer_data.answers import adjust_groups
from recovery_research.customer_data.questions import contrast_groups, list_questions
from recovery_research.customer_data.reading import read_customers

ROOT = Path(__file__).resolve().parents[2]
FILE = (ROOT / ".." / "shared" / "data" / "cfpb_recovery_dispute.csv").resolve()

pytestmark = pytest.mark.skipif(
    not FILE.is_file(),
    reason="NOT TESTED on real complaints: cfpb_recovery_dispute.csv is not in the "
    "folder ../shared/data/ beside the repository",
)


@pytest.fixture(scope="module")
def read():
    return read_customers(FILE, mapping="cfpb")


def test_every_complaint_is_accounted_for(read):
    flow = read.flow.set_index("step")["n"]
    assert (flow["read"], flow["set aside"], flow["analysed"]) == (4987, 3, 4984)
    # Three cases were in progress: nobody knows how they were answered.
    assert set(
        read.excluded[
            "company_response" if "company_response" in read.excluded else "reason"
        ]
    ) <= {"answer is unknown", "In progress"}
    # 3,186 complaints have no number; they are not repeats of one another.
    assert any("3,186" in finding.message for finding in read.findings)


def test_the_known_answers(read):
    found = tabulate_shares(read.customers, outcome="disputed", control="none")
    found = found.set_index("group")
    assert found.loc["none", ["n", "n_yes"]].tolist() == [3914, 860]
    assert found.loc["non_monetary", ["n", "n_yes"]].tolist() == [642, 71]
    assert found.loc["monetary", ["n", "n_yes"]].tolist() == [358, 31]
    assert found["n"].sum() == 4918
    # Printed with four and three decimals: half a unit of the last.
    rates = found.loc[["none", "non_monetary", "monetary"], "estimate"]
    assert_allclose(rates, [0.2197, 0.1106, 0.0866], atol=5e-5)
    wilson = found.loc[["non_monetary", "monetary"], ["ci_low", "ci_high"]]
    assert_allclose(wilson, [[0.089, 0.137], [0.062, 0.120]], atol=5e-4)
    assert_allclose(found.loc["monetary", "difference"], -0.133, atol=5e-4)
    assert_allclose(found.loc["monetary", "ratio"], 0.394, atol=5e-4)


def test_blank_is_unknown_and_not_no(read):
    # Were blank No, the rate after no relief would be 860 of 3,973.
    contrast = paradox(
        read.customers, outcome="disputed", treated="monetary", control="none"
    )
    assert contrast.n_missing == 60
    assert contrast.mean_control == 860 / 3914


def test_the_paradox_cannot_be_asked_and_the_strength_of_answers_can(read):
    asked = list_questions(read)
    assert asked["asked"].tolist() == [False, True, True, True]
    assert "nobody to compare" in asked["note"][0]
    with pytest.raises(ValueError, match="no customer has index_outcome 'recovered'"):
        paradox(read.customers, outcome="disputed")
    table = contrast_groups(read)
    assert table["verdict"].tolist() == [
        "cannot be asked",
        "lower",
        "lower",
        "cannot tell",
    ]


def test_adjustment_moves_the_difference_little(read):
    table = adjust_groups(read)
    monetary = table[table["treated"] == "monetary"].set_index("view")["estimate"]
    assert abs(monetary["adjusted (aipw)"] - monetary["as they come"]) < 0.02
    # Four complaints have few like them: the rest is set aside, and little is known.
    few = table[(table["treated"] == "unspecified") & (table["view"] != "as they come")]
    assert few["note"].str.contains("set aside: 609 none with product").all()
    assert few["note"].str.contains("worth 4 customers").all()
    assert (few["ci_high"] - few["ci_low"] > 0.5).all()
    assert len(few) == 1


def test_late_answers_are_disputed_less(read):
    # 12 of 97: who is answered late differs in other ways; the known figure, no effect.
    frame = read_customers(
        FILE,
        mapping={
            "shape": "complaints",
            "columns": {"answer": "timely"},
            "answers": {"control": "Yes"},
            "outcomes": {"disputed": {"kind": "yes_no"}},
        },
    ).customers
    late = frame["disputed"][frame["index_outcome"] == "No"].dropna()
    assert (int(late.sum()), len(late)) == (12, 97)
    assert np.isclose(
        frame["disputed"][frame["index_outcome"] == "Yes"].mean(), 0.197, atol=5e-4
    )
