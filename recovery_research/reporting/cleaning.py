"""HTML from notebooks without anything that could run or reach out.

The page's content security policy already forbids scripts and addresses. This takes
them out as well, so that neither depends on the other, and closes what an output
left open, so that it cannot spill into the page.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag
from bs4.element import PreformattedString

_FORBIDDEN = re.compile(
    r"script|i?frame|frameset|object|embed|applet|link|meta|base|form|input|button|"
    r"textarea|select|noscript|template|title|head|portal|dialog|audio|video|"
    r"foreignobject|animate\w*|set|annotation-xml",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"src|background|poster|data|action|ping|longdesc|cite|xlink:href|manifest|"
    r"lowsrc|dynsrc",
    re.IGNORECASE,
)
_NEVER = re.compile(r"on.*|srcdoc|srcset|http-equiv|formaction", re.IGNORECASE)
_SAFE_LINK = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)
_SAFE_PICTURE = re.compile(
    r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE
)
_REACHES_OUT = re.compile(r"@import|url\s*\(|expression\s*\(|\\", re.IGNORECASE)


def clean_html(html: str) -> str:
    """Return HTML with scripts, handlers, frames, forms and addresses taken out.

    Links to other pages stay; they are followed only when clicked.

    Parameters
    ----------
    html : str
        A piece of a page.

    Returns
    -------
    str
        The piece, with every tag closed.

    Examples
    --------
    >>> clean_html('<img src="x" onerror="steal()"><b>kept')
    '<img/><b>kept</b>'
    """
    soup = BeautifulSoup(html, "html.parser")
    for text in soup.find_all(string=lambda t: isinstance(t, PreformattedString)):
        text.extract()  # comments, declarations, CDATA
    for tag in soup.find_all(True):
        if tag.decomposed:
            continue
        if _FORBIDDEN.fullmatch(tag.name) or _is_unsafe_style(tag):
            tag.decompose()
        else:
            _clean_attributes(tag)
    return str(soup)


def _is_unsafe_style(tag: Tag) -> bool:
    return tag.name == "style" and _REACHES_OUT.search(tag.get_text()) is not None


def _clean_attributes(tag: Tag) -> None:
    for name, value in list(tag.attrs.items()):
        text = " ".join(value) if isinstance(value, list) else str(value)
        if (
            _NEVER.fullmatch(name)
            or (_ADDRESS.fullmatch(name) and not _SAFE_PICTURE.match(text))
            or (name.lower() == "href" and not _SAFE_LINK.match(text))
            or (name.lower() == "style" and _REACHES_OUT.search(text))
        ):
            del tag.attrs[name]
