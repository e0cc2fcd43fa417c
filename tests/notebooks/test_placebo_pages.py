"""The reports on files from shops in which nothing happens: they run, and say so."""

import pytest
from notebook_cells import request_report, run_cells
from placebo.files import COMPLAINTS, DESIGNS, ORDERS, SURVEY
from placebo.logs import make_complaints, make_orders, make_survey

MAPPINGS = {
    name: (make_orders, ORDERS | {"orders": rule | {"followup_weeks": 13.0}})
    for name, rule in DESIGNS.items()
} | {"survey": (make_survey, SURVEY), "complaints": (make_complaints, COMPLAINTS)}
SHOPS = ("even", "tied")
ANNOUNCED = "a paradox: better off"
DOUBTS = ("nlike beforehand", "n the customer-based design", "n the ever-failed design",
          "first order has no past")  # fmt: skip


def write_value(value):
    if isinstance(value, dict):
        inside = ", ".join(f"{k} = {write_value(v)}" for k, v in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(write_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def write_files(folder, kind, shop, seed):
    """Write a file and its mapping as somebody would who has them."""
    make, mapping = MAPPINGS[kind]
    source, rules = folder / "mine.parquet", folder / "mine.toml"
    make(shop, 600, seed).to_parquet(source)
    rules.write_text("\n".join(f"{k} = {write_value(v)}" for k, v in mapping.items()))
    return {"source": str(source), "mapping": str(rules)}


def said_of(page):
    return "\n".join(page.texts.values())


@pytest.mark.slow
@pytest.mark.parametrize("shop", SHOPS)
@pytest.mark.parametrize("kind", list(MAPPINGS))
def test_the_report_on_a_file_announces_no_more_than_its_intervals(
    tmp_path, kind, shop
):
    files = write_files(tmp_path, kind, shop, seed=3)
    page = run_cells(request_report("10-your-customers", files))
    # Whatever is announced of groups as they come has its doubt beside it.
    for line in said_of(page).split("\n"):
        if ANNOUNCED not in line:
            continue
        asked = line.split("once alike")[0] + line.partition("over many draws")[2]
        if kind == "ever-failed" or ANNOUNCED in asked:
            assert any(doubt in line for doubt in DOUBTS), line
    adjusted = page.tables["adjusted"]
    announced = adjusted[adjusted["verdict"] == "paradox"]
    assert (announced["ci_low"] > 0.0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["order-based", "customer-based", "survey"])
def test_a_file_is_set_beside_the_worlds(tmp_path, kind):
    files = write_files(tmp_path, kind, "even", seed=4)
    page = run_cells(
        request_report("03-recovery-paradox", files | {"n_customers": 5000})
    )
    assert page.tables
    assert "mine.parquet" in said_of(page)


def test_mappings_are_written_as_they_are_meant(tmp_path):
    import tomllib

    for kind, (_, mapping) in MAPPINGS.items():
        write_files(tmp_path, kind, "even", seed=1)
        assert tomllib.loads((tmp_path / "mine.toml").read_text()) == mapping
