"""Equations as MathML, which browsers draw without fonts or scripts from outside."""

from __future__ import annotations

import re
from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import Converter

_ENVIRONMENT = re.compile(r"\\(?P<end>begin|end)\{(?P<name>[^}]*)\}")
_DROPPED = frozenset(["equation", "equation*", "displaymath", "math"])
_RENAMED = {"aligned": "align*", "align": "align*", "gathered": "matrix"}
_RENAMED |= {"gather": "matrix", "gather*": "matrix"}
_KNOWN = frozenset(
    [
        "align*",
        "split",
        "cases",
        "array",
        "matrix",
        "matrix*",
        "smallmatrix",
        "pmatrix",
        "bmatrix",
        "Bmatrix",
        "vmatrix",
        "Vmatrix",
    ]
)
# The converter is lenient: `\frac{a` becomes a fraction without a denominator.
_N_CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "mroot": 2}
_N_CHILDREN |= {"msubsup": 3, "munderover": 3}


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
    tex = _ENVIRONMENT.sub(_replace_environment, tex)
    converter = Converter(xmlns="", display="block" if display else "inline")
    element = converter.convert_to_element(tex.strip())
    del element.attrib["xmlns"]
    # The converter writes characters as entities and later unescapes the whole
    # text, by which `\text{<script>}` would become a tag. Unescape each piece here
    # and let the serialiser escape it again.
    for node in element.iter():
        node.text = unescape(node.text) if node.text else node.text
        if len(node) != _N_CHILDREN.get(node.tag, len(node)):
            raise ValueError(f"{node.tag} has {len(node)} parts")
        if node.text and re.match(r"\\[A-Za-z]", node.text):
            raise ValueError(f"{node.text} is not known")
        for key, value in node.attrib.items():
            node.set(key, unescape(value))
    return element


def _replace_environment(match: re.Match) -> str:
    """Write an environment under the name by which the converter knows it.

    Of one that it does not know it would show the contents as a jumble.
    """
    name = match["name"]
    if name in _DROPPED:
        return ""
    if name not in _KNOWN and name not in _RENAMED:
        raise ValueError(f"the environment {name} is not known")
    return f"\\{match['end']}{{{_RENAMED.get(name, name)}}}"
