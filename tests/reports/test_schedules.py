"""Schedules: read by the programs they are for, and safe whatever a plan is called."""

import ast
import json
import re
import shlex
import sys
from datetime import datetime

import pytest
import yaml
from click.testing import CliRunner
from hostile_texts import HOSTILE
from schedule_files import job, need, only_file, run

from recovery_research.reports import schedules
from recovery_research.reports.cron_times import read_timetable
from recovery_research.reports.schedules import (
    KINDS,
    check_line,
    make_identifier,
    quote_systemd,
    write_schedule,
)

# File names may hold all of a hostile text but a slash.
NAMES = [text.replace("/", "|") for text in HOSTILE]
LINES = [name for name in NAMES if "\n" not in name and "\u202e" not in name]


# ------------------------------------------------------------------- timetables


@pytest.mark.parametrize(
    ("text", "calendar"),
    [
        ("0 6 * * 1-5", ["Mon,Tue,Wed,Thu,Fri *-*-* 06:00:00"]),
        ("*/20 0-3 * * *", ["*-*-* 00,01,02,03:00,20,40:00"]),
        ("30 2 1 * 0", ["*-*-01 02:30:00", "Sun *-*-* 02:30:00"]),
        ("30 2 */10 * mon", ["Mon *-*-01,11,21,31 02:30:00"]),
        ("5 4 13 jan-mar,12 *", ["*-01,02,03,12-13 04:05:00"]),
        ("0 0 * * 7", ["Sun *-*-* 00:00:00"]),
        ("1 1 * * 0-6", ["*-*-* 01:01:00"]),
    ],
)
def test_cron_is_turned_into_systemds_calendar(text, calendar):
    assert read_timetable(text).to_calendar() == calendar


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0 6 * *",
            "0 6 * * * *",
            "@daily",
            "60 6 * * *",
            "0 24 * * *",
            "0 0 0 * *",
        ),
        *("0 0 * 13 *", "0 0 * * 8", "5-1 * * * *", "*/0 * * * *", "1/2 * * * *"),
        *("0 6 * * *\n0 7 * * *", "0 6 * * mon;tue", "0 6 * * $(x)", "*-3 * * * *"),
        *("-1 * * * *", "0 6 * * money", "a * * * *", ", * * * *", "0 6 % * *"),
        *("٣ 6 * * *",),
    ],
)
def test_what_is_no_timetable_is_refused(text):
    with pytest.raises(ValueError, match="such as"):
        read_timetable(text)


def test_systemd_fires_when_cron_does():
    """Against two other programs: croniter's next times and systemd's own."""
    croniter = pytest.importorskip("croniter", reason="NOT TESTED: croniter")
    analyze = need("systemd-analyze")
    start = datetime(2026, 1, 30, 3, 4)
    for text in ("0 6 * * 1-5", "*/20 0-3 * * *", "30 2 1 * 0", "5 4 13 jan-mar *"):
        times = croniter.croniter(text, start)
        expected = [times.get_next(datetime) for _ in range(6)]
        found = set()
        for line in read_timetable(text).to_calendar():
            base = f"--base-time={start:%Y-%m-%d %H:%M:%S} UTC"
            said = run(
                analyze, "calendar", base, "--iterations=6", line, env={"TZ": "UTC"}
            )
            assert said.returncode == 0, said.stderr
            stamps = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", said.stdout)
            found |= {datetime.fromisoformat(s) for s in stamps}
        assert sorted(t for t in found if t > start)[:6] == expected, text


# --------------------------------------------------- every file, every odd name


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_lines_that_could_end_a_line_are_refused(kind):
    for sly in ("a\nb", "a\rb", "a\x85b", "a\u2028b", "a\x00b", "a\udc80b"):
        with pytest.raises(ValueError, match="line's end"):
            write_schedule(job(sly), kind)


@pytest.mark.parametrize("name", LINES)
def test_a_shell_reads_the_cron_line_as_it_was_meant(name, tmp_path):
    text = only_file(write_schedule(job(name, reports=tmp_path / name), "cron"))
    (line,) = [each for each in text.splitlines() if each and each[0] != "#"]
    assert line.startswith("0 6 * * 1-5  ")
    # What cron does: an escaped percent sign loses its backslash, a bare one ends it.
    command = line.split("  ", 1)[1]
    assert not re.search(r"(?<!\\)%", command)
    command = command.replace(r"\%", "%")
    shown = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"]
    names, rest = command.split(' mkdir -p "$R" && cd / && ')
    words = rest.split(' >> "$R"/')[0]
    said = run("/bin/sh", "-c", f"{names} {shlex.join(shown)} {words}", cwd=tmp_path)
    words = json.loads(said.stdout)
    assert words[-4:] == [
        "run-all",
        f"/srv/my plans/{name}.toml",
        "--reports",
        str(tmp_path / name),
    ]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("name", LINES)
def test_systemd_reads_the_unit_as_it_was_meant(name, tmp_path):
    made = write_schedule(job(name), "systemd")
    unit = next(text for file, text in made.items() if file.endswith(".service"))
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    assert " ".join(f'"{word}"' for word in words) == line
    plain = [re.sub(r"\\(.)", r"\1", word) for word in words]
    plain = [word.replace("%%", "%").replace("$$", "$") for word in plain]
    assert plain[-3] == f"/srv/my plans/{name}.toml"
    assert not re.search(r"(?<!%)%(?!%)", re.sub("%%", "", line))


def test_systemd_itself_reads_and_runs_hostile_words(tmp_path):
    """Its own parser prints the words back, for all hostile names at once."""
    analyze = need("systemd-analyze")
    names = make_identifier(LINES[0])
    for number, name in enumerate(LINES):
        made = write_schedule(job(name, folder=tmp_path), "systemd")
        for file, text in made.items():
            ending = file.rpartition(".")[2]
            plain = text.replace(make_identifier(name), f"hostile-{number}")
            (tmp_path / f"hostile-{number}.{ending}").write_text(plain)
    units = sorted(tmp_path.glob("hostile-*"))
    said = run(analyze, "verify", *units)
    assert (said.returncode, said.stderr) == (0, ""), names
    broken = tmp_path / "broken.service"
    broken.write_text("[Service]\nExecStart=relative words\n")
    assert run(analyze, "verify", broken).returncode != 0, "the control must be refused"


def test_cron_itself_reads_the_file(tmp_path):
    crontab = need("crontab")
    for number, name in enumerate(LINES):
        file = tmp_path / f"{number}.cron"
        file.write_text(only_file(write_schedule(job(name), "cron")))
        said = run(crontab, "-n", file)
        if "unrecognized option" in said.stderr or "invalid option" in said.stderr:
            pytest.skip("NOT TESTED: this crontab cannot check a file")
        assert said.returncode == 0, said.stderr
    (tmp_path / "bad.cron").write_text("0 6 * * 9 true\n")
    assert run(crontab, "-n", tmp_path / "bad.cron").returncode != 0


def test_a_line_too_long_for_cron_is_refused():
    with pytest.raises(ValueError, match="cron reads 998"):
        write_schedule(job("x" * 300, reports="/" + "y" * 500), "cron")


@pytest.mark.parametrize("kind", ["airflow", "dagster"])
@pytest.mark.parametrize("name", LINES)
def test_python_files_hold_names_as_texts_only(kind, name):
    tree = ast.parse(only_file(write_schedule(job(name, variables=("A",)), kind)))
    values = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    assert ast.literal_eval(values["PLAN"]) == f"/srv/my plans/{name}.toml"
    assert ast.literal_eval(values["COMMAND"])[-3] == f"/srv/my plans/{name}.toml"
    called = {
        ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)
    }
    assert called <= {
        *("DAG", "datetime", "timedelta", "task", "run_all", "open", "os.makedirs"),
        *("subprocess.run", "RuntimeError", "Failure", "job", "ScheduleDefinition"),
        *("Definitions",),
    }


def in_repository(tmp_path, name):
    (tmp_path / ".git").mkdir(exist_ok=True)
    return job(name, folder=tmp_path / "plans", variables=("TEAM_MAIL", "HOOK"))


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("github-actions", "vendor.github-workflows"),
        ("gitlab-ci", "vendor.gitlab-ci"),
    ],
)
def test_workflow_files_fit_their_schemas(kind, schema, tmp_path):
    checker = pytest.importorskip("check_jsonschema", reason="NOT TESTED")
    file = tmp_path / "made.yml"
    file.write_text(only_file(write_schedule(in_repository(tmp_path, "week ly"), kind)))

    def check():
        arguments = ["--builtin-schema", schema, str(file)]
        return CliRunner().invoke(checker.main, arguments)

    said = check()
    assert said.exit_code == 0, said.output
    document = yaml.safe_load(file.read_text())
    text = json.dumps(document)
    assert "run-all 'plans/week ly.toml' --reports reports" in text
    wrong = (
        file.read_text().replace("runs-on", "run-on").replace("artifacts", "artefacts")
    )
    file.write_text(wrong.replace("script:\n", "scripts:\n"))
    assert check().exit_code == 1, "the control must be refused"


def test_workflows_keep_secrets_in_secrets_and_stop_at_failures(tmp_path):
    made = only_file(write_schedule(in_repository(tmp_path, "x"), "github-actions"))
    document = yaml.safe_load(made)
    steps = document["jobs"]["reports"]["steps"]
    assert document["jobs"]["reports"]["env"] == {
        "TEAM_MAIL": "${{ secrets.TEAM_MAIL }}",
        "HOOK": "${{ secrets.HOOK }}",
    }
    assert document["on"]["schedule"] == [{"cron": "0 6 * * 1-5"}]
    # GitHub's bash stops at a failure before the pipe, its default shell does not.
    assert next(s for s in steps if "tee" in s.get("run", ""))["shell"] == "bash"
    assert document["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("kind", ["github-actions", "gitlab-ci"])
def test_workflows_refuse_names_that_a_service_would_read(kind, tmp_path):
    refused = 0
    for name in LINES:
        odd = in_repository(tmp_path, name)
        if re.fullmatch(r"[\w. -]+", name):
            yaml.safe_load(only_file(write_schedule(odd, kind)))
            continue
        refused += 1
        with pytest.raises(ValueError, match="a workflow can name a plan by"):
            write_schedule(odd, kind)
    assert refused > len(LINES) / 2
    with pytest.raises(ValueError, match="in no git repository"):
        write_schedule(job("x", folder=tmp_path.parent), kind)


def test_nothing_goes_into_a_file_without_quotes():
    environment = schedules._environment()
    with pytest.raises(TypeError, match="without quotes"):
        environment.from_string("{{ name }}").render(name="x")
    assert environment.from_string("{{ name | yaml }}").render(name='"') == '"\\""'
    assert check_line("a b", "x") == "a b"
    assert quote_systemd(["$HOME"]) == '"$$HOME"'
