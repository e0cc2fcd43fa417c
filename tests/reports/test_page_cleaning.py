"""Cleaning cannot be got round: nothing runs, reaches out, leaves, hides or covers."""

import io
import re
import xml.etree.ElementTree as ET
from base64 import b64decode, b64encode
from urllib.parse import quote

import pytest
from browser import chromium, opened
from bs4 import BeautifulSoup
from hostile_pages import (
    BROKEN_DRAWINGS,
    CLASSICS,
    DRAWINGS,
    FRAGMENTS,
    OUT,
    find_dangers,
)
from hypothesis import given, settings
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from report_pages import html_output, page_of
from report_pages import record as record_of

from recovery_research.reports.allowed_html import SheetCleaner
from recovery_research.reports.artifacts import find_exhibits, write_exhibits
from recovery_research.reports.drawings import DrawingError, clean_svg
from recovery_research.reports.html_cleaning import (
    Cleaner,
    clean_html,
    read_markup,
    strip_tags,
)
from recovery_research.reports.notebook_html import write_mathml
from recovery_research.reports.pages import compose_page

AFTER = "the end is still there"


def take_apart(cleaned):
    """Return the confined style sheet of a cleaned piece, and the rest."""
    found = re.fullmatch(
        r'<div id="part-1"><style>([^<]*)</style>(.*)</div>', cleaned, re.S
    )
    return found.groups() if found else ("", cleaned)


def check_clean(fragment):
    cleaned = clean_html(fragment)
    assert find_dangers(cleaned) == [], cleaned
    css, body = take_apart(cleaned)
    assert clean_html(body) == body
    assert SheetCleaner("#part-1").clean(css) == css
    # What stands behind it is neither swallowed nor drawn into it.
    whole = f"<main><section>{cleaned}</section><p id=after>{AFTER}</p></main>"
    assert strip_tags(whole).endswith(AFTER)
    ends = [part for part in read_markup(whole) if not isinstance(part, str)]
    assert [tag.name for tag in ends[-4:]] == ["section", "p", "p", "main"]


@pytest.mark.parametrize("number", range(len(CLASSICS)))
def test_known_ways_round_are_closed(number):
    check_clean(CLASSICS[number])
    check_clean(f"<table><td>{CLASSICS[number]}</td></table>")
    check_clean(f"<svg><g>{CLASSICS[number]}</g></svg>")


@settings(max_examples=120)
@given(fragment=FRAGMENTS)
def test_no_fragment_gets_round(fragment):
    check_clean(fragment)


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<plaintext><b>bold", "<pre><b>bold</b></pre>"),
        ("<!-- <b>bold", "&lt;!-- <b>bold</b>"),
        ("<textarea>a <b></textarea>c", "<pre>a &lt;b&gt;</pre>c"),
        ("<body style='display:none'>x", "x"),
        ("<p hidden style='display:none;color:red'>x", '<p style="color:red">x</p>'),
        ("<style>p{color:red}", "p{color:red}"),
        ("<noscript>for all</noscript>", "for all"),
        ("a < b <= c & d", "a &lt; b &lt;= c &amp; d"),
        ("<p>1<p>2", "<p>1</p><p>2</p>"),
        ("<td>loose", "loose"),
        ("<header>x</header>", "<div>x</div>"),
        ("<a href='#x'>a<a href='#y'>b", '<a href="#x">ab</a>'),
        ("<img src='https://a.b/c.png' alt='the plot'>", "<span>the plot</span>"),
    ],
)
def test_what_others_would_hide_or_swallow_is_shown(html, shown):
    assert clean_html(html) == shown


# What pandas, matplotlib, xarray and people make, and the page is to show as it is.
WHOLE = [
    '<table class="dataframe" border="1"><thead><tr style="text-align:right"><th></th>'
    '<th id="T_1_level0_col0" class="col_heading level0 col0">a</th></tr></thead>'
    '<tbody><tr><th scope="row">0</th><td rowspan="2" class="data row0">1</td></tr>'
    "</tbody></table>",
    '<svg height="9" width="9" viewBox="0 0 9 9"><defs><clipPath id="p1"><rect '
    'width="9"></rect></clipPath><linearGradient id="g"><stop offset="0"></stop>'
    '</linearGradient></defs><g clip-path="url(#p1)" style="fill:none;stroke:#1f77b4">'
    '<path d="M 0 0 L 9 9"></path></g><use xlink:href="#m1" x="3"></use><text '
    'text-anchor="middle" style="font-size:10px">label</text></svg>',
    '<div role="group" tabindex="0" aria-label="x" class="exhibit-scroll" '
    'style="overflow-x:auto"><p>a</p></div>',
    '<details open=""><summary>more</summary>text</details>',
    '<progress value="5" max="10">5</progress><sup>2</sup><kbd>x</kbd><br><hr>',
    '<a href="https://example.org/?a=1&amp;b=2" rel="noreferrer">there</a>',
    '<font color="red">old</font><center>times</center><ol start="3"><li>x</li></ol>',
    '<div style="width:200px;margin:0 auto;padding:4px;border:1px solid rgb(1, 2, 3);'
    'background:linear-gradient(90deg, #d65f5f 50%, transparent 50%)">bar</div>',
]  # fmt: skip


def attributes_in_order(html):
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(True):
        tag.attrs = dict(sorted(tag.attrs.items()))
        if "style" in tag.attrs:
            tag["style"] = re.sub(r"\s*([:;,])\s*", r"\1", tag["style"])
    return str(soup)


@pytest.mark.parametrize("html", WHOLE)
def test_what_a_report_needs_is_kept(html):
    cleaner = Cleaner()
    assert attributes_in_order(cleaner.clean(html)) == attributes_in_order(html)
    assert cleaner.take_notes() == []


@pytest.mark.parametrize(
    "tex",
    [r"\frac{a}{b}", r"\begin{cases}a & b\\c & d\end{cases}", r"\sqrt{x}\hat{x}\mathbb{R}",
     r"\left(\sum_{i=1}^n x_i\right)", r"a < b \text{ if } c > \underbrace{d}_{e}",
     r"\begin{align}a&=b\\c&=d\end{align}", r"\boldsymbol{x}\overline{ab}\color{red}{z}"],
)  # fmt: skip
def test_equations_are_kept(tex):
    written = write_mathml(tex, display=True)
    kept = clean_html(written)
    assert attributes_in_order(kept) == attributes_in_order(written)


def test_a_style_sheet_reaches_no_further_than_its_output():
    cleaner = Cleaner()
    css = (
        "#T_1 td, th:hover { color: red; position: fixed; width: calc(1px + 2em) } "
        ":root { --x: 3px } ~ p, + p, > p, & p, p:has(&) { color: red } "
        "@media print { td { font-weight: bold; visibility: hidden } } "
        "td { opacity: 0.01; display: none; margin: -9px; margin-top: var(--x) }"
    )
    first = cleaner.clean(f"<style scoped>{css}</style><table id=T_1></table>")
    assert first == (
        '<div id="part-1"><style>'
        "#part-1 #T_1 td, #part-1 th:hover { color: red; width: calc(1px + 2em) }\n"
        "#part-1 { --x: 3px }\n"
        "@media print {\n#part-1 td { font-weight: bold }\n}"
        '</style><table id="T_1"></table></div>'
    )
    assert cleaner.clean("<style>p{color:red}</style>x").startswith('<div id="part-2">')


def test_what_is_left_out_is_told_once():
    cleaner = Cleaner()
    cleaner.clean(
        f"<iframe src='{OUT}'></iframe><script>x</script><input><input>"
        f"<img src='{OUT}'><video><source src='v.mp4'></video><link rel=stylesheet "
        f"href='{OUT}'>{'<i>' * 300}<form action='javascript:x'></form>"
    )
    assert cleaner.take_notes() == [
        f"a frame ({OUT})",
        "a script",
        "an input field (2 times)",
        f"a picture that is not in the notebook ({OUT})",
        "a film (v.mp4)",
        f"a style from another address ({OUT})",
        "tags that are nested more than 200 deep",
        "a form",
    ]
    assert cleaner.take_notes() == []
    cleaner.clean("".join(f"<iframe src='http://a/{n}'></iframe>" for n in range(20)))
    notes = cleaner.take_notes()
    assert len(notes) == 9
    assert notes[-1] == "12 more things"


# ------------------------------------------------------------------- drawings


@pytest.mark.parametrize("number", range(len(DRAWINGS)))
def test_drawings_lose_what_could_run(number):
    notes = []
    cleaned = clean_svg(DRAWINGS[number], notes)
    assert not re.search(r"script|\bon\w+=|127\.0|animate|<set|iframe|<\?", cleaned)
    assert ET.fromstring(cleaned).tag == "{http://www.w3.org/2000/svg}svg"
    assert ("circle" in cleaned) == ("circle r=" in DRAWINGS[number])
    assert clean_svg(cleaned, again := []) == cleaned
    assert again == []


@pytest.mark.parametrize("number", range(len(BROKEN_DRAWINGS)))
def test_what_is_no_drawing_is_refused(number):
    with pytest.raises(DrawingError):
        clean_svg(BROKEN_DRAWINGS[number], [])


def test_drawings_of_matplotlib_stay_as_they_are():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.plot([1, 2], [3, 4], label="a & <b>", alpha=0.5)
    axes.fill_between([1, 2], [1, 2], hatch="/")
    axes.imshow([[1, 2], [3, 4]])
    axes.legend(title="$x^2$")
    svg = io.StringIO()
    axes.figure.savefig(svg, format="svg")
    notes = []
    assert clean_svg(svg.getvalue(), notes) == svg.getvalue()
    assert notes == []


def figure_output(svg):
    marks = {"recovery_research": {"kind": "figure", "name": "x", "alt": "a walk"}}
    data = {"image/svg+xml": svg, "text/plain": "x"}
    return new_output("display_data", data, metadata=marks)


def test_files_of_figures_hold_no_script(tmp_path):
    notebook = new_notebook(
        cells=[
            new_code_cell(
                "x", outputs=[figure_output(svg)], metadata={}
            ) for svg in (DRAWINGS[0], BROKEN_DRAWINGS[-2])
        ]
    )  # fmt: skip
    for number, cell in enumerate(notebook.cells):
        cell.outputs[0].metadata["recovery_research"]["name"] = f"x{number}"
    records = write_exhibits(find_exhibits(notebook), tmp_path)
    assert [record.file for record in records] == ["figures/x0.svg", "figures/x1.svg"]
    texts = [(tmp_path / record.file).read_text() for record in records]
    assert "<circle" in texts[0]
    assert "was not valid SVG" in texts[1]
    assert not any("script" in text for text in texts)
    page = compose_page(notebook, record_of())
    assert [(one.cell, one.what) for one in page.left_out] == [
        (1, "a script, in figures/x0.svg"),
        (2, "a drawing that is not valid SVG, in figures/x1.svg"),
    ]


def test_drawings_within_html_are_cleaned_too():
    for head in ("data:image/svg+xml;base64,", "data:image/svg+xml;charset=utf-8,"):
        raw = DRAWINGS[0]
        text = b64encode(raw.encode()).decode() if "base64" in head else quote(raw)
        kept = BeautifulSoup(clean_html(f'<img src="{head}{text}">'), "html.parser").img
        svg = b64decode(kept["src"].partition(",")[2]).decode()
        assert "circle" in svg
        assert "script" not in svg
    assert (
        clean_html('<img src="data:image/svg+xml;base64,!" alt="x">')
        == "<span>x</span>"
    )


# ------------------------------------------------------------- a real browser

PROBE = """
() => [...document.querySelectorAll('.after')].filter(p => {
    p.scrollIntoView({block: 'center', behavior: 'instant'});
    const box = p.getBoundingClientRect();
    const there = document.elementFromPoint(box.x + 5, box.y + box.height / 2);
    return !(p.checkVisibility({opacityProperty: true, visibilityProperty: true})
             && box.width > 100 && box.height > 10 && (there === p || p.contains(there)));
}).map(p => p.id)
"""


def crowded_page(fragments):
    """A page on which each fragment stands in a cell, in an output, and in a text."""
    cells = []
    for number, fragment in enumerate(fragments):
        cells.append(new_markdown_cell(f"<div>{fragment}</div>"))
        cells.append(new_code_cell("x", outputs=[html_output(fragment)]))
        after = f'<p class="after" id="after-{number}">{AFTER} {number}</p>'
        cells.append(new_markdown_cell(after))
    return page_of(*cells)


@pytest.mark.slow
def test_in_a_browser_nothing_runs_hides_covers_leaves_or_asks(tmp_path):
    """Without the page's policy, so that the cleaning stands alone."""
    html = crowded_page(CLASSICS)
    policy = re.search(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", html)[0]
    path = tmp_path / "page.html"
    path.write_text(html.replace(policy, ""), encoding="utf-8")
    with chromium() as browser:
        for wide in (True, False):
            with opened(browser, path, wide=wide) as page:
                assert page.asked == [path.as_uri()]
                assert page.said == []
                assert page.url == path.as_uri()
                assert page.locator(".after").count() == len(CLASSICS)
                assert page.evaluate(PROBE) == []
                ran = "document.documentElement.hasAttribute('data-ran')"
                assert page.evaluate(ran) is False
                assert page.locator("main script, main iframe, main form").count() == 0


@pytest.mark.slow
def test_the_policy_refuses_nothing_of_a_clean_page(tmp_path):
    """A violation would be told in the console."""
    path = tmp_path / "page.html"
    path.write_text(crowded_page([*WHOLE, *CLASSICS]), encoding="utf-8")
    with chromium() as browser, opened(browser, path) as page:
        assert page.said == []
        assert page.asked == [path.as_uri()]
        assert page.evaluate(PROBE) == []


@pytest.mark.slow
def test_the_probe_sees_what_it_should(tmp_path, monkeypatch):
    """The same page, not cleaned, fails every one of the checks."""
    monkeypatch.setattr(Cleaner, "clean", lambda self, html, pictures=None: html)
    some = [CLASSICS[18], "<div style='position:fixed;inset:0;background:red'>x</div>"]
    html = crowded_page(some)
    policy = re.search(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", html)[0]
    path = tmp_path / "page.html"
    path.write_text(html.replace(policy, ""), encoding="utf-8")
    with chromium() as browser, opened(browser, path) as page:
        assert page.evaluate(PROBE) != []
        assert page.evaluate("document.documentElement.hasAttribute('data-ran')")
