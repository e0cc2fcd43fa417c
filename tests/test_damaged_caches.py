"""Whatever is kept to save time may be damaged in any way: it is made anew, or left."""

import json

import pytest
from test_diagnosis import same, study_of

import recovery_research as rr


def test_a_spoilt_batch_is_done_again(evidence, webshop, tmp_path):
    study = study_of(evidence, webshop, index="first", n_customers=50)
    options = {"n_replications": 2, "truth_customers": 20_000, "processes": 1}
    whole = rr.diagnose(study, "welch", resume=tmp_path, **options)
    path = next(tmp_path.rglob("replications-*.batch"))
    good = path.read_bytes()
    assert len(json.loads(good.partition(b"\n")[2])) == 2
    # Another digit is as good a number as the right one, and still not believed.
    digit = next(i for i in range(len(good) - 1, 0, -1) if good[i : i + 1].isdigit())
    other = b"3" if good[digit : digit + 1] != b"3" else b"4"
    for spoilt in (
        b"", b"[[0, 0, 1.0", good[:-5], good[:70], b"\xff" * 99, b"[" * 100_000,
        good[:digit] + other + good[digit + 1 :],
    ):  # fmt: skip
        path.write_bytes(spoilt)
        assert same(rr.diagnose(study, "welch", resume=tmp_path, **options), whole)
        assert path.read_bytes() == good
    path.unlink()
    path.mkdir()
    with pytest.warns(RuntimeWarning, match="goes on without"):
        assert same(rr.diagnose(study, "welch", resume=tmp_path, **options), whole)
