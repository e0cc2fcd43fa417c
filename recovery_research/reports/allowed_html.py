"""What may stand on a page: elements and attributes, and styles.

Nothing in here can run, reach out, leave the page, or take a place on it other than its
own. What is not listed is taken out; its text stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import tinycss2
from tinycss2.ast import Declaration, Node

from recovery_research.reports.formatting import name_address


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HTML_TAGS = _words(
    "a abbr acronym address area article b bdi bdo big blockquote br caption center "
    "cite code col colgroup data dd del details dfn div dl dt em figcaption figure "
    "font h1 h2 h3 h4 h5 h6 hgroup hr i img ins kbd label li map mark menu meter ol p "
    "pre progress q rb rp rt rtc ruby s samp section small span strike strong sub "
    "summary sup table tbody td tfoot th thead time tr tt u ul var wbr"
)
VOID_TAGS = _words("area br col hr img wbr")
# Those of the page itself, of forms and of times past, as what looks like them.
RENAMED_TAGS = {
    **dict.fromkeys(_words("aside dialog fieldset footer header main nav"), "div"),
    **dict.fromkeys(_words("button legend output"), "span"),
    **dict.fromkeys(_words("listing plaintext xmp"), "pre"),
    "dir": "ul",
}
MATH_TAGS = _words(
    "math semantics maction menclose merror mfenced mfrac mi mmultiscripts mn mo "
    "mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub "
    "msubsup msup mtable mtd mtext mtr munder munderover none"
)
SVG_TAGS = _words(
    "svg a circle clipPath defs desc ellipse feBlend feColorMatrix "
    "feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting "
    "feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG "
    "feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset fePointLight "
    "feSpecularLighting feSpotLight feTile feTurbulence filter foreignObject g image "
    "line linearGradient marker mask path pattern polygon polyline radialGradient "
    "rect stop switch symbol text textPath tspan use view"
)
SVG_BY_LOWER = {name.lower(): name for name in SVG_TAGS}

_SVG_ATTRIBUTES = _words(
    "alignment-baseline amplitude azimuth baseFrequency baseline-shift bias clip-path "
    "clip-rule clipPathUnits color color-interpolation color-interpolation-filters cx "
    "cy d diffuseConstant direction divisor dominant-baseline dx dy edgeMode "
    "elevation exponent fill fill-opacity fill-rule filter filterUnits flood-color "
    "flood-opacity font-family font-size font-size-adjust font-stretch font-style "
    "font-variant font-weight fr fx fy gradientTransform gradientUnits height href id "
    "in in2 intercept k1 k2 k3 k4 kernelMatrix lengthAdjust letter-spacing "
    "lighting-color limitingConeAngle marker-end marker-mid marker-start markerHeight "
    "markerUnits markerWidth mask maskContentUnits maskUnits mode numOctaves offset "
    "opacity operator order orient paint-order pathLength patternContentUnits "
    "patternTransform patternUnits points pointsAtX pointsAtY pointsAtZ "
    "preserveAspectRatio primitiveUnits r radius refX refY result rotate rx ry scale "
    "seed shape-rendering slope specularConstant specularExponent spreadMethod "
    "startOffset stdDeviation stitchTiles stop-color stop-opacity stroke "
    "stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin "
    "stroke-miterlimit stroke-opacity stroke-width surfaceScale tableValues targetX "
    "targetY text-anchor text-decoration text-rendering textLength transform "
    "transform-origin type unicode-bidi values vector-effect version viewBox width "
    "word-spacing writing-mode x x1 x2 xChannelSelector xlink:href xml:space xmlns "
    "xmlns:xlink y y1 y2 yChannelSelector z"
)
_MATH_ATTRIBUTES = _words(
    "accent accentunder align alttext columnalign columnlines columnspacing "
    "columnspan depth dir display displaystyle fence form frame height largeop "
    "linebreak linethickness lspace mathbackground mathcolor mathsize mathvariant "
    "maxsize minsize movablelimits notation rowalign rowlines rowspacing rowspan "
    "rspace scriptlevel separator separators stretchy symmetric voffset width xmlns "
    "open close"
)
_EVERYWHERE = _words("class dir id lang role style tabindex title")
_BY_TAG = {
    "a": "href rel name",
    "area": "alt coords href shape",
    "col": "span align valign width",
    "colgroup": "span align valign width",
    "data": "value",
    "del": "datetime",
    "details": "open",
    "font": "color face size",
    "hr": "align size width color noshade",
    "img": "alt src width height align border usemap",
    "ins": "datetime",
    "li": "value type",
    "map": "name",
    "meter": "value min max low high optimum",
    "ol": "start type reversed",
    "progress": "value max",
    "table": "align bgcolor border cellpadding cellspacing frame rules summary width",
    "td": "abbr align bgcolor colspan headers height nowrap rowspan valign width",
    "th": "abbr align bgcolor colspan headers height nowrap rowspan scope valign width",
    "time": "datetime",
    "tr": "align bgcolor height valign",
    "ul": "type",
    **dict.fromkeys(
        _words("caption div h1 h2 h3 h4 h5 h6 p tbody tfoot thead"),
        "align",
    ),
}
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(_EVERYWHERE),
    **{name: set(names.split()) for name, names in _BY_TAG.items()},
}
for _name in MATH_TAGS:
    ATTRIBUTES[_name] = set(_MATH_ATTRIBUTES)
for _name in SVG_TAGS:
    ATTRIBUTES[_name] = ATTRIBUTES.get(_name, set()) | _SVG_ATTRIBUTES
ATTRIBUTE_PREFIXES = {"aria-", "data-"}
TAGS = HTML_TAGS | MATH_TAGS | SVG_TAGS

# Properties that shape a thing in its place. Not among them is what moves it off
# (position, transform), lays it over others (z-index, outline, box-shadow), or hides it
# (visibility, clip).
PROPERTIES = _words(
    "alignment-baseline background background-color background-image "
    "background-position background-repeat background-size baseline-shift border "
    "border-bottom border-bottom-color border-bottom-left-radius "
    "border-bottom-right-radius border-bottom-style border-bottom-width "
    "border-collapse border-color border-left border-left-color border-left-style "
    "border-left-width border-radius border-right border-right-color "
    "border-right-style border-right-width border-spacing border-style border-top "
    "border-top-color border-top-left-radius border-top-right-radius border-top-style "
    "border-top-width border-width box-sizing caption-side clear clip-path clip-rule "
    "color color-interpolation-filters color-scheme column-gap direction display "
    "dominant-baseline empty-cells fill fill-opacity fill-rule filter flex flex-basis "
    "flex-direction flex-flow flex-grow flex-shrink flex-wrap float flood-color "
    "flood-opacity font font-family font-feature-settings font-kerning font-size "
    "font-stretch font-style font-variant font-variant-numeric font-weight gap "
    "grid-auto-flow grid-column grid-row grid-template-columns grid-template-rows "
    "height hyphens justify-content justify-items align-content align-items "
    "align-self justify-self letter-spacing line-height list-style "
    "list-style-position list-style-type margin margin-bottom margin-left margin-right "
    "margin-top marker-end marker-mid marker-start mask max-height max-width "
    "min-height min-width opacity overflow overflow-wrap overflow-x overflow-y "
    "padding padding-bottom padding-left padding-right padding-top paint-order "
    "row-gap shape-rendering stop-color stop-opacity stroke stroke-dasharray "
    "stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-opacity stroke-width table-layout text-align text-anchor text-decoration "
    "text-decoration-color text-decoration-line text-decoration-style text-overflow "
    "text-rendering text-transform text-wrap unicode-bidi vector-effect "
    "vertical-align white-space width word-break word-spacing word-wrap writing-mode"
)
FUNCTIONS = _words(
    "rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark var calc "
    "min max clamp repeat minmax fit-content linear-gradient radial-gradient "
    "conic-gradient repeating-linear-gradient repeating-radial-gradient"
)
# In margins a length may not be one that is only known in the browser: it might be
# negative, and lay what follows over what stands before.
WITHOUT_FUNCTIONS = ("margin", "display", "overflow", "float")
KEYWORDS = {
    "display": _words(
        "block inline inline-block flex inline-flex grid inline-grid flow-root "
        "list-item table inline-table table-caption table-cell table-column "
        "table-column-group table-footer-group table-header-group table-row "
        "table-row-group"
    ),
    "overflow": frozenset(["auto", "scroll"]),
    "overflow-x": frozenset(["auto", "scroll"]),
    "overflow-y": frozenset(["auto", "scroll"]),
}
LARGEST_LENGTH = 5000


LONGEST_SHEET = 1_000_000
REMOTE_STYLE = "a style from another address"
DEEPEST = 20
LONGEST_STYLE = 20_000
_LOCAL = re.compile(r"#|data:image/(png|jpeg|gif|webp)[;,]", re.IGNORECASE)
_ROOTS = frozenset([":root", ":host", "html", "body"])
_OPENING = frozenset("{[(")
_CLOSING = frozenset("}])")


@lru_cache(maxsize=8192)
def clean_declarations(css: str) -> tuple[str, tuple[str, ...]]:
    """Return the declarations of a style that are allowed, and addresses of others.

    Examples
    --------
    >>> clean_declarations("color: red; position: fixed; background: url(//x/y)")
    ('color: red', ('//x/y',))
    """
    if len(css) > LONGEST_STYLE or _is_deep(css):
        return "", ()
    addresses: list[str] = []
    kept = _write_declarations(tinycss2.parse_blocks_contents(css), addresses)
    return kept, tuple(addresses)


@dataclass
class SheetCleaner:
    """Cleans style sheets and confines them to one part of the page.

    Attributes
    ----------
    scope : str
        Selector of the part; empty for a picture of its own.
    notes : list of str
        What was left out besides single rules, in words.
    left : int
        How many characters of style sheets are still read.
    """

    scope: str
    notes: list[str] = field(default_factory=list)
    left: int = LONGEST_SHEET

    def clean(self, css: str) -> str:
        """Return the rules of a sheet that are allowed."""
        self.left -= len(css)
        if self.left < 0 or _is_deep(css):
            self.notes.append(f"a style sheet of {len(css):,} characters")
            return ""
        rules = tinycss2.parse_stylesheet(
            css.replace("<![CDATA[", "").replace("]]>", ""),
            skip_comments=True,
            skip_whitespace=True,
        )
        return self._write_rules(rules)

    def _write_rules(self, rules: Iterable[Node]) -> str:
        written = [self._write_rule(rule) for rule in rules]
        return "\n".join(text for text in written if text and "<" not in text)

    def _write_rule(self, rule: Node) -> str:
        if rule.type == "at-rule":
            return self._write_at_rule(rule)
        if rule.type != "qualified-rule":
            return ""
        selectors = self._confine(rule.prelude)
        inside = tinycss2.parse_blocks_contents(rule.content)
        addresses: list[str] = []
        kept = _write_declarations(inside, addresses)
        self.notes += [name_address(REMOTE_STYLE, address) for address in addresses]
        return f"{selectors} {{ {kept} }}" if selectors and kept else ""

    def _write_at_rule(self, rule: Node) -> str:
        name = rule.lower_at_keyword
        if name == "import":
            texts = [n for n in rule.prelude if n.type in ("string", "url")]
            self.notes += [name_address(REMOTE_STYLE, n.value) for n in texts[:1]]
        if name != "media" or rule.content is None:
            return ""
        inside = tinycss2.parse_rule_list(
            rule.content, skip_comments=True, skip_whitespace=True
        )
        kept = self._write_rules(inside)
        asked = tinycss2.serialize(rule.prelude).strip()
        return f"@media {asked} {{\n{kept}\n}}" if kept else ""

    def _confine(self, prelude: list[Node]) -> str:
        """Put the scope before each selector, so that it finds nothing elsewhere."""
        written = []
        for selector in _split(prelude):
            text = tinycss2.serialize(selector).strip()
            if not self.scope:
                written.append(text)
                continue
            text = text.removeprefix(f"{self.scope} ").strip()
            if text in _ROOTS or text == self.scope:
                written.append(self.scope)
            # One that begins with a combinator would find the part's siblings.
            elif text and text[0] not in "+~>|," and "&" not in text:
                written.append(f"{self.scope} {text}")
        return ", ".join(written)


def _split(nodes: list[Node]) -> list[list[Node]]:
    parts: list[list[Node]] = [[]]
    for node in nodes:
        if node.type == "literal" and node.value == ",":
            parts.append([])
        elif node.type != "comment":
            parts[-1].append(node)
    return parts


def _write_declarations(nodes: Iterable[Node], addresses: list[str]) -> str:
    return "; ".join(
        f"{node.name}: {tinycss2.serialize(node.value).strip()}"
        f"{' !important' if node.important else ''}"
        for node in nodes
        if node.type == "declaration" and _is_allowed(node, addresses)
    )


def _is_allowed(declaration: Declaration, addresses: list[str]) -> bool:
    name = declaration.lower_name
    if not (name in PROPERTIES or name.startswith("--")):
        return False
    words = KEYWORDS.get(name)
    bounded = name.startswith(WITHOUT_FUNCTIONS)
    lowest = 0 if bounded else -1
    value = [n for n in declaration.value if n.type not in ("whitespace", "comment")]
    found = _find_addresses(value)
    addresses += found
    return (
        not found
        and all(_is_harmless(n, lowest, functions=not bounded) for n in value)
        and (words is None or all(_is_word(node, words) for node in value))
        and not (name == "opacity" and any(_is_tiny(node) for node in value))
    )


def _is_word(node: Node, words: frozenset[str]) -> bool:
    return node.type == "ident" and node.lower_value in words


def _is_tiny(node: Node) -> bool:
    return node.type in ("number", "percentage") and node.value < 0.1


def _is_harmless(node: Node, lowest: float, *, functions: bool) -> bool:
    if node.type in ("ident", "hash", "string", "whitespace", "comment", "url"):
        return True  # addresses have been looked at
    if node.type in ("number", "percentage", "dimension"):
        return lowest <= node.value <= LARGEST_LENGTH
    if node.type == "literal":
        return node.value in (",", "/", "+", "-", "*")
    if node.type == "function" and functions and node.lower_name in FUNCTIONS:
        # An angle or a part of a sum may be negative.
        inside = node.arguments
    elif node.type == "() block" and functions:
        inside = node.content
    else:
        return node.type == "function" and node.lower_name == "url"
    return all(_is_harmless(n, -LARGEST_LENGTH, functions=functions) for n in inside)


def _find_addresses(nodes: list[Node]) -> list[str]:
    """Return the addresses in a value that lead out of the page."""
    found = []
    for node in nodes:
        if node.type == "url":
            found.append(node.value)
        elif node.type == "function" and node.lower_name in ("url", "src"):
            texts = [n.value for n in node.arguments if n.type == "string"]
            found += texts or ["?"]
        elif node.type == "function":
            found += _find_addresses(node.arguments)
        elif node.type.endswith("block"):
            found += _find_addresses(node.content)
    return [address for address in found if not _LOCAL.match(address)]


def _is_deep(css: str) -> bool:
    depth = 0
    for character in css:
        if character in _OPENING:
            depth += 1
            if depth > DEEPEST:
                return True
        elif character in _CLOSING:
            depth = max(0, depth - 1)
    return False
