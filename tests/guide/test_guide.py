"""The guide is built whole, without network, and none of its links leads nowhere."""

import re
import subprocess
import sys

import pytest

from recovery_research.guide.build import GROUPS_PAGES, find_broken_links, write_formats
from recovery_research.reference import GROUPS
from recovery_research.reports.format_reference import list_keys


@pytest.mark.slow
def test_the_guide_is_whole_and_asks_no_other_host(tmp_path):
    # Its libraries warn of each other's old names; that is theirs to mend.
    command = [sys.executable, "-m", "recovery_research.guide.build"]
    subprocess.run([*command, tmp_path / "site"], check=True, timeout=600)
    first = tmp_path / "site/index.html"
    site = first.parent
    pages = {p.relative_to(site).as_posix() for p in site.rglob("*.html")}
    assert {
        "index.html",
        "walk.html",
        "certified.html",
        "how-to/airflow.html",
        *GROUPS_PAGES,
    } <= pages
    for name in pages:
        if name.startswith("_static"):
            continue
        text = (site / name).read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*src=\"([^\"]+)\"", text)
        loaded += re.findall(
            r"<link[^>]*rel=\"stylesheet\"[^>]*href=\"([^\"]+)\"", text
        )
        assert not [link for link in loaded if "//" in link], name
    text = (site / "reference/compare.html").read_text(encoding="utf-8")
    for name in GROUPS["compare"]:
        assert f'id="{name.lower()}"' in text
    model = (site / "notebooks/00-the-model.html").read_text(encoding="utf-8")
    assert "<math" in model


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"></p><a href="#here"></a><a href="#there"></a>'
        '<a href="b.html#x"></a><a href="c.html"></a><img src="d.png">'
        '<a href="https://example.org/no"></a>'
    )
    (tmp_path / "b.html").write_text('<p id="x"></p>')
    assert find_broken_links(tmp_path) == [
        "a.html: #there", "a.html: c.html", "a.html: d.png",
    ]  # fmt: skip


def test_every_key_of_the_formats_is_described(tmp_path):
    write_formats(tmp_path / "formats")
    for kind in ("plan", "mapping", "profile"):
        page = (tmp_path / f"formats/{kind}.md").read_text(encoding="utf-8")
        for key in list_keys(kind):
            assert f"`[{key.table}]`" in page or not key.table
            meaning = key.meaning.replace("|", "\\|")
            assert f"| `{key.key}` | {meaning} | {key.type}" in page
