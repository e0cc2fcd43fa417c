"""Ten thousand runs: listed soon, and every damaged one named, however it is damaged."""

import json
import subprocess
import sys
import time

import pytest
from run_records import keep_run, parameter

from recovery_research.reports.history import CACHE_FILE, read_history
from recovery_research.reports.index import write_index
from recovery_research.reports.records import read_record

TABLE = "world,treated,estimate\nclaims,a_sorry,0.5\n"


def n_is(n):
    return [parameter("n", n, 5, "whole number"), parameter("world", "evidence")]


def write_many(reports, n_runs):
    """Write records of many runs, some of them damaged."""
    keep_run(reports, 0, tables={"kept": TABLE}, parameters=n_is(7))
    (first,) = (reports / "02-x").iterdir()
    text = (first / "run.json").read_text()
    for number in range(1, n_runs):
        name = f"r{number % 20:02}"
        run_id = f"20261104-{number // 3600:02}{number // 60 % 60:02}{number % 60:02}"
        folder = reports / name / f"{run_id}-{number:06x}"
        folder.mkdir(parents=True)
        said = text.replace('"report": "02-x"', f'"report": "{name}"')
        said = said.replace(first.name, folder.name).replace(
            '"value": 7', f'"value": {number % 7}'
        )
        said = said[:99] if number % 1000 == 7 else said
        (folder / "run.json").write_text(said)


@pytest.mark.slow
def test_ten_thousand_runs_take_less_than_two_seconds(tmp_path):
    """In processor time, which other work on the machine does not lengthen."""
    write_many(tmp_path, 10_000)
    times = []
    for read in (read_history, read_history, write_index):
        started = time.process_time()
        result = read(tmp_path)
        times.append(time.process_time() - started)
        if read is read_history:
            assert (len(result.runs), len(result.damaged)) == (9_990, 10)
    # The first of them knew nothing, and opened every record.
    assert max(times) < 2.0, times
    text = result.read_text()
    assert "9,790 earlier runs" in text
    assert text.count('class="standing ') == 20 * 7 + 1
    assert len(text) < 3_000_000
    assert "r07/20261104-000007-000007" in text, "damaged runs are named"


def test_the_index_needs_nothing_that_takes_long_to_import():
    code = (
        "import recovery_research.reports.index, sys; "
        "print(*{'pydantic', 'pandas', 'numpy', 'papermill'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (said.returncode, said.stdout.strip()) == (0, ""), said


def drop_version(document):
    del document["schema_version"]


def drop_origin(document):
    del document["provenance"]


def spoil_hash(document):
    document["provenance"]["data_sha256"]["policies.csv"] = 7


def spoil_distribution(document):
    document["provenance"]["distributions"]["numpy"] = None


def spoil_value(document):
    document["parameters"][0]["name"] = {"n": 5}


def add_field(document):
    document["provenance"]["more"] = ""


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (drop_version, "schema_version is 1 to 3; got None"),
        (drop_origin, "run.json: provenance: Field required"),
        (spoil_hash, "run.json: provenance.data_sha256.policies.csv: "),
        (spoil_distribution, "run.json: provenance.distributions.numpy: "),
        (spoil_value, "run.json: parameters.0.name"),
        (add_field, "run.json: provenance.more: Extra"),
    ],
)
@pytest.mark.fault(
    event="A record is damaged deep inside",
    survives="every other run; the damage is named",
)
def test_damage_is_named_though_it_is_deep_in_the_record(tmp_path, spoil, said):
    keep_run(tmp_path, 0)
    folder = keep_run(tmp_path, 1)
    document = json.loads((folder / "run.json").read_text())
    spoil(document)
    (folder / "run.json").write_text(json.dumps(document))
    for _ in range(2):  # from the records, then from what was kept of them
        history = read_history(tmp_path)
        assert [run.folder for run in history.damaged] == [folder]
        assert said in history.damaged[0].reason
        assert len(history.runs) == 1
    assert (tmp_path / CACHE_FILE).is_file()
    with pytest.raises(ValueError, match=r"^run\.json: "):
        read_record(folder)
