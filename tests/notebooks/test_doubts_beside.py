"""A doubt that may turn the answers stands beside them, whatever kind it is."""

import ast
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from customer_files import write_rows

from recovery_research.cli.main import main
from recovery_research.customer_data import answers, comparison, questions, sentences
from recovery_research.customer_data import issues as telling
from recovery_research.customer_data.issues import HARMLESS, TURNS, Finding
from recovery_research.customer_data.reading import read_customers

HEADER = "customer,problem,resolved,spend,age"
TABLE = {
    "shape": "customers",
    "columns": {name: name for name in HEADER.split(",")[:3]},
    "outcomes": {
        "spend": {"column": "spend", "kind": "number", "better": "high"},
    },
    "covariates": {"age": {"column": "age", "kind": "number"}},
}
ORDERS = "customer,time,amount,failed,resolved"
LOG = {
    "shape": "orders",
    "columns": {name: name for name in ORDERS.split(",")},
    "orders": {"design": "order-based", "index": "first", "followup_weeks": 8.0},
}


def customers(spend=lambda k: 10 + k % 7, age=lambda k: 20 + k % 9, name=str, n=90):
    """A row each for customers of whom a third had a problem, all made good."""
    return [
        f"{name(k)},{'yes,yes' if k % 3 == 0 else 'no,'},{spend(k)},{age(k)}"
        for k in range(n)
    ]


def orders(amount=lambda k: 10, date="2024-{:02d}-{:02d}", n=240):
    """Orders of 60 customers, each at a moment of her own, a third failed once."""
    return [
        f"c{k % 60},{date.format(1 + k // 24 % 10, 1 + k % 24)},{amount(k)},"
        f"{'yes,yes' if k % 60 < 20 and k < 60 else 'no,'}"
        for k in range(n)
    ]


def values(column, **said):
    return {"values": {column: said}}


def region(blank=None):
    rows = [f"{row},{('NA', 'EU', 'AS')[k % 7 % 3]}" for k, row in
            enumerate(customers())]  # fmt: skip
    fields = TABLE["covariates"] | {"region": {"column": "region", "kind": "category"}}
    said = {} if blank is None else values("region", blank=blank)
    return rows, HEADER + ",region", TABLE | {"covariates": fields} | said


def named(rows, mapping=LOG):
    """Orders with a name each."""
    columns = mapping["columns"] | {"order": "order"}
    return rows, f"{ORDERS},order", mapping | {"columns": columns}


def rule(**said):
    return LOG | {"orders": LOG["orders"] | said}


def twice(rows):
    """Every fifth order comes in two lines that differ."""
    return [
        line
        for k, row in enumerate(rows)
        for line in ([row, row.replace(",10,", ",7,")] if k % 5 == 0 else [row])
    ]


def lines_of(name):
    rows = [f"{row},o{k}" for k, row in enumerate(orders())]
    return named([*rows, *(row.replace(",10,", ",7,") for row in rows[:20])],
                 rule(**name))  # fmt: skip


# Of each kind: a file that is so doubted, and the same with the doubt settled.
DOUBTED = {
    "lines": (
        lambda: (twice(orders()), ORDERS, LOG),
        lambda: (twice(orders()), ORDERS, rule(lines="sum")),
    ),
    "summed": (lambda: lines_of({}), lambda: lines_of({"lines": "sum"})),
    "returns": (
        lambda: (orders(lambda k: -5 if k % 80 == 79 else 10), ORDERS, LOG),
        lambda: (
            orders(lambda k: -5 if k % 80 == 79 else 10),
            ORDERS,
            rule(returns="match"),
        ),
    ),
    "placeholder": (
        lambda: (["c59,1970-01-01,10,no,", *orders()], ORDERS, LOG),
        lambda: (orders(), ORDERS, LOG),
    ),
    "code": (
        lambda: (customers(lambda k: 99 if k % 8 == 0 else k % 7), HEADER, TABLE),
        lambda: (
            customers(lambda k: 99 if k % 8 == 0 else k % 7),
            HEADER,
            TABLE | values("spend", blank=["99"]),
        ),
    ),
    "ids": (
        lambda: (customers(name=lambda k: f"1234567890{k:05d}00"), HEADER, TABLE),
        lambda: (customers(name=lambda k: f"1234567890{k:05d}17"), HEADER, TABLE),
    ),
    "marks": (
        lambda: (
            customers(lambda k: "1.250" if k % 10 == 0 else 900 + k),
            HEADER,
            TABLE,
        ),
        lambda: (
            customers(lambda k: "1.250" if k % 10 == 0 else 900 + k),
            HEADER,
            TABLE | values("spend", thousands=".", decimal=","),
        ),
    ),
    "quotes": (
        lambda: (
            [*(f"{row},fine" for row in customers()), '900,no,,5,20,"fine',
             '901,no,,5,20,bad"'],
            HEADER + ",note",
            TABLE,
        ),
        lambda: (customers(), HEADER, TABLE),
    ),
    "blank": (lambda: region(), lambda: region(["?"])),
    "losses": (
        lambda: (
            customers(lambda k: "?" if k % 5 == 1 else k % 7),
            HEADER,
            TABLE | {"unreadable": "set aside"},
        ),
        lambda: (
            customers(lambda k: "?" if k % 5 == 1 else k % 7),
            HEADER,
            TABLE | values("spend", blank=["?"]),
        ),
    ),
    "nameless": (
        lambda: (
            [row.lstrip("0123456789") if k % 9 == 1 else row
             for k, row in enumerate(customers())],
            HEADER,
            TABLE,
        ),
        lambda: (customers(), HEADER, TABLE),
    ),
    "other name": (
        lambda: (
            [f"{row},{'b' if (k % 3 == 0 and k > 3) or k in (1, 2) else 'a'}"
             for k, row in enumerate(customers(n=600))],
            HEADER + ",seen",
            TABLE
            | {"covariates": TABLE["covariates"]
               | {"seen": {"column": "seen", "kind": "category"}}},
        ),
        lambda: (customers(), HEADER, TABLE),
    ),
}  # fmt: skip


def formulas(path, stored):
    """A workbook some of whose cells hold a formula without a stored result."""
    book = openpyxl.Workbook()
    book.active.append(HEADER.split(","))
    for k, row in enumerate(customers()):
        cells = [cell or None for cell in row.split(",")]
        cells[3] = f"={cells[3]}+0" if k % 4 == 0 and not stored else float(cells[3])
        book.active.append([*cells[:4], float(cells[4])])
    book.save(path)
    return path


def files(kind, folder):
    """Return the doubted file and the settled one, each with its mapping."""
    if kind == "formulas":
        return [
            (formulas(folder / f"{stored}.xlsx", stored), TABLE)
            for stored in (False, True)
        ]
    made = []
    for k, make in enumerate(DOUBTED[kind]):
        rows, header, mapping = make()
        made.append((write_rows(folder / f"{kind}{k}.csv", rows, header), mapping))
    return made


def say_short(path, mapping):
    read = read_customers(path, mapping=mapping)
    table = answers.adjust_groups(read)
    return read, "\n".join(answers.say_in_short(read, table)).replace("\\", "")


def test_every_kind_that_turns_an_answer_is_tried():
    assert {*DOUBTED, "formulas"} == set(TURNS)
    assert not set(TURNS) & set(HARMLESS)


@pytest.mark.parametrize("kind", TURNS)
def test_what_may_turn_an_answer_stands_beside_it(kind, tmp_path):
    (doubted, mapping), (settled, mended) = files(kind, tmp_path)
    read, said = say_short(doubted, mapping)
    assert kind in [each.kind for each in read.findings]
    # Beside each answer that it is about, and where the question is told.
    lines = [line for line in said.splitlines() if "recovered against" in line]
    assert lines
    assert all(TURNS[kind] in line for line in lines)
    assert TURNS[kind] in sentences.say_main_question(read)
    # Once in a line, however many views it has.
    assert all(line.count(TURNS[kind]) == 1 for line in lines)
    read, said = say_short(settled, mended)
    assert TURNS[kind] not in said
    assert TURNS[kind] not in sentences.say_main_question(read)


def test_order_lines_are_doubted_in_every_sentence_and_table(tmp_path):
    rows = []
    for c in range(400):
        for line in range(3 if c % 2 else 1):
            failed = line == 0 and c % 8 in (1, 3)
            said = "no," if not failed else "yes,yes" if c % 8 == 1 else "yes,no"
            rows.append(f"c{c},2024-{1 + c % 6:02d}-{1 + c % 28:02d},10,{said}")
    path = write_rows(tmp_path / "a6.csv", [*rows, "z,2024-12-30,5,no,"], ORDERS)
    read, said = say_short(path, LOG)
    (line,) = [each for each in said.splitlines() if "bought again" in each]
    answer, _, rest = line.partition("**Doubtful: ")
    assert "a paradox" in answer
    assert "+0.6" in answer
    assert rest.startswith(f"{TURNS['lines']} (column 'time', 600 rows).**")
    for table in (
        questions.contrast_groups(read), answers.decompose_group_spending(read),
        comparison.compare_ratios(read),
    ):  # fmt: skip
        answered = table[table["estimate"].notna()]
        assert len(answered)
        assert answered["note"].str.contains(TURNS["lines"], regex=False).all()
    assert TURNS["lines"] in comparison.tell_file(read)


def test_check_says_it_where_it_says_what_can_be_asked(tmp_path):
    path = write_rows(tmp_path / "o.csv", twice(orders()), ORDERS)
    mapping = tmp_path / "o.toml"
    columns = "\n".join(f'{name} = "{name}"' for name in ORDERS.split(","))
    mapping.write_text(
        f'shape = "orders"\n[columns]\n{columns}\n[orders]\ndesign = "order-based"\n'
        'index = "first"\nfollowup_weeks = 8.0\n'
    )
    call = ["check", str(path), "--mapping", str(mapping)]
    plain = CliRunner().invoke(main, call)
    assert plain.exit_code == 0, plain.output
    assert TURNS["lines"] in plain.output.splitlines()[-1]
    # What may turn the answers is told before what may not.
    doubts = [each for each in plain.output.splitlines() if each.startswith("doubt")]
    assert "share customer and moment" in doubts[0]
    told = CliRunner().invoke(main, [*call, "--json"]).output
    assert TURNS["lines"] in told


def test_a_doubt_about_one_column_is_told_of_what_is_made_of_it(tmp_path):
    rows = [f"{row},{k % 5}" for k, row in enumerate(customers(age=lambda k: 99
            if k % 8 == 0 else k % 7))]  # fmt: skip
    other = {"visits": {"column": "visits", "kind": "number", "better": "high"}}
    mapping = TABLE | {"outcomes": TABLE["outcomes"] | other}
    path = write_rows(tmp_path / "age.csv", rows, HEADER + ",visits")
    read = read_customers(path, mapping=mapping)
    table = answers.adjust_groups(read)
    doubted = table["note"].fillna("").str.contains(TURNS["code"], regex=False)
    # A covariate plays no part in the groups as they come.
    assert doubted.tolist() == (table["view"] != "as they come").tolist()
    path = write_rows(
        tmp_path / "spend.csv",
        [f"{row},{k % 5}" for k, row in enumerate(
            customers(lambda k: 99 if k % 8 == 0 else k % 7))],
        HEADER + ",visits",
    )  # fmt: skip
    read = read_customers(path, mapping=mapping)
    table = answers.adjust_groups(read)
    doubted = table["note"].fillna("").str.contains(TURNS["code"], regex=False)
    assert doubted.tolist() == (table["outcome"] == "spend").tolist()


def test_a_doubt_without_a_known_kind_cannot_be_added():
    with pytest.raises(ValueError, match="no known kind"):
        Finding("doubt", "", None, "", 0, "something")
    frame = telling.frame_findings([Finding("doubt", "", 1, "", 0, "a", "lines")])
    assert frame["kind"].tolist() == ["lines"]
    assert isinstance(frame, pd.DataFrame)


def test_every_kind_is_used_and_every_use_is_a_kind():
    used = set()
    for path in Path(telling.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used |= {node.value} if path.name != "issues.py" else set()
    assert {**TURNS, **HARMLESS}.keys() <= used
