"""Passwords in addresses: refused before anything starts, and masked where referred to."""

import json

import pytest
from click.testing import CliRunner
from sample_notebooks import write_notebook

from recovery_research.cli import main
from recovery_research.customer_data.reading import read_customers
from recovery_research.reports import run_report
from recovery_research.reports.declared_parameters import ParameterError
from recovery_research.reports.masking import find_references, holds_password
from recovery_research.reports.plans import read_plan
from recovery_research.reports.run_request import layer_given, prepare_request

ADDRESS = "postgresql://shop:hu5h-hu5h%21@db.example.org/orders"
TOLD = [
    'parameters:source = "example"  # a file, an address, or env:NAME\n'
    'more = ["a"]  # any\nn = 1  # how many',
    "import os\nfrom urllib.parse import unquote\n"
    "address = os.environ.get(source.removeprefix('env:'), source)\n"
    "print(address, unquote(address))\naddress",
    "raise RuntimeError(f'cannot reach {address!r}: '\n"
    "    f'password {unquote(address)[18:28]} was wrong')",
]


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "told.ipynb", TOLD)


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        "mysql+pymysql://ann:p@host",
        "mysql://ann:a/b@host/x",
        "postgresql://host/db?user=ann&password=hush",
        "postgresql://host/db?sslpassword=hush",
        "mssql+pyodbc:///?odbc_connect=Driver%3Dx%3BUID%3Dann%3BPWD%3Dhush",
        "host=db.example.org user=ann password=hush",
        "https://example.org/data.csv?access_token=hush",
        "s3://bucket/x?api_key=hush",
        "look at postgresql://ann:hush@host/db for more",
    ],
)
def test_passwords_are_seen(text):
    assert holds_password(text)


@pytest.mark.parametrize(
    "text",
    [
        "orders.csv",
        "env:SHOP_DATABASE",
        "postgresql://ann@host:5432/orders",
        "postgresql:///orders",
        "sqlite:////home/ann/a:b@c.db",
        "C:/data/ann@home.csv",
        "write to ann@example.org: she knows",
        "the password is asked for",
        "https://example.org/data.csv?token_count=",
        "at 10:30 @ the office",
    ],
)
def test_other_texts_are_let_through(text):
    assert not holds_password(text)


@pytest.mark.parametrize(
    "values",
    [{"source": ADDRESS}, {"more": ["a", ADDRESS]}, {"n": ADDRESS}, {ADDRESS: 1}],
)
def test_a_password_is_refused_and_not_repeated(notebook, values):
    with pytest.raises(ParameterError) as caught:
        prepare_request(notebook, layer_given(values))
    assert "hu5h" not in str(caught.value)
    if ADDRESS not in values:
        assert "write env:NAME instead" in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["-p", f"source={ADDRESS}"],
        ["-p", f"more={ADDRESS},b"],
        ["-p", f"n={ADDRESS}"],
        ["-p", ADDRESS],
        ["-p", f"{ADDRESS}?x=1"],
    ],
)
def test_nothing_is_started_or_written_by_the_command(notebook, tmp_path, words):
    arguments = ["run", str(notebook), *words, "--reports", str(tmp_path / "reports")]
    result = CliRunner().invoke(main.main, arguments)
    assert result.exit_code == 2
    assert "hu5h" not in result.output
    assert not (tmp_path / "reports").exists()


def test_a_default_with_a_password_is_refused(tmp_path):
    cells = [f'parameters:source = "{ADDRESS}"  # the shop']
    path = write_notebook(tmp_path / "told.ipynb", cells)
    with pytest.raises(ParameterError, match="source: the value, which is not shown"):
        prepare_request(path)


@pytest.mark.parametrize(
    "line",
    ["parameters = {{ source = '{0}' }}", "grid = {{ source = ['{0}', 'b'] }}",
     "data = {{ source = '{0}' }}", "data = {{ other = '{0}' }}"],
)  # fmt: skip
def test_a_plan_with_a_password_is_refused(notebook, tmp_path, line):
    plan = tmp_path / "plan.toml"
    text = line.format(ADDRESS)
    plan.write_text(f'[reports.told]\nnotebook = "./{notebook.name}"\n{text}\n')
    with pytest.raises(ValueError, match="env:NAME") as caught:
        read_plan(plan)
    assert "hu5h" not in str(caught.value)


@pytest.mark.parametrize("where", ["parameter", "data of the plan"])
def test_what_a_reference_stands_for_is_masked(notebook, tmp_path, monkeypatch, where):
    monkeypatch.setenv("SHOP_DATABASE", ADDRESS)
    reports = tmp_path / "reports"
    if where == "parameter":
        given = {"source": "env:SHOP_DATABASE"}
        run = run_report(notebook, given, reports=reports)
        folder = run.folder
    else:
        plan = tmp_path / "plan.toml"
        plan.write_text(
            f'[reports.told]\nnotebook = "./{notebook.name}"\n'
            'data = { source = "env:SHOP_DATABASE" }\n'
        )
        arguments = ["run-all", str(plan), "--reports", str(reports)]
        result = CliRunner().invoke(main.main, arguments)
        assert "hu5h" not in result.output
        (folder,) = (reports / "told" / "failed").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["verdict"] == "cell failed"
    assert record["failure"]["message"].startswith("RuntimeError: cannot reach '***'")
    assert "env:SHOP_DATABASE" in [p["value"] for p in record["parameters"]]
    files = [path for path in reports.rglob("*") if path.is_file()]
    assert {"run.json", "run.log", "report.html", "report.ipynb"} <= {
        path.name for path in files
    }
    for path in files:
        assert b"hu5h" not in path.read_bytes(), path


def test_a_reference_to_a_file_is_not_masked(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_FILE", "orders.csv")
    path = write_notebook(tmp_path / "told.ipynb", TOLD[:1])
    request = prepare_request(path, layer_given({"source": "env:SHOP_FILE"}))
    assert request.secrets() == []


def test_a_short_password_does_not_mask_the_numbers_of_a_report():
    found = find_references("db://ann:2026@host/x")
    assert "2026" not in found
    assert found[-1] == ":2026@"


def test_customers_are_read_by_reference(monkeypatch):
    # Nobody listens on port 1; without the driver it fails sooner, and as silently.
    address = "postgresql+psycopg://ann:hu5h-hu5h@127.0.0.1:1/orders"
    monkeypatch.setenv("SHOP_DATABASE", address)
    with pytest.raises(ValueError) as caught:
        read_customers("env:SHOP_DATABASE", mapping="example")
    assert "hu5h" not in str(caught.value)
    cause = caught.value.__cause__ or caught.value.__context__
    assert "hu5h" not in str(cause)
