"""Tables and figures shown by notebooks."""

import base64
import re

import matplotlib as mpl

mpl.use("Agg")
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from recovery_research.exhibits import show_figure, show_table

DASH = "\N{EN DASH}"


def cells(html, tag="td"):
    return re.findall(rf"<{tag}(?: [^>]*)?>(.*?)</{tag}>", html)


@pytest.fixture
def axes():
    _, ax = plt.subplots()
    ax.plot([1, 2, 3], [3, 1, 2])
    yield ax
    plt.close("all")


def test_table_is_rounded_on_screen_and_exact_in_the_csv():
    frame = pd.DataFrame({"policy": ["a", "b"], "spend": [1234.5678901234567, 1 / 3]})
    shown = show_table(frame, name="spend", caption="Spend.")
    assert cells(shown.html) == ["1,235", "0.333"]
    kept = [line.split(",")[1] for line in shown.data.splitlines()[1:]]
    assert [float(text) for text in kept] == list(frame["spend"])


def test_a_column_has_common_decimals_unless_too_few_digits_were_left():
    frame = pd.DataFrame({"x": [0.12345, 0.0006], "y": [12.345, -1.0], "n": [12345, 6]})
    shown = show_table(frame, name="t", caption="c.")
    assert cells(shown.html) == ["0.123", "12.3", "12,345", "0.000600", "-1.0", "6"]


def test_formats_missing_values_and_booleans():
    frame = pd.DataFrame(
        {
            "share": [0.125, np.nan],
            "n": pd.array([3, None], dtype="Int64"),
            "kept": [True, False],
        }
    )
    shown = show_table(
        frame,
        name="t",
        caption="c.",
        formats={"share": "{:.1%}", "n": lambda v: f"#{v}"},
    )
    assert cells(shown.html, "th") == ["share", "n", "kept"]
    assert cells(shown.html) == ["12.5%", "#3", "yes", DASH, DASH, "no"]


def test_text_is_escaped_and_numbers_stand_right():
    frame = pd.DataFrame({"who": ["<script>x</script>"], "n_customers": [7]})
    html = show_table(frame, name="t", caption='<b>"x"</b>').html
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    assert '<td style="text-align:right">7</td>' in html
    assert '<th scope="row" style="text-align:left">' in html
    assert ">n customers</th>" in html


def test_index_is_shown_and_kept_only_if_asked():
    frame = pd.DataFrame({"x": [1]}, index=pd.Index(["row"], name="key"))
    assert show_table(frame, name="t", caption="c.").data == "x\n1\n"
    shown = show_table(frame, name="t", caption="c.", index=True)
    assert shown.data == "key,x\nrow,1\n"
    assert cells(shown.html, "th") == ["key", "x", "row"]


def test_long_table_is_cut_on_screen_only():
    frame = pd.DataFrame({"x": range(1203)})
    shown = show_table(frame, name="long", caption="Long.")
    assert len(cells(shown.html)) == 200
    assert "1,003 more rows are in tables/long.csv" in shown.html
    assert shown.data.count("\n") == 1204


@pytest.mark.parametrize(
    "name", ["", "../x", "A", "a b", "a--b", "-a", "a/b", "a.csv", 3, "é", "a\n"]
)
def test_names_that_are_no_file_names_are_refused(name):
    with pytest.raises(ValueError, match="a name is in lower-case"):
        show_table(pd.DataFrame({"x": [1]}), name=name, caption="c.")


def test_unusable_tables_are_refused():
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(ValueError, match="caption is empty"):
        show_table(frame, name="t", caption=" ")
    with pytest.raises(TypeError, match="needs a DataFrame"):
        show_table([1, 2], name="t", caption="c.")
    with pytest.raises(TypeError, match="needs a DataFrame"):
        show_table(frame["x"], name="t", caption="c.")
    with pytest.raises(ValueError, match=r"formats for \['y'\]"):
        show_table(frame, name="t", caption="c.", formats={"y": "{}"})
    with pytest.raises(ValueError, match="one layer of different"):
        show_table(pd.concat([frame, frame], axis=1), name="t", caption="c.")
    with pytest.raises(ValueError, match="summarise it first"):
        show_table(pd.DataFrame({"x": range(1_000_001)}), name="t", caption="c.")


def test_figure_carries_alt_text_caption_and_svg(axes):
    shown = show_figure(axes, name="walk", caption="A <walk>.", alt='Says "up" & down')
    assert 'alt="Says &quot;up&quot; &amp; down"' in shown.html
    assert "<figcaption>A &lt;walk&gt;.</figcaption>" in shown.html
    inside = re.search(r"base64,([^\"]+)", shown.html)[1]
    assert base64.b64decode(inside).decode() == shown.data
    data, marks = shown._repr_mimebundle_()
    assert data["image/svg+xml"] == shown.data
    assert marks["recovery_research"]["alt"] == 'Says "up" & down'
    assert not plt.get_fignums(), "a figure left open is drawn twice"


def test_equal_figures_are_equal_files(axes):
    first = show_figure(axes, name="walk", caption="c.", alt="a")
    _, again = plt.subplots()
    again.plot([1, 2, 3], [3, 1, 2])
    second = show_figure(again.figure, name="walk", caption="c.", alt="a")
    assert first.data == second.data
    assert "<dc:date>" not in first.data


def test_figure_without_description_is_refused(axes):
    with pytest.raises(ValueError, match="alt is empty"):
        show_figure(axes, name="walk", caption="c.", alt="")
    with pytest.raises(TypeError, match="Figure or Axes"):
        show_figure([axes], name="walk", caption="c.", alt="a")
