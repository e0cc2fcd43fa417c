"""What HTML, MathML, SVG and style sheets of a notebook may hold on a page.

Nothing in here can run, reach out, leave the page, or take a place on it other than its
own. What is not listed is taken out; its text stays.
"""

from __future__ import annotations


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
