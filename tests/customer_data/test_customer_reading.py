"""A file becomes customers: every row accounted for, every flaw told by its place."""

import numpy as np
import pytest
from customer_files import HEADER, MAPPING, ROWS, but, write_rows

from recovery_research.analysis.paradox import paradox
from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.customer_data.reading import check_customers, read_customers


@pytest.fixture
def put(tmp_path):
    """Write rows behind the eight good ones and return the file's path."""

    def write(*rows, header=HEADER):
        return write_rows(tmp_path / "mine.csv", [*ROWS, *rows], header)

    return write


def reasons(read):
    return dict(zip(read.excluded["row"], read.excluded["reason"], strict=True))


def account(read):
    flow = read.flow[read.flow["unit"] == read.flow["unit"].iloc[0]]
    steps = flow.groupby("step")["n"].sum()
    assert steps["read"] == steps.get("set aside", 0) + steps["analysed"]
    assert steps.get("set aside", 0) == len(read.excluded)
    assert len(set(read.excluded["row"])) == len(read.excluded)
    return steps


def test_groups_and_values_are_read_and_blank_is_unknown(put):
    read = read_customers(put(), mapping=MAPPING)
    table = read.customers.set_index("customer")
    groups = (
        ["no_failure"] * 2 + ["silent"] * 2 + ["recovered"] * 2 + ["not_recovered"] * 2
    )
    assert table["index_outcome"].tolist() == groups
    assert table["spend"].tolist() == [120.5, 0, 30, 45.25, 99, 130, 5, 12.75]
    assert table["stayed"].isna().tolist() == [False] * 5 + [True] + [False] * 2
    assert table["region"].tolist()[:3] == ["north", "south", "north"]
    assert account(read)["analysed"] == 8
    assert read.to_frame() is read.customers
    assert paradox(read.customers, outcome="stayed").n_missing == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,no,no,yes,2024-01-05,,10,yes,north", "resolved without a problem"),
        ("x,no,yes,no,2024-01-05,,10,yes,north", "complained without a problem"),
        (
            "x,yes,yes,yes,2024-01-05,2024-01-04,10,yes,north",
            "complained before the order",
        ),
        ("x,no,,,2024-01-05,,-10,yes,north", "spend_90 is negative"),
        ("x,,yes,yes,2024-01-05,,10,yes,north", "problem is unknown"),
        ("x,yes,yes,,2024-01-05,,10,yes,north", "what came of the problem is unknown"),
        ("x,yes,,no,2024-01-05,,10,yes,north", "what came of the problem is unknown"),
        (ROWS[4], "repeats an earlier row with the same id"),
        ("x,yes,no,no,2024-01-05", "the row has 5 fields, the header has 9"),
    ],
)
def test_what_cannot_be_is_set_aside_with_its_reason(put, row, reason):
    path = put(row)
    read = read_customers(path, mapping=MAPPING)
    # The header is row 1, the eight good rows are 2 to 9.
    assert list(reasons(read)) == [10]
    assert reasons(read)[10].startswith(reason)
    assert account(read)["analysed"] == 8
    written = read.excluded.iloc[0]
    if "fields" not in reason:
        assert written["id"] == row.split(",")[0]
        assert [f.row for f in read.findings if f.weight == "set aside"] == [10]


def test_rows_around_a_broken_one_keep_their_numbers(put):
    flaw = ",no,,,2024-01-05,,-10,yes,north"
    path = put("x" + flaw, "broken,yes", ROWS[0].replace("a1", "a3"), "y" + flaw)
    found = reasons(read_customers(path, mapping=MAPPING))
    assert sorted(found) == [10, 11, 13]
    assert found[11].startswith("the row has 2 fields")


def test_rows_that_differ_under_one_name_all_go(put):
    read = read_customers(put(ROWS[0].replace("120.50", "121")), mapping=MAPPING)
    told = "id stands in rows that differ"
    assert reasons(read) == {2: told, 10: told}
    assert account(read)["analysed"] == 7


def test_names_that_are_blank_are_not_repeats_of_one_another(put):
    path = put(*(row.replace("a1", "") for row in [ROWS[0], ROWS[0]]))
    read = read_customers(path, mapping=MAPPING)
    assert account(read)["analysed"] == 10
    assert any("cannot be seen" in f.message for f in read.findings)


def test_a_row_with_two_flaws_counts_once_and_tells_both(put):
    read = read_customers(put("x,no,yes,yes,2024-01-05,,-1,yes,north"), mapping=MAPPING)
    assert account(read)["analysed"] == 8
    row = read.excluded.iloc[0]
    assert row["reason"] == "resolved without a problem"
    assert (
        row["further_reasons"] == "complained without a problem; spend_90 is negative"
    )


@pytest.mark.parametrize(
    ("row", "column", "value", "allowed"),
    [
        ("x,no,,,2024-01-05,,ten,yes,north", "spend_90", "ten", "a number"),
        ("x,no,,,2024-01-05,,1e999,yes,north", "spend_90", "1e999", "a number"),
        ("x,no,,,2024-01-05,,'1,20,yes,north".replace("'", ""), "spend_90", None, None),
        ("x,no,,,2024-01-05,,1,perhaps,north", "active", "perhaps", "yes (yes, y"),
        ("x,maybe,,,2024-01-05,,1,yes,north", "problem", "maybe", "yes (yes, y"),
        ("x,no,,,05.01.2024,,1,yes,north", "ordered", "05.01.2024", "YYYY-MM-DD"),
        ("x,no,,,2024-02-30,,1,yes,north", "ordered", "2024-02-30", "YYYY-MM-DD"),
        ("x,no,,,2024,,1,yes,north", "ordered", "2024", "YYYY-MM-DD"),
        ("x,no,,,0001-01-01,,1,yes,north", "ordered", "0001-01-01", "1950 and 2100"),
    ],
)
def test_what_cannot_be_read_is_told_by_file_row_column_and_value(
    put, row, column, value, allowed
):
    path = put(row)
    if value is None:  # ten fields: a broken row, not a strange value
        assert "fields" in reasons(read_customers(path, mapping=MAPPING))[10]
        return
    with pytest.raises(CustomerFileError) as caught:
        read_customers(path, mapping=MAPPING)
    said = str(caught.value)
    for part in ("mine.csv", "row 10", repr(column), repr(value), allowed, "1 row"):
        assert part in said
    (finding,) = caught.value.findings
    assert (finding.row, finding.column, finding.value) == (10, column, value)
    set_aside = read_customers(path, mapping=but(unreadable="set aside"))
    assert list(reasons(set_aside)) == [10]
    assert account(set_aside)["analysed"] == 8


def test_check_tells_everything_at_once_and_raises_nothing(put):
    path = put("x,maybe,,,2024-01-05,,ten,yes,north", "y,no,,,soon,,1,yes,north")
    found = check_customers(path, mapping=MAPPING)
    assert not found.passed
    assert found.flow is None
    errors = found.to_frame().query("weight == 'error'")
    assert set(errors["column"]) == {"problem", "spend_90", "ordered"}
    good = check_customers(put(), mapping=MAPPING)
    assert good.passed
    assert good.flow["n"].tolist() == [8, 8]


def test_moments_with_and_without_time_zone_are_refused_unless_said(put):
    path = put("x,no,,,2024-01-05 10:00+02:00,,1,yes,north")
    with pytest.raises(CustomerFileError, match="mixes moments with a time zone"):
        read_customers(path, mapping=MAPPING)
    said = but(time={"timezone": "Europe/Berlin"})
    assert account(read_customers(path, mapping=said))["analysed"] == 9


def test_zones_are_reckoned_with(put):
    # Midnight in Auckland is noon in UTC: the complaint is not before the order.
    rows = [
        "x,yes,yes,yes,2024-06-01T00:00+12:00,2024-05-31T13:00Z,1,yes,north",
        "y,yes,yes,yes,2024-06-01T00:00+12:00,2024-05-31T11:00Z,1,yes,north",
    ]
    timed = but(time={"timezone": "UTC"})
    read = read_customers(put(*rows), mapping=timed)
    assert reasons(read) == {11: "complained before the order"}


def test_an_hour_that_no_clock_showed_is_no_moment(put):
    path = put("x,no,,,2024-03-31 02:30,,1,yes,north")
    berlin = but(time={"timezone": "Europe/Berlin"})
    with pytest.raises(CustomerFileError, match="clocks in Europe/Berlin show"):
        read_customers(path, mapping=berlin)


def test_other_ways_of_writing(tmp_path):
    rows = [
        "1;ja;nein;;05.03.2024;12,50",
        "2;nein;?;?;06.03.2024;1000",
        "3;ja;ja;ja;07.03.2024;,75",
    ]
    path = write_rows(tmp_path / "de.csv", rows, "nr;problem;beschwert;gut;am;umsatz")
    mapping = {
        "shape": "customers",
        "columns": {"customer": "nr", "problem": "problem", "complained": "beschwert",
                    "resolved": "gut", "order_time": "am"},
        "outcomes": {"spend": {"column": "umsatz", "kind": "amount"}},
        "values": {"yes": ["ja"], "no": ["nein"], "blank": ["?"], "decimal": ","},
        "time": {"format": "%d.%m.%Y"},
    }  # fmt: skip
    read = read_customers(path, mapping=mapping)
    assert read.customers["spend"].tolist() == [12.5, 1000.0, 0.75]
    assert read.customers["index_outcome"].tolist() == [
        "silent",
        "no_failure",
        "recovered",
    ]
    np.testing.assert_allclose(read.customers["index_week"] * 7.0, [0.0, 1.0, 2.0])


def test_groups_by_the_files_own_words(tmp_path):
    path = write_rows(
        tmp_path / "g.csv", ["fine,1", "sorted,2", "sorted,3", ",4"], "how,x"
    )
    mapping = {
        "shape": "customers",
        "columns": {"group": "how"},
        "groups": {"no_failure": ["fine"], "recovered": ["sorted"]},
        "outcomes": {"x": {"kind": "number"}},
    }
    read = read_customers(path, mapping=mapping)
    assert (
        read.customers["index_outcome"].tolist() == ["no_failure"] + ["recovered"] * 2
    )
    assert reasons(read) == {5: "the group is unknown"}
    del mapping["groups"]["recovered"]
    with pytest.raises(CustomerFileError, match="'sorted' is in no group"):
        read_customers(path, mapping=mapping)


def test_nothing_left_says_so(put, tmp_path):
    path = write_rows(tmp_path / "none.csv", ["x,,,,2024-01-05,,1,yes,north"])
    with pytest.raises(CustomerFileError, match="no row is left"):
        read_customers(path, mapping=MAPPING)
    empty = write_rows(tmp_path / "empty.csv", [])
    with pytest.raises(CustomerFileError, match="a header but no rows"):
        read_customers(empty, mapping=MAPPING)
    assert not check_customers(path, mapping=MAPPING).passed


def test_order_logs_are_accounted_for_twice(tmp_path):
    rows = [
        "1,u,2024-01-01,10,no,",
        "2,u,2024-02-01,20,yes,yes",
        "3,v,2024-03-01,-5,no,",
        "4,,2024-03-01,5,no,",
        "5,v,2024-05-20,5,,",
        "5,v,2024-05-20,5,,",
    ]
    path = write_rows(tmp_path / "o.csv", rows, "nr,who,at,sum,bad,good")
    mapping = {
        "shape": "orders",
        "columns": {"order": "nr", "customer": "who", "time": "at", "amount": "sum",
                    "failed": "bad", "resolved": "good"},
        "orders": {"design": "order-based", "index": "first", "followup_weeks": 6.0},
    }  # fmt: skip
    read = read_customers(path, mapping=mapping)
    assert account(read)["analysed"] == 3
    assert reasons(read) == {
        4: "sum is negative", 5: "customer is unknown",
        7: "repeats an earlier row with the same nr",
    }  # fmt: skip
    made = read.flow[read.flow["unit"] == "customers"].set_index("step")["n"]
    assert (made["made"], made["not compared"], made["analysed"]) == (2, 1, 1)
    assert "1 customers are counted without" in " ".join(map(str, read.findings))
    assert read.customers["followup_spend"].tolist()[0] == 20.0
    # Moments are kept in weeks since 1970: about 3,000, with 16 digits.
    np.testing.assert_allclose(read.orders["week"][:2], [0.0, 31 / 7], atol=1e-11)
    mapping["time"] = {"end": "2024-05-01"}
    with pytest.raises(CustomerFileError, match=r"correct \[time\] end"):
        read_customers(path, mapping=mapping)
    mapping["time"] = {"end": "tomorrow"}
    with pytest.raises(CustomerFileError, match="'tomorrow' is not a date"):
        read_customers(path, mapping=mapping)


@pytest.mark.parametrize("name", ["example", "example-orders", "example-complaints"])
def test_the_examples_say_that_they_are_synthetic_and_are_accounted_for(name):
    read = read_customers(name, mapping=name)
    account(read)
    assert read.customers["customer"].str.startswith("synthetic-").all()


def test_the_examples_are_what_the_library_makes(tmp_path):
    from recovery_research.customer_data.examples import write_examples
    from recovery_research.paths import data_path

    for path in write_examples(tmp_path):
        kept = data_path(f"examples/{path.name}")
        assert path.read_bytes() == kept.read_bytes(), f"make {path.name} anew"
