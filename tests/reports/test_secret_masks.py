"""Secrets of notices and references: masked in every case, cut and encoding."""

import csv
import io
import json
import os
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from html import escape
from pathlib import Path
from unittest import mock
from urllib.parse import quote, quote_plus

import nbformat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from run_records import make_failure, make_record
from sample_notebooks import write_notebook
from schedule_files import ROOT

from recovery_research.reports.masking import (
    PIECE_OF_CHANNEL,
    find_references,
    find_secrets,
    lower,
    mask_secrets,
    mask_text,
)
from recovery_research.reports.notifications import tell
from recovery_research.reports.plan_schema import NotifySettings

apprise = pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
TRIALS = settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
# Nothing of it is a word of ours.
SECRETS = st.text(
    "qxzjQXZJ0479;,&=%+@:/?\"'\\ #äßİ<>", min_size=10, max_size=24
).filter(lambda text: text == text.strip() and "://" not in text and len(set(text)) > 5)
CASES = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "title": str.title,
}


def as_csv(text):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([text])
    return out.getvalue()[1:-3]


QUOTINGS = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "loosely": quote,
    "plus": quote_plus,
    "twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json": lambda text: json.dumps(text)[1:-1],
    "JSON": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "bytes": lambda text: repr(text.encode())[2:-1],
    "html": escape,
    "csv": as_csv,
}
CODES = {
    "base64": lambda text: b64encode(text.encode()).decode(),
    "login": lambda text: b64encode(f"ann:{text}".encode()).decode(),
    "urlsafe": lambda text: urlsafe_b64encode(f"xy{text}z".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
}
WAYS = [
    *((case, way) for case in CASES for way in QUOTINGS),
    *((case, way) for case in ("as it is", "upper", "lower") for way in CODES),
]
CUTS = st.tuples(st.integers(0, 60), st.integers(6, 60))


def disguise(secret, way, cut, shortest):
    """Return a secret in another case and writing, a piece of it cut out."""
    case, name = way
    text = (QUOTINGS | CODES)[name](CASES[case](secret))
    if name in ("login", "urlsafe"):  # what is no part of the secret
        text = text[6 if name == "login" else 3 : -3]
    start = cut[0] % max(1, len(text) - shortest)
    return text[start : start + max(cut[1], shortest)]


def left_of(piece, text, length):
    """Return what of a piece can be read in a text, in runs of some length."""
    small, piece = lower(text), lower(piece)
    runs = (piece[i : i + length] for i in range(len(piece) - length + 1))
    return [run for run in runs if run in small]


@TRIALS
@given(SECRETS, st.sampled_from(WAYS), CUTS)
@example("12;34SECRET", ("lower", "plain"), (3, 8))
@example('q"x"z"j"4"7"', ("as it is", "csv"), (0, 60))
@example("q'x'z'j'4'7'", ("as it is", "html"), (0, 60))
@example("İİİİİİxß", ("lower", "plain"), (0, 60))
def test_no_piece_of_a_secret_is_left_in_what_a_channel_says(secret, way, cut):
    piece = disguise(secret, way, cut, PIECE_OF_CHANNEL)
    masked = mask_text(f"[{piece}]", [secret], piece=PIECE_OF_CHANNEL)
    assert left_of(piece, masked, PIECE_OF_CHANNEL) == []


@TRIALS
@given(SECRETS, st.sampled_from(WAYS), CUTS)
def test_no_longer_piece_is_left_in_a_report(secret, way, cut):
    piece = disguise(secret, way, cut, 12)
    assert left_of(piece, mask_text(f"[{piece}]", [secret]), 12) == []


ADDRESSES = {
    "mailto://ann:{0}@127.0.0.1:9/?to=b@example.org": lambda s: quote(s, safe=""),
    "mailto://ann@127.0.0.1:9/?pass={0}&to=b@example.org": lambda s: s.replace(
        "&", "+"
    ),
    "json://127.0.0.1:9/hook/{0}?x=1": lambda s: quote(s, safe=""),
    "json://127.0.0.1:9/hook?+token={0}": lambda s: quote(s, safe=""),
}


@settings(TRIALS, max_examples=50)
@given(SECRETS, st.sampled_from(sorted(ADDRESSES)), st.sampled_from(WAYS), CUTS)
@example("12;34SECRET", sorted(ADDRESSES)[2], ("lower", "plain"), (3, 8))
def test_the_teller_never_says_a_secret(tmp_path_factory, secret, form, way, cut):
    """Whatever a channel logs, raises, or a run has said: nothing is told or kept."""
    secret = secret.replace("&", "+") if "pass=" in form else secret
    address = form.format(ADDRESSES[form](secret))
    piece = disguise(secret, way, cut, PIECE_OF_CHANNEL)
    folder = tmp_path_factory.mktemp("told")

    def leak(*_, **__):
        apprise.logger.warning("cannot log in with [%s]", piece)
        raise RuntimeError(f"because of [{piece}]")

    long = disguise(secret, way, cut, 12)
    record = make_record(
        verdict="cell failed", failure=make_failure(f"no [{long}] here")
    )
    out = folder / "out"
    # Where the body of a message goes is somebody's own channel; it is masked as well.
    command = [
        sys.executable,
        "-c",
        f"import sys; open({str(out)!r}, 'w').write(sys.stdin.read())",
    ]
    asked = NotifySettings(urls_from=["A", "B"], command=command if cut[0] == 1 else [])
    said = io.StringIO()
    with (
        mock.patch.object(apprise.Apprise, "notify", leak),
        mock.patch("sys.stderr", said),
    ):
        notices = tell(
            asked, record, folder=folder,
            environment={"A": address, "B": f"nosuch://{secret}"},
        )  # fmt: skip
    kept = (folder / "notices.json").read_text() + said.getvalue()
    kept += json.dumps([notice.error for notice in notices], ensure_ascii=False)
    assert left_of(piece, kept, PIECE_OF_CHANNEL) == []
    if out.exists():
        assert left_of(long, json.loads(out.read_text())["message"], 12) == []
    assert all(notice.error for notice in notices if notice.channel != "command")


def test_apprise_that_splits_an_address_says_nothing_of_it(tmp_path):
    """The case that was found: it splits at a semicolon and lower-cases."""
    address = "mailto://ann@127.0.0.1?pass=12;34SECRET, nosuch://Other,77SECRET"
    (notice,) = tell(
        NotifySettings(urls_from=["A"]),
        make_record(verdict="cell failed", failure=make_failure()),
        folder=tmp_path,
        environment={"A": address},
    )
    said = (notice.error + (tmp_path / "notices.json").read_text()).lower()
    assert not notice.ok
    assert "secret" not in said
    # Moments and durations hold digits too, but nothing before a letter.
    assert "34s" not in said


def test_words_of_a_report_are_no_pieces_of_a_secret():
    hidden = find_references("postgresql://shop:customers-2024@db.example.org/orders")
    told = "Customers and their orders in postgresql://db.example.org, 2,024 of them"
    assert mask_text(told, hidden) == told
    assert mask_text("with CUSTOMERS-2024!", hidden) == "with ***!"
    assert mask_text("omers-2024", hidden) == "***"


def test_a_quote_in_a_secret_is_masked_in_every_output_of_a_notebook():
    secret = "hu\"sh,'quiet'<9>"
    table = io.StringIO()
    csv.writer(table).writerows([["what"], [secret], ["kept"]])
    outputs = [
        nbformat.v4.new_output("stream", text=f"{secret}\n{json.dumps(secret)}"),
        nbformat.v4.new_output(
            "display_data",
            {"text/csv": table.getvalue(), "text/html": escape(secret),
             "application/json": {"a": [secret]}, "text/plain": repr(secret)},
        ),
        nbformat.v4.new_output("error", ename="E", evalue=secret, traceback=[secret]),
    ]  # fmt: skip
    cell = nbformat.v4.new_code_cell("1", outputs=outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    mask_secrets(notebook, [secret])
    said = json.dumps(notebook)
    assert "sh," not in said
    assert "quiet" not in said
    assert "kept" in said


def test_every_part_of_an_address_counts_in_an_error():
    address = (
        "mailtos://Ann.B:p%40ss;w0rd@smtp.example.org:587/?to=b@example.org&key=k9"
    )
    hidden = find_secrets([address])
    for part in ("ANN.B", "p@ss;w0rd", "smtp.example", "ss;w0rd", address.upper()):
        assert mask_text(part, hidden, piece=PIECE_OF_CHANNEL) == "***"


# ------------------------------------------------------- what other processes can see

LOOK = """\
import os, sys
from pathlib import Path
from recovery_research.reports.plan_schema import NotifySettings, seclude
known = seclude(NotifySettings(urls_from=["TEAM_MAIL", "TEAM"]))
assert known["TEAM_MAIL"].endswith("-9-quiet")
print(Path("/proc/self/environ").read_bytes() + Path("/proc/self/cmdline").read_bytes())
print(os.environ.get("OTHER_TEAM_MAIL"), os.environ.get("TEAM_MAIL"))
"""


@pytest.mark.skipif(not Path("/proc/self/environ").is_file(), reason="no /proc")
def test_proc_does_not_show_an_address_once_it_is_known():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OTHER_TEAM_MAIL": "stays"}
    environment |= {"TEAM_MAIL": "json://hush-9-quiet", "TEAM": "json://hush-8-too"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "hush" not in done.stdout
    assert "OTHER_TEAM_MAIL=stays" in done.stdout
    assert done.stdout.splitlines()[-1] == "stays None"


PEEP = """\
import glob
from pathlib import Path
seen = []
for place in glob.glob('/proc/[0-9]*'):
    for name in ('environ', 'cmdline'):
        try:
            found = Path(place, name).read_bytes()
        except OSError:
            continue
        if b'NEEDLE' in found:
            seen.append((place, name))
print('SEEN', seen)
assert not seen, seen
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").is_file(), reason="no /proc")
def test_a_notebook_finds_no_address_in_any_process(tmp_path):
    needle = "hush-9-quiet"
    look = PEEP.replace("NEEDLE", needle[:5] + "' b'" + needle[5:])
    write_notebook(tmp_path / "peep.ipynb", ["parameters:n = 1  # n", look])
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[notify]\nurls_from = ["TEAM_MAIL"]\n[reports.peep]\nnotebook = "./peep.ipynb"\n'
    )
    secret = tmp_path / "plan.toml.env"
    secret.write_text(f"TEAM_MAIL='json://{needle}@127.0.0.1:9'\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = [sys.executable, "-m", "recovery_research", "schedule", str(plan)]
    more = ["--as", "cron", "--output", str(tmp_path), "--reports", str(tmp_path / "r")]
    subprocess.run([*made, *more], env=environment, check=True, capture_output=True)
    line = (tmp_path / "plan.cron").read_text().splitlines()[-1].split("  ", 1)[1]
    line = line.replace(r"\%", "%")
    done = subprocess.run(
        ["env", "-i", "/bin/sh", "-c", line],
        check=False,
        capture_output=True,
        text=True,
    )
    said = (tmp_path / "r" / "plan.log").read_text()
    assert done.returncode == 0, said + done.stdout
    # The control: handed over in the environment, whoever waits for the plan shows it.
    bare = ["sh", "-c", f"{sys.executable} -m recovery_research run-all {plan} --force "
            f"--reports {tmp_path / 'r'}; exit $?"]  # fmt: skip
    environment["TEAM_MAIL"] = f"json://{needle}@127.0.0.1:9"
    again = subprocess.run(
        bare, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 3
    assert needle not in again.stderr
