"""Equations become MathML, and prices stay prices."""

import pytest
from bs4 import BeautifulSoup

from recovery_research.reports.notebook_html import Prose, write_mathml


@pytest.mark.parametrize(
    ("source", "tex"),
    [
        ("a $x^2$ b", ["x^2"]),
        ("from $5 to $10", []),
        ("$5-$10 a piece", []),
        ("costs \\$5 and \\$6", []),
        ("`$x$` and $y$", ["y"]),
        ("$x$, $y$.", ["x", "y"]),
        ("a $ x $ b", []),
        ("$$\\frac{a}{b}$$", ["\\frac{a}{b}"]),
        ("$$\na = b\n\n+ c\n$$", ["a = b\n\n+ c"]),
        ("| a |\n|---|\n| $x_1$ |", ["x_1"]),
        ("$p_{a}$ and *b* $q_{c}$", ["p_{a}", "q_{c}"]),
        ("    code $x$", []),
        ("```\n$x$ costs $5\n```", []),
    ],
)
def test_equations_and_prices_are_told_apart(source, tex):
    soup = BeautifulSoup(Prose().write_cell(source), "html.parser")
    assert [math["alttext"] for math in soup.find_all("math")] == tex
    if not tex:
        dollars = source.replace("\\$", "$").count("$")
        assert soup.get_text().count("$") == dollars


def test_equations_are_mathml_and_what_cannot_be_read_stays_tex():
    assert "<mfrac>" in write_mathml(r"\frac{a}{b}", display=True)
    greek = "\N{GREEK SMALL LETTER ALPHA}</mi><mo>\N{LESS-THAN OR EQUAL TO}"
    assert greek in write_mathml(r"\alpha \le 1", display=False)
    for name in ("aligned", "align", "align*", "split"):
        tex = rf"\begin{{{name}}}a&=b\\c&=d\end{{{name}}}"
        assert write_mathml(tex, display=True).count("<mtr>") == 2
    assert "<mfrac>" in write_mathml(
        r"\begin{equation}\frac{a}{b}\end{equation}", display=True
    )
    for tex in (r"\frac{a", r"\nosuch{a}", r"\begin{nosuch}a\end{nosuch}"):
        assert write_mathml(tex, display=False) == f'<code class="tex">{tex}</code>'
    sly = write_mathml(r"\text{<script>x</script>}", display=False)
    assert "<script" not in sly
    assert "&lt;" in sly
