"""Nothing vanishes from a page: it is shown, or the page and run.json say what is not."""

import pytest
from bs4 import BeautifulSoup
from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from report_pages import record
from sample_notebooks import write_notebook

from recovery_research.reports import cell_displays, read_record, run_report
from recovery_research.reports.notebook_html import MOST_MARKDOWN, Prose
from recovery_research.reports.pages import compose_page

PLOTLY = "application/vnd.plotly.v1+json"
VEGALITE = "application/vnd.vegalite.v5+json"
BOKEH = "application/vnd.bokehjs_exec.v0+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SCRIPTED = "<div id='a' style='height:400px'></div><script>draw('a')</script>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="3"/></svg>'
PIXEL = "iVBORw0KGgo="
FAR = "https://example.org/x"


def shown(*cells, title="Title"):
    """Return the main part of the page, and what it says was left out."""
    notebook = new_notebook()
    notebook.cells = list(cells)
    page = compose_page(notebook, record(title=title))
    return BeautifulSoup(page.html, "html.parser").main, page.left_out


def display(data, **marks):
    # Not every bundle that kernels send is one that nbformat would make.
    output = {"output_type": "display_data", "data": data, "metadata": marks}
    cell = new_code_cell("x")
    cell.outputs = [from_dict(output)]
    return cell


# What stands in a bundle, what of it is seen, and what is said to be left out.
BUNDLES = {
    "plotly": (
        {PLOTLY: {"data": []}, "text/html": SCRIPTED, "text/plain": "Figure({})"},
        "Figure({})",
        "an interactive figure (Plotly); install plotly and kaleido",
    ),
    "altair": (
        {VEGALITE: {"mark": "bar"}, "text/plain": "alt.Chart(...)"},
        "alt.Chart(...)",
        "an interactive figure (Vega-Lite, Altair); install vl-convert-python",
    ),
    "altair by script": (
        {"text/html": "<style>#v{width:100%}</style><div id=v></div><script>x</script>",
         "text/plain": "alt.Chart(...)"},
        "alt.Chart(...)",
        "a script",
    ),
    "bokeh": (
        {BOKEH: "", "application/javascript": "x", "text/html": SCRIPTED},
        "",
        "what Bokeh draws by script; show a picture",
    ),
    "a widget": (
        {WIDGET: {"model_id": "1"}, "text/plain": "IntSlider(value=3)"},
        "IntSlider(value=3)",
        "a widget",
    ),
    "a frame": (
        {"text/html": f'<iframe src="{FAR}" width="3"></iframe>',
         "text/plain": "<IPython.lib.display.IFrame at 0x7f0>"},
        "",
        f"a frame ({FAR})",
    ),
    "a form": (
        {"text/html": f"<form action='{FAR}'>Name <input name=n><button>Send</button></form>"},
        "Name Send",
        f"a form ({FAR})",
    ),
    "a far picture": (
        {"text/html": f'<img src="{FAR}.png"/>',
         "text/plain": "<IPython.core.display.Image object>"},
        "",
        f"a picture that is not in the notebook ({FAR}.png)",
    ),
    "a sound": (
        {"text/html": "<audio controls><source src='data:audio/wav;base64,AA'>No.</audio>"},
        "",
        "a sound",
    ),
    "a script": (
        {"application/javascript": "x", "text/plain": "<IPython.core.display.Javascript object>"},
        "",
        "a script",
    ),
    "text beside a script": (
        {"text/html": "<b>12 rows</b><script>x</script>", "text/plain": "never"},
        "12 rows",
        "a script",
    ),
    "a document": (
        {"application/pdf": "JVBE", "text/plain": "a document"},
        "a document",
        "an output of the kind application/pdf",
    ),
    "a kind of its own": ({"application/x-y": {"z": 1}}, "", "an output of the kind application/x-y"),
    "no text": ({"text/html": {"z": 1}}, "", "an output of the kind text/html that is no text"),
    "a broken drawing": (
        {"image/svg+xml": "<svg", "text/plain": "a drawing"}, "a drawing", "a drawing that is not valid SVG",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BUNDLES)
def test_what_cannot_be_shown_is_told(name):
    data, seen, left_out = BUNDLES[name]
    main, told = shown(new_markdown_cell("text"), display(data))
    note = main.find(class_="left-out").extract()
    assert f"Left out: {left_out}" in note.get_text()
    main.find("pre", class_="source").extract()
    main.find("summary").extract()
    assert " ".join(main.get_text(" ").split()) == f"text {seen}".strip()
    assert told[0].cell == 2
    assert told[0].what.startswith(left_out)


@pytest.mark.parametrize("kind", [PLOTLY, VEGALITE, BOKEH, WIDGET])
@pytest.mark.parametrize("picture", ["image/png", "image/svg+xml", "image/gif"])
def test_a_picture_in_the_bundle_stands_for_what_is_interactive(kind, picture):
    content = SVG if "svg" in picture else PIXEL
    data = {kind: {}, "text/html": SCRIPTED, picture: content, "text/plain": "x"}
    main, told = shown(display(data, alt="a walk"))
    assert main.find("img")["src"].startswith(f"data:{picture};base64,")
    assert main.find("img")["alt"] == "a walk"
    assert told == []


def test_a_library_that_is_there_draws_the_picture(monkeypatch):
    program = "import json, sys; sys.stdout.write(json.load(sys.stdin)['svg'])"
    drawn = SVG.replace("<circle", "<script>x</script><circle")
    fake = cell_displays.Interactive("a chart", ("json",), program)
    monkeypatch.setattr(cell_displays, "_KINDS", ((r"application/x-chart", fake),))
    main, told = shown(display({"application/x-chart": {"svg": drawn}}))
    assert main.find("img")["src"].startswith("data:image/svg+xml;base64,")
    assert [one.what for one in told] == ["a script"]
    main, told = shown(display({"application/x-chart": {}, "text/plain": "chart"}))
    assert main.find("img") is None
    assert [one.what for one in told] == [
        "a chart; it could not be drawn: KeyError: 'svg'"
    ]


def test_a_library_that_hangs_is_waited_for_once(monkeypatch):
    fake = cell_displays.Interactive(
        "a chart", ("json",), "import time; time.sleep(60)"
    )
    monkeypatch.setattr(cell_displays, "_KINDS", ((r"application/x-chart", fake),))
    monkeypatch.setattr(cell_displays, "STILL_SECONDS", 0.2)
    _, told = shown(*[display({"application/x-chart": {}})] * 3)
    assert [one.what for one in told] == [
        "a chart; drawing it took more than 0.2 s",
        *["a chart; drawing one before it took too long"] * 2,
    ]


def test_data_and_formulas_are_shown():
    main, told = shown(
        display(
            {"application/json": {"a": [1, "<b>"]}, "text/plain": "<x.JSON object>"}
        ),
        display({"text/latex": r"$\displaystyle x^2$"}),
        display({"text/latex": r"\begin{align}a &= b\end{align}"}),
        display({"text/latex": r"so $y$ is"}),
        display({"image/gif": PIXEL}),
        display({"image/webp": PIXEL}),
        display({"text/html": "", "text/plain": ""}),
    )
    assert '"a": [' in main.get_text()
    assert '"<b>"' in main.get_text()
    assert [m["alttext"] for m in main.find_all("math")][:3:2] == [
        r"\displaystyle x^2",
        "y",
    ]
    assert len(main.find_all("math")) == 3
    assert len(main.find_all("img")) == 2
    assert told == []


def test_every_heading_is_shown_but_the_title():
    main, told = shown(
        new_markdown_cell("# Title\n\nbegin\n\n# Chapter two\n\n# Title"),
        display({"text/markdown": "# Made by code\n\n**so**"}),
        new_markdown_cell("Chapter four\n============\n\n<h1>by hand</h1>"),
    )
    said = [(h.name, h.get_text()) for h in main.find_all(["h1", "h2"])]
    assert said == [
        ("h2", "Chapter two"), ("h2", "Title"), ("h2", "Made by code"),
        ("h2", "Chapter four"), ("h1", "by hand"),
    ]  # fmt: skip
    assert told == []
    main, _ = shown(new_markdown_cell("# Another\n\nx"), title="file-name")
    assert main.h2.get_text() == "Another"
    main, _ = shown(
        new_markdown_cell("# *Does* $x$ <it> pay?\n\ny"), title="*Does* $x$ <it> pay?"
    )
    assert main.h2 is None


def test_pictures_in_texts_are_shown_or_told():
    pasted = {"my plot.png": {"image/png": PIXEL}}
    text = (
        f"![one](attachment:my%20plot.png) <img src='attachment:my plot.png' width=50> "
        f"![far]({FAR}.png) ![near](plot.png) ![lost](attachment:no.png)"
    )
    main, told = shown(new_markdown_cell(text, attachments=pasted))
    assert [img["alt"] for img in main.find_all("img")] == [
        "one", "Figure without a description",
    ]  # fmt: skip
    for words in ("far", "near", "lost"):
        assert words in main.get_text()
    assert [one.what for one in told] == [
        f"a picture that is not in the notebook ({address})"
        for address in (f"{FAR}.png", "plot.png", "attachment:no.png")
    ]


@pytest.mark.slow
def test_very_long_markdown_is_shown_as_it_was_written():
    prose = Prose()
    written = prose.write_output("word *x*\n" * (MOST_MARKDOWN // 9) + "*the end*")
    assert "<em>x</em>" in written
    assert written.endswith("*the end*</pre>")
    assert prose.write_output("*more*\n*lines*") == "<pre>*more*\n*lines*</pre>"
    notes = prose.cleaner.take_notes()
    assert len(notes) == 2
    assert all("of Markdown, shown as written" in note for note in notes)


def test_long_markdown_is_cut_where_it_may_be():
    row = "| a | b |\n"
    code = "```\n# no heading\n\n" + "x\n" * 9000 + "```\n\n"
    text = (
        f"# T\n\n{code}| c | d |\n|---|---|\n{row * 1500}\n\n## End\n\n- one\n- two\n"
    )
    soup = BeautifulSoup(Prose().write_cell(text), "html.parser")
    assert len(soup.find_all("tr")) == 1501
    assert [h.get_text() for h in soup.find_all("h2")] == ["End"]
    assert soup.pre.get_text().startswith("# no heading")
    assert len(soup.find_all("li")) == 2


def test_the_record_of_a_run_lists_what_was_left_out(tmp_path):
    code = (
        f"from IPython.display import IFrame, display\ndisplay(IFrame('{FAR}', 9, 9))"
    )
    notebook = write_notebook(
        tmp_path / "frame.ipynb", ["parameters:n = 1  # how many", code]
    )
    run = run_report(notebook, reports=tmp_path / "reports")
    assert run.succeeded
    (one,) = read_record(run.folder).left_out
    assert one.what == f"a frame ({FAR})"
    page = BeautifulSoup((run.folder / "report.html").read_text(), "html.parser")
    assert one.what in page.find(class_="left-out").get_text()
    assert one.cell == 2  # as its author counts, without papermill's own
