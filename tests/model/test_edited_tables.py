"""Tables edited by hand: file, row, column, what came and what is allowed."""

import shutil

import pytest
from refusals import refuses

import recovery_research as rr
from recovery_research import paths
from recovery_research.model import coefficients, policies


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A copy of the package's tables, to be spoilt; nothing is remembered between."""
    copy = tmp_path / "data"
    shutil.copytree(paths.source_root() / "data", copy)
    caches = (coefficients.load_ledger, policies.read_own_catalogue)
    for each in caches:
        each.cache_clear()
    monkeypatch.setattr(paths, "source_root", lambda: tmp_path)
    yield copy
    for each in caches:
        each.cache_clear()


def spoil(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


POLICIES, WORLD, MEANINGS = "policies.csv", "world-evidence.csv", "coefficients.csv"
SPOILT = [
    (POLICIES, ",empathy,", ",empaty,", ("policies.csv lacks column 'empathy'", "it has")),
    (POLICIES, "policy,apology,", "policy,apology,charm,", ("unknown column 'charm'",)),
    (POLICIES, "a_sorry,0.8,", "a_sorry,much,",
     ("policies.csv, row 2, column apology", "'much'", "number")),
    (POLICIES, "a_sorry,0.8,", "a_sorry,1.8,",
     ("row 2, column apology", "'1.8'", "less than or equal to 1")),
    (POLICIES, "a_sorry,0.8,", "a_sorry,nan,", ("row 2, column apology", "finite")),
    (POLICIES, "a_sorry,0.8,", "a_sorry,,", ("row 2, column apology", "''")),
    (POLICIES, ",0,refund,", ",0,money,", ("row 2, column form", "'money'", "'refund'")),
    (POLICIES, "b_should_have_told_us,", "a_sorry,",
     ("row 3", "'a_sorry' stands already in row 2")),
    (POLICIES, "a_sorry,", "A Sorry,", ("row 2, column policy", "'A Sorry'")),
    (POLICIES, "a_sorry,0.8,", "a_sorry,0.8,0.3,", ("row 2", "more or fewer cells")),
    (POLICIES, "a_sorry,0.8,5,", "a_sorry,0.8,", ("row 2", "more or fewer cells")),
    (WORLD, "coefficient,value,", "coefficient,values,", ("lacks column 'value'",)),
    (WORLD, "process_share,0.4", "process_share,some",
     ("world-evidence.csv, row 5, column value", "'some'", "number")),
    (WORLD, "process_share,0.4", "process_share,1.4", ("process_share", "0 to 1; got 1.4")),
    (WORLD, "process_share,0.4", "process_shar,0.4", ("Did you mean 'process_share'?",)),
    (WORLD, "process_share,0.4", "severity_mild,0.4", ("stands already in row 3",)),
    (WORLD, "process_share,0.4,assumed", "process_share,0.4,guessed",
     ("row 5, column evidence_class", "'guessed'", "'sourced'")),
    (MEANINGS, "probability per order,0,0.5", "probability per order,zero,0.5",
     ("coefficients.csv, row 2, column low", "'zero'")),
]  # fmt: skip


def load_everything():
    rr.load_policies()
    rr.load_world("evidence")


@pytest.mark.parametrize(("file", "old", "new", "said"), SPOILT)
def test_an_edited_table_is_refused(tables, file, old, new, said):
    load_everything()
    for each in (coefficients.load_ledger, policies.read_own_catalogue):
        each.cache_clear()
    spoil(tables / file, old, new)
    with refuses(coefficients.LedgerError, *said):
        load_everything()


def test_a_row_taken_out_is_missed(tables):
    path = tables / WORLD
    lines = [
        line for line in path.read_text().splitlines() if "process_share" not in line
    ]
    path.write_text("\n".join(lines) + "\n")
    with refuses(coefficients.LedgerError, "gives no value for 'process_share'"):
        load_everything()


@pytest.mark.parametrize("left", ["", "header"])
def test_an_empty_table(tables, left):
    path = tables / POLICIES
    header = path.read_text().splitlines()[0]
    path.write_text(header + "\n" if left else "")
    said = "holds no row" if left else "lacks column 'policy'"
    with refuses(coefficients.LedgerError, "policies.csv", said):
        load_everything()


def test_a_table_that_is_no_text(tables):
    (tables / POLICIES).write_bytes(b"policy,apology\n\xff\xfe\x00")
    with refuses(coefficients.LedgerError, "policies.csv", "UTF-8"):
        load_everything()


def test_a_catalogue_of_ones_own(tmp_path):
    with refuses(coefficients.LedgerError, "no table of policies at", "nowhere.csv"):
        rr.load_policies(tmp_path / "nowhere.csv")
    mine = tmp_path / "mine.csv"
    text = (paths.source_root() / "data" / POLICIES).read_text().splitlines()
    # Spreadsheets write a mark at the start of a file; it is no part of the name.
    mine.write_text("\n".join(text[:2]) + "\n", encoding="utf-8-sig")
    assert list(rr.load_policies(mine)) == ["a_sorry"]
    # Edited and read again in the same session, it is the new table that counts.
    mine.write_text("\n".join(text[:3]) + "\n", encoding="utf-8")
    assert list(rr.load_policies(mine)) == ["a_sorry", "b_should_have_told_us"]
