"""Telling: real mail and web servers, secrets masked, failures recorded."""

import json
import os
import socket
import stat
import sys
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bs4 import BeautifulSoup
from pydantic import ValidationError
from run_records import keep_run, make_failure, make_record, parameter

from recovery_research.reports.index import write_index
from recovery_research.reports.masking import find_secrets, find_tokens
from recovery_research.reports.notifications import (
    choose_event,
    describe_record,
    tell,
)
from recovery_research.reports.plan_schema import NotifySettings, seclude

apprise = pytest.importorskip("apprise")
aiosmtpd = pytest.importorskip("aiosmtpd")
# Both are of other people's packages: one of Apprise's plugins still uses imghdr, and
# the test's own mail server takes a password without encryption.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not:UserWarning"),
]
SECRET = "hush-9-quiet"
GOOD, BAD = make_record(), make_record(verdict="cell failed", failure=make_failure())


class Post(BaseHTTPRequestHandler):
    """Keeps what is posted; answers as it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def web_server(answer=200):
    with ThreadingHTTPServer(("127.0.0.1", 0), Post) as server:
        server.posts, server.answer = [], answer
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def mail_server(accepts=True):
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    letters = []

    class Keep:
        async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
            letters.append(envelope)
            return "250 kept" if accepts else f"550 no {SECRET} here"

    def check(*_):
        return AuthResult(success=True)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        Keep(),
        hostname="127.0.0.1",
        port=port,
        authenticator=check,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    controller.letters = letters
    controller.number = port
    yield controller
    controller.stop()


def web(server, path="hook"):
    return f"json://ann:{SECRET}@127.0.0.1:{server.server_port}/{path}"


def mail(server):
    return (
        f"mailto://ann:{SECRET}@127.0.0.1:{server.number}/"
        "?from=ann@example.org&to=bob@example.org&mode=insecure"
    )


def told(environment, record=BAD, previous=None, folder=None, **settings):
    settings.setdefault("urls_from", list(environment))
    settings = NotifySettings(**settings)
    return tell(settings, record, previous, folder=folder, environment=environment)


# -------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "nobody to tell"),
        ({"urls_from": [f"mailto://a:{SECRET}@b"]}, "name of an environment variable"),
        ({"urls_from": ["A B"]}, "name of an environment variable"),
        ({"urls_from": ["A"], "on": []}, "at least 1 item"),
        ({"urls_from": ["A"], "on": ["always"]}, "'failure', 'slow', 'recovery'"),
        ({"urls_from": ["A"], "on": ["slow"]}, "need each other"),
        ({"urls_from": ["A"], "slower_than_seconds": 3.0}, "need each other"),
        ({"urls_from": ["A"], "slower_than_seconds": 0, "on": ["slow"]}, "greater"),
        ({"urls_from": ["A"], "url": f"x://{SECRET}"}, "Extra inputs"),
        ({"command": [""]}, "a program and its arguments"),
        ({"command": "echo " + SECRET}, "valid list"),
    ],
)
def test_settings_are_checked_and_never_repeat_a_secret(fields, said):
    with pytest.raises(ValidationError, match=said) as caught:
        NotifySettings(**fields)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("on", "record", "previous", "event"),
    [
        (["failure"], BAD, None, "failure"),
        (["failure"], BAD, BAD, "failure"),
        (["failure"], GOOD, BAD, None),
        (["recovery"], GOOD, BAD, "recovery"),
        (["recovery"], GOOD, GOOD, None),
        (["recovery"], GOOD, None, None),
        (["success"], GOOD, BAD, "success"),
        (["recovery", "success"], GOOD, BAD, "recovery"),
        (["slow", "success"], GOOD, None, "slow"),
        (["slow", "failure"], BAD, None, "failure"),
        (["slow"], make_record(seconds=11.9), None, None),
        (["slow"], make_record(seconds=None), None, None),
    ],
)
def test_the_gravest_thing_wanted_is_told(on, record, previous, event):
    limit = 12.0 if "slow" in on else None
    settings = NotifySettings(on=on, urls_from=["A"], slower_than_seconds=limit)
    before = previous and describe_record(previous)
    assert choose_event(settings, describe_record(record), before) == event


def test_no_settings_tell_nobody():
    assert tell(None, BAD) == []
    assert told({"A": "json://nowhere"}, GOOD) == []


# -------------------------------------------------------------- real servers


def test_mail_and_web_are_told_and_what_was_told_is_kept(tmp_path):
    record = make_record(
        title="Pays\r\nBcc: eve@example.org",
        verdict="timed out",
        failure=make_failure("<script>alert(1)</script> too slow"),
        parameters=[
            parameter("note", "<img src=x onerror=1>", ""),
            parameter("n", "5"),
        ],
    )
    with mail_server() as post, web_server() as hook:
        environment = {"MAIL": mail(post), "HOOK": web(hook)}
        notices = told(environment, record, folder=tmp_path)
    assert [(n.channel, n.ok, n.error) for n in notices] == [
        ("env:MAIL", True, ""),
        ("env:HOOK", True, ""),
    ]
    (envelope,) = post.letters
    assert envelope.rcpt_tos == ["bob@example.org"]
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert letter["Subject"] == "02-x: failed (timed out)"
    assert letter["Bcc"] is None
    parts = {
        p.get_content_type(): p.get_content()
        for p in letter.walk()
        if not p.is_multipart()
    }
    assert str(tmp_path / "report.html") in "".join(parts.values())
    page = parts.get("text/html", "")
    assert "<script" not in page
    assert "<img" not in page
    ((path, _, body),) = hook.posts
    assert path == "/hook"
    said = json.loads(body)
    assert said["type"] == "failure"
    assert "too slow" in said["message"]
    assert "note: <img src=x onerror=1>" in said["message"], "plain text stays as it is"
    assert "\nn: " not in said["message"], "defaults are not told"
    kept = (tmp_path / "notices.json").read_text()
    assert [n["ok"] for n in json.loads(kept)["notices"]] == [True, True]
    assert SECRET not in kept


@pytest.mark.fault(event="A notice cannot be sent", survives="the report, and why not")
def test_what_fails_is_recorded_and_masked(tmp_path, caplog, capfd):
    with mail_server(accepts=False) as post, web_server(answer=500) as hook:
        environment = {
            "MAIL": mail(post),
            "HOOK": web(hook, path=f"services/{SECRET}X"),
            "CLOSED": f"json://127.0.0.1:9/{SECRET}",
            "ODD": f"nosuch://{SECRET}",
            "MISSING": "",
        }
        notices = told(environment, folder=tmp_path)
    assert not any(notice.ok for notice in notices)
    assert all(notice.error for notice in notices)
    assert "500" in notices[1].error
    assert "no address that Apprise knows" in notices[3].error
    assert notices[4].error == "the environment variable is not set"
    heard = capfd.readouterr()
    everything = [repr(notices), caplog.text, heard.out, heard.err]
    everything.append((tmp_path / "notices.json").read_text())
    for text in everything:
        assert SECRET not in text


def test_a_notice_that_failed_is_seen_on_the_index_until_the_next_run(tmp_path):
    folder = keep_run(tmp_path, 0, verdict="cell failed", failure=make_failure())
    notices = [
        {"event": "failure", "channel": "env:<b>HOOK", "ok": False, "error": "<i>no", "seconds": 1},
        {"event": "failure", "channel": "command", "ok": True, "error": "", "seconds": 1},
    ]  # fmt: skip
    (folder / "notices.json").write_text(json.dumps({"notices": notices}))
    page = BeautifulSoup(write_index(tmp_path).read_text(), "html.parser")
    said = page.find(id="untold").li.get_text(" ", strip=True)
    assert said.endswith("failure: not told by env:<b>HOOK: <i>no")
    assert len(page.find(id="untold").find_all("li")) == 1
    assert page.select_one('.tally a[href="#untold"]').get_text() == "1 not told"
    (folder / "notices.json").write_text('{"notices": [{"ok": []}]}')
    keep_run(tmp_path, 1)
    assert "untold" not in write_index(tmp_path).read_text()


def test_a_secret_that_a_run_has_said_is_masked_in_the_message():
    with web_server() as hook:
        address = web(hook)
        record = make_record(
            verdict="cell failed", failure=make_failure(f"no login with {SECRET}")
        )
        told({"HOOK": address}, record)
    assert SECRET.encode() not in hook.posts[0][2]
    assert b"no login with ***" in hook.posts[0][2]


def test_a_run_is_not_failed_by_apprise_that_breaks_or_is_absent(monkeypatch, tmp_path):
    def leak(*_, **__):
        raise RuntimeError(f"cannot log in with {SECRET}")

    monkeypatch.setattr(apprise.Apprise, "notify", leak)
    (broken,) = told({"A": f"json://ann:{SECRET}@127.0.0.1:9"}, folder=tmp_path)
    assert not broken.ok
    assert broken.error == "RuntimeError: cannot log in with ***"
    assert SECRET not in (tmp_path / "notices.json").read_text()
    monkeypatch.setitem(sys.modules, "apprise", None)
    (absent,) = told({"A": "json://127.0.0.1:9"}, folder=tmp_path / "gone")
    assert absent.error.endswith('pip install "recovery-research[reports]"')


# ------------------------------------------------------------------- commands


def script(tmp_path, text):
    path = tmp_path / "tell it.py"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_command_has_the_facts_and_no_shell_and_no_addresses(tmp_path):
    out = tmp_path / "out.json"
    code = (
        "import json, os, sys\n"
        f"json.dump([sys.argv[1:], dict(os.environ), json.load(sys.stdin)], open({str(out)!r}, 'w'))"
    )
    record = make_record(
        report="02-x",
        verdict="cell failed",
        failure=make_failure("$(touch pwned); `x` \0 end"),
    )
    words = [script(tmp_path, code), "$(touch pwned)", "a b"]
    notices = told(
        {"HOOK": f"json://{SECRET}", "KEPT": "yes"},
        record,
        urls_from=["HOOK"],
        command=words,
    )
    assert [(n.channel, n.ok) for n in notices] == [
        ("env:HOOK", False),
        ("command", True),
    ]
    arguments, environment, facts = json.loads(out.read_text())
    assert arguments == ["$(touch pwned)", "a b"]
    assert environment["KEPT"] == "yes"
    assert "HOOK" not in environment
    assert environment["RECOVERY_RESEARCH_EVENT"] == "failure"
    assert facts["message"] == "$(touch pwned); `x` \0 end"
    assert environment["RECOVERY_RESEARCH_SECONDS"] == "12.5"
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    ("text", "seconds", "said"),
    [
        ("import sys; sys.exit('not today')", 60.0, "exit 1: not today"),
        ("import time; time.sleep(60)", 0.4, "it took more than 0.4 s"),
        (None, 60.0, "it did not start: No such file or directory"),
    ],
)
def test_a_command_that_fails_is_recorded(tmp_path, text, seconds, said):
    command = [script(tmp_path, text) if text else str(tmp_path / "absent")]
    (notice,) = told({}, command=command, command_seconds=seconds)
    assert (notice.ok, notice.error) == (False, said)


# -------------------------------------------------------------------- secrets


def test_addresses_are_out_of_the_reach_of_notebooks(monkeypatch):
    monkeypatch.setenv("TEAM_MAIL", SECRET)
    known = seclude(NotifySettings(urls_from=["TEAM_MAIL", "ABSENT"]))
    assert "TEAM_MAIL" not in os.environ
    assert known["TEAM_MAIL"] == SECRET


def test_every_form_of_a_password_is_found():
    address = "mailtos://ann:p%40ss%20w@smtp.example.org:587/?to=b@example.org"
    found = find_secrets([address])
    assert {"p%40ss%20w", "p@ss w", address, "smtp.example.org"} <= set(found)
    assert "p@ss w" in find_tokens([address])
    assert "example.org" not in find_tokens([address])
    assert "xy" in find_tokens(["json://a:xy@host"]), "short, but surely a password"
    token = "tgram://987654321:AAbbCC-dd/12345"
    assert {"987654321", "AAbbCC-dd"} <= set(find_secrets([token]))
