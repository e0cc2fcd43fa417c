"""The page of a report: self-contained, readable, and nothing in it runs."""

import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from bs4 import BeautifulSoup
from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from report_pages import html_output, page_of, soup_of

from recovery_research.reports.cell_displays import NO_DESCRIPTION
from recovery_research.reports.formatting import format_moment, format_seconds
from recovery_research.reports.html_cleaning import Cleaner, clean_html
from recovery_research.reports.records import FailureRecord

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
RUNS = "document.documentElement.setAttribute('data-ran', 'yes')"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9aw"
    "AAAABJRU5ErkJggg=="
)
HOSTILE = [
    f"<script>{RUNS}</script>",
    f'<img src="x" onerror="{RUNS}">',
    f'<img src="http://127.0.0.1:9/x.png" alt="outside" onerror="{RUNS}">',
    f'<svg onload="{RUNS}"><script>{RUNS}</script></svg>',
    f'<iframe srcdoc="<script>parent.{RUNS}</script>"></iframe>',
    f'<body onload="{RUNS}">',
    f'<details open ontoggle="{RUNS}"><summary>x</summary></details>',
    f'<style onload="{RUNS}">@import url(http://127.0.0.1:9/x.css);</style>',
    f'<input autofocus onfocus="{RUNS}">',
    '<meta http-equiv="refresh" content="0;url=data:text/html,gone">',
    '<base href="http://127.0.0.1:9/">',
    f'<link rel="stylesheet" href="http://127.0.0.1:9/x.css" onerror="{RUNS}">',
    f'<object data="data:text/html,<script>{RUNS}</script>"></object>',
    f'<a href="javascript:{RUNS}">press</a>',
    '<div style="background:url(http://127.0.0.1:9/x.png)">x</div>',
    f"</div></main></body><script>{RUNS}</script>",
]
# What pandas' Styler makes of a cell that holds markup: it does not escape.
STYLER = (
    '<style type="text/css">#T_1 td {color: red}</style><table id="T_1"><tr>'
    f'<td><img src=x onerror="{RUNS}"></td></tr></table>'
)


def hostile_page():
    outputs = [html_output(html) for html in [*HOSTILE, STYLER]]
    outputs += [new_output("display_data", {"text/markdown": html}) for html in HOSTILE]
    outputs += [new_output("stream", name="stdout", text=html) for html in HOSTILE]
    outputs.append(new_output("display_data", {"application/javascript": RUNS}))
    outputs.append(
        new_output("display_data", {"image/svg+xml": f"<svg onload='{RUNS}'/>"})
    )
    cells = [new_markdown_cell(html) for html in HOSTILE]
    cells.append(new_markdown_cell(f"$\\text{{{HOSTILE[1]}}}$ and $${HOSTILE[0]}$$"))
    cells.append(new_code_cell(HOSTILE[0], outputs=outputs))
    cells.append(new_markdown_cell("## The end is still there"))
    return page_of(*cells, title=HOSTILE[0], seed=None)


# ------------------------------------------------------------- nothing can run


def test_policy_forbids_scripts_and_addresses():
    policy = soup_of().find("meta", {"http-equiv": "Content-Security-Policy"})
    rules = policy["content"]
    assert "default-src 'none'" in rules
    assert "img-src data:" in rules
    assert "script-src" not in rules
    assert "form-action 'none'" in rules
    assert "base-uri 'none'" in rules


def test_nothing_of_the_page_is_fetched_from_elsewhere():
    soup = BeautifulSoup(hostile_page(), "html.parser")
    for tag in soup.find_all(True):
        for name, value in tag.attrs.items():
            if name in ("src", "srcset", "data", "poster", "background", "action"):
                assert value.startswith("data:image/"), (tag.name, name, value)
            assert not name.startswith("on"), (tag.name, name)
            if name == "style":
                assert "url(" not in value
    assert not soup.find_all(["script", "iframe", "object", "link", "base", "form"])
    assert len(soup.find_all("meta", {"http-equiv": True})) == 1
    styles = "".join(tag.get_text() for tag in soup.find_all("style"))
    assert "http" not in styles
    assert "url(" not in styles
    assert soup.find(id="the-end-is-still-there").find_parent("main") is not None


def test_cleaning_keeps_what_a_report_needs():
    kept = (
        '<table style="color:red"><tbody><tr><th scope="row">a</th><td colspan="2">b</td>'
        '</tr></tbody></table><img alt="x" src="data:image/png;base64,AA=="><sup>2</sup>'
        '<a href="https://example.org/">there</a>'
    )
    assert clean_html(kept) == kept
    assert clean_html('<img src="data:text/html;base64,AA==">') == ""
    assert clean_html('<a href=" javascript:x">y</a>') == "<a>y</a>"
    assert clean_html("<!-- a --><b>x") == "<b>x</b>"
    assert clean_html("</div></main>x") == "x"


def look(html, tmp_path):
    """Return the page's document as Chromium has it after loading."""
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    flags += "--disable-background-networking --disable-component-update --disable-sync"
    command = [CHROMIUM, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=3000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "</html>" in done.stdout, done.stderr
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_nothing_runs_in_a_real_browser(tmp_path, monkeypatch):
    """The policy alone stops everything, and so does the cleaning alone."""
    both = hostile_page()
    policy = re.search(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", both)[0]
    cleaned_only = both.replace(policy, "")
    monkeypatch.setattr(Cleaner, "clean", lambda self, html, pictures=None: html)
    neither = hostile_page().replace(policy, "")
    refresh = re.escape(HOSTILE[9])
    policy_only = re.sub(refresh, "", hostile_page())
    assert 'data-ran="yes"' not in look(both, tmp_path)
    assert 'data-ran="yes"' not in look(cleaned_only, tmp_path)
    assert 'data-ran="yes"' not in look(policy_only, tmp_path)
    control = look(re.sub(refresh, "", neither), tmp_path)
    assert 'data-ran="yes"' in control, "the control must run, or nothing is shown"


# -------------------------------------------------------- figures, tables, code


def test_figures_keep_their_description():
    marks = {"recovery_research": {"kind": "figure", "name": "x", "alt": 'up & "on"'}}
    svg = from_dict(
        {
            "output_type": "display_data",
            "data": {"image/svg+xml": "<svg/>"},
            "metadata": marks,
        }
    )
    png = new_output("display_data", {"image/png": PIXEL})
    own = html_output(f'<figure><img alt="walk" src="data:image/png;base64,{PIXEL}">')
    soup = soup_of(new_code_cell("x", outputs=[svg, png, own]))
    assert [image["alt"] for image in soup.find_all("img")] == [
        'up & "on"',
        NO_DESCRIPTION,
        "walk",
    ]


def test_code_is_hidden_and_one_click_away():
    soup = soup_of(
        new_code_cell("import numpy"),
        new_code_cell("n = 1", outputs=[html_output("<b>seen</b>")]),
        new_code_cell("1 / 0", outputs=[]),
    )
    switches = soup.find_all("details", class_="code")
    assert len(switches) == 2, "code that shows nothing joins the code behind it"
    assert not any(switch.has_attr("open") for switch in switches)
    first = switches[0].find_next_sibling("pre")
    assert first.get_text() == "import numpy\n\nn = 1\n"
    style = soup.style.get_text()
    assert ".cell > .source { display: none" in style
    shown = "body:has(#show-code:checked) .columns .cell > .source { display: block"
    assert f".cell > .code[open] + .source, {shown}" in style
    switch = soup.find(id="show-code")
    assert switch["type"] == "checkbox"
    assert switch.find_parent("header") is not None


@pytest.mark.parametrize(
    "place",
    [
        "/tmp/ipykernel_7/1.py:3",
        "/home/a b/c:d/x.py:207",
        "C:\\Users\\x\\y.py:1",
        "\\\\n\\y.py:2",
    ],
)
def test_a_warning_tells_no_place_on_the_computer(place):
    text = f"before\n{place}: UserWarning: low: 3\n  warn()\nsee /a/b.py:3: it is there"
    shown = soup_of(
        new_code_cell("x", outputs=[new_output("stream", name="stderr", text=text)])
    ).find("details", class_="messages")
    assert shown.get_text() == (
        "Messagesbefore\nUserWarning: low: 3\n  warn()\nsee /a/b.py:3: it is there"
    )


def test_outputs_of_every_kind_are_shown():
    outputs = [
        new_output("stream", name="stdout", text="said <so>"),
        new_output("stream", name="stderr", text="warned"),
        new_output("display_data", {"text/markdown": "**bold** <i>x</i>"}),
        new_output("display_data", {"text/latex": "$x^2$"}),
        new_output("display_data", {"text/plain": "plain <p>"}),
        new_output(
            "error", ename="E", evalue="v", traceback=["\x1b[31mred\x1b[0m <e>"]
        ),
    ]
    soup = soup_of(new_code_cell("x", outputs=outputs))
    text = soup.main.get_text()
    for said in ("said <so>", "bold <i>x</i>", "plain <p>", "red <e>"):
        assert said in text
    assert soup.find("details", class_="messages").get_text() == "Messageswarned"
    assert soup.main.strong.get_text() == "bold"
    assert soup.main.math["alttext"] == "x^2"
    assert "\x1b" not in str(soup)


# ------------------------------------------------------------------- the head


def test_head_tells_title_parameters_and_origin():
    soup = soup_of()
    assert soup.title.get_text() == "Does <it> pay?"
    assert soup.h1.get_text() == "Does <it> pay?"
    rows = soup.find(class_="parameters").find_all("tr")[1:]
    cells = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in rows]
    assert cells == [
        ["toolswhich <b>tools</b>", "<saw>", "hammer", "command line"],
        ["n", "5", "same", "default"],
    ]
    assert rows[0]["class"] == ["changed"]
    byline = " ".join(soup.find(class_="byline").get_text(" ").split())
    assert byline == (
        "3 November 2026, 07:05 UTC profile quick seed 42 "
        "commit 0123456789 with changes 2 min 5 s"
    )
    made = soup.find(class_="provenance").get_text()
    assert "ab" * 32 in made
    assert "cd" * 32 in made
    assert "numpy 2.4.0" in made
    assert soup.find(class_="failure") is None


def test_failure_stands_at_the_top_and_is_escaped():
    failure = FailureRecord(
        message="<b>no</b>", cell=2, source="x", traceback="Trace <back>"
    )
    cells = [new_markdown_cell("## A"), new_code_cell("1 / 0"), new_code_cell("2")]
    soup = soup_of(*cells, verdict="cell failed", failure=failure)
    banner = soup.header.find(class_="failure")
    assert "not complete: cell failed" in banner.get_text()
    assert "<b>no</b>" in banner.get_text()
    assert "Trace <back>" in banner.get_text()
    (cell,) = soup.find_all(class_="failed")
    assert cell.find("pre").get_text() == "1 / 0\n"


def test_contents_lead_to_every_heading():
    soup = soup_of(
        new_markdown_cell("# Title\n\n## One $x$\n\n### Two"),
        new_markdown_cell("## One $x$\n\n#### Deep\n\n## <i>Drei</i> & vier"),
        title="Title",
    )
    links = soup.nav.find_all("a")
    assert [link.get_text() for link in links] == [
        "One x",
        "Two",
        "One x",
        "Drei & vier",
    ]
    for link in links:
        assert soup.find(id=link["href"].removeprefix("#")) is not None
    assert len({link["href"] for link in links}) == 4
    assert len(soup.find_all("h1")) == 1


def test_times_are_written_the_same_everywhere():
    assert format_moment(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == (
        "2 January 2026, 03:04 UTC"
    )
    assert [format_seconds(s) for s in (None, 8.26, 59.97, 125.4)] == [
        "",
        "8.3 s",
        "1 min 0 s",
        "2 min 5 s",
    ]
