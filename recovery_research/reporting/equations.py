"""Equations as MathML, which browsers draw without fonts or scripts from outside."""

from __future__ import annotations

from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import Converter


def write_mathml(tex: str, *, display: bool) -> str:
    """Write an equation as MathML; as code if it cannot be read.

    Parameters
    ----------
    tex : str
        Equation in TeX, without dollar signs.
    display : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        HTML in which everything from `tex` is escaped.

    Examples
    --------
    >>> "<msup><mi>x</mi><mn>2</mn></msup>" in write_mathml("x^2", display=False)
    True
    """
    try:
        element = _convert(tex, display)
    except Exception:  # the converter raises many kinds; the reader gets the TeX
        return f'<code class="tex">{escape(tex)}</code>'
    element.set("alttext", tex.strip())
    html = tostring(element, encoding="unicode")
    if not display:
        return html
    return f'<div class="equation" tabindex="0">{html}</div>'


def _convert(tex: str, display: bool) -> Element:
    converter = Converter(xmlns="", display="block" if display else "inline")
    element = converter.convert_to_element(tex.strip())
    del element.attrib["xmlns"]
    # The converter writes characters as entities and later unescapes the whole
    # text, by which `\text{<script>}` would become a tag. Unescape each piece here
    # and let the serialiser escape it again.
    for node in element.iter():
        node.text = unescape(node.text) if node.text else node.text
        for key, value in node.attrib.items():
            node.set(key, unescape(value))
    return element
