"""Words of a file in figures: drawn by a font that has them, or numbered and told."""

import warnings

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.text import Text

from recovery_research import fonts
from recovery_research.exhibits import show_figure
from recovery_research.plots import simulated

OTHERS = ["没有回答", "คืนเงิน", "हिन्दी में", "ᏣᎳᎩ 😀 ok"]


@pytest.fixture(params=["with other fonts", "with those of matplotlib alone"])
def installed(request, monkeypatch):
    if request.param != "with other fonts":
        monkeypatch.setattr(
            fonts, "list_families", lambda: {"DejaVu Sans", "STIXGeneral"}
        )


def draw(names, hue=None):
    table = pd.DataFrame({"row": names, "estimate": 1.0, "ci_low": 0.0, "ci_high": 2.0})
    if hue is not None:
        table["view"] = hue
    return simulated.plot_intervals(
        table, label="row", xlabel="x", hue="view" if hue else None
    )


def texts(figure):
    return [each.get_text() for each in figure.findobj(Text) if each.get_text()]


def show(ax):
    """Return the figure as shown, all warnings being errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return show_figure(ax, name="x", caption="Drawn.", alt="Dots.")


@pytest.mark.usefixtures("installed")
def test_every_word_is_drawn_or_told_and_no_warning_is_left():
    ax = draw([*OTHERS, "plain"], hue=["a", "b", "ראשון", "度", "e"])
    ax.set_title("标题 of two\nlines")
    ax.annotate("注", (0, 0))
    shown = show(ax)
    figure = ax.figure
    left = [text for text in texts(figure) if text.startswith("[")]
    for name in OTHERS:
        # As it was written, on the figure or beside its number under it.
        drawn = name in texts(figure)
        assert drawn or any(word in shown.caption for word in name.split())
    assert bool(left) == ("no font" in shown.caption)
    for text in figure.findobj(Text):
        assert not fonts.find_missing(text.get_text(), fonts.list_fonts(text))


def test_where_there_is_no_font_numbers_stand_and_are_explained(monkeypatch):
    monkeypatch.setattr(fonts, "list_families", lambda: {"DejaVu Sans"})
    ax = draw(["คืนเงิน", "left, คืนเงิน (less is better)", "ร้าน ที่ & x", "$5 to $6"])
    shown = show(ax)
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert labels == ["[1]", "left, [1] (less is better)", "[2] & x", r"\$5 to \$6"]
    assert shown.caption == (
        "Drawn. Numbers stand for words of which this computer has no font: "
        "[1] คืนเงิน, [2] ร้าน ที่."
    )
    assert "[2] ร้าน ที่." in shown.html
    ticks = [each.get_text() for each in ax.get_xticklabels()]
    assert "0.5" in " ".join(ticks)  # numbers stay as they were


def test_a_font_is_found_among_those_that_are_there():
    # What matplotlib brings: the letters of cmr10 are few, DejaVu has Cyrillic.
    with rc_context({"font.family": ["cmr10"], "axes.formatter.use_mathtext": True}):
        ax = draw(["Привет", "plain"])
        shown = show(ax)
    first, second = (each.get_fontfamily() for each in ax.get_yticklabels())
    assert "cmr10" in first
    assert len(first) == 2
    assert second == ["cmr10"]
    assert shown.caption == "Drawn."


def test_regional_letters_are_those_of_their_region():
    families = ["Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "A Sans"]
    for text, best in (("返金なし", "JP"), ("환불", "KR"), ("退款", "SC")):
        fittest = min(families, key=lambda f: fonts.rank(f, frozenset(text)))
        assert fittest.endswith(best)


def test_figures_of_plain_words_are_as_before(monkeypatch):
    monkeypatch.setattr(fonts, "choose_families", lambda _: 1 / 0)
    ax = draw(["plain", "größer \N{MINUS SIGN} 5 €"])
    assert show(ax).caption == "Drawn."
    assert ax.get_yticklabels()[0].get_fontfamily() == plt.rcParams["font.family"]


@pytest.mark.parametrize("name", ["$5 to $6", "$x$", r"\$a$", "_hidden", "a_b*`<|"])
def test_marks_in_names_are_drawn_as_they_are(name):
    ax = draw([name, "other"], hue=[name, "other"])
    show(ax)
    for text in [*ax.get_yticklabels()[:1], *ax.get_legend().get_texts()[:1]]:
        # What matplotlib makes of a text just before it draws it.
        drawn, is_math = text._preprocess_math(text.get_text())
        assert (drawn.strip(), is_math) == (name, False)
    assert len(ax.get_legend().get_texts()) == 2
