"""HTML and SVG that try to run, to reach out, to leave, to hide or to cover the page."""

import re

from bs4 import BeautifulSoup
from hypothesis import strategies as st

OUT = "http://127.0.0.1:9/x"
RUNS = "document.documentElement.setAttribute('data-ran','yes')"
REFRESH = f'<meta http-equiv="refresh" content="0;url={OUT}">'
COVER = "position:fixed;inset:0;background:red;z-index:9"
CLASSICS = [
    # Rounds trips through two parsers have brought these to life elsewhere.
    f"<svg><style>{REFRESH}</style></svg>",
    f"<math><style>{REFRESH}</style></math>",
    f'<svg><style><p title="</style><img src=x onerror={RUNS}>">',
    f'<svg></p><style><a id="</style><img src=1 onerror={RUNS}>">',
    f"<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror={RUNS}&gt;\">",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUNS}>",
    f"<math><mtext><option><fake><option></option><mglyph><svg><mtext><style><a title=\"</style><img src onerror='{RUNS}'>\">",
    f"<noscript><p title=\"</noscript><img src=x onerror={RUNS}>\">",
    f"<title><a id=\"</title><img src=x onerror={RUNS}>\">",
    f"<textarea><a id=\"</textarea><img src=x onerror={RUNS}>\">",
    f"<xmp><a id=\"</xmp><img src=x onerror={RUNS}>\">",
    f"<noembed><img title=\"</noembed><img src onerror={RUNS}>\"></noembed>",
    f"<noframes><p title=\"</noframes><svg onload={RUNS}>\"></noframes>",
    f"<iframe><p title=\"</iframe><img src=x onerror={RUNS}>\">",
    f"<template><img src=x onerror={RUNS}></template>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{RUNS}</script>'></foreignObject></svg>",
    f"<svg><desc><table><title><a id=\"</title><img src=x onerror={RUNS}>\">",
    f"<svg><![CDATA[><img src=x onerror={RUNS}>]]>",
    f"<!--><img src=x onerror={RUNS}>-->",
    f"<!--!><img src=x onerror={RUNS}>",
    f"<? foo=\"><script>{RUNS}</script>\">",
    f"</ foo=\"><script>{RUNS}</script>\">",
    f"<![><img src=x onerror={RUNS}>]>",
    f"<a title=`<img src=x onerror={RUNS}>`>",
    f"<img alt=\"``onerror={RUNS}\" src=x>",
    f"<svg/onload={RUNS}>",
    f"<svg><script>{RUNS}</script><x:script xmlns:x='http://www.w3.org/2000/svg'>{RUNS}</x:script></svg>",
    f"<svg><animate onbegin={RUNS} attributeName=x dur=1s>",
    f"<svg><a><animate attributeName=href values=javascript:{RUNS}></animate><text y=20>x</text></a></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=a onload={RUNS}>#a'/></svg>",
    f"<svg><image href={OUT} xlink:href={OUT}></image><feImage href={OUT}></feImage></svg>",
    f"<svg><rect width=9 height=9 fill='url({OUT}#a)' style='fill:url({OUT}#a)' mask=url({OUT}#m)></svg>",
    f"<math href=javascript:{RUNS}>x</math><math><maction actiontype=statusline xlink:href=javascript:{RUNS}>x",
    f"<a href='java\nscript:{RUNS}'>x</a><a href=' &#1; javascript:{RUNS}'>x</a><a href=vbscript:x>y</a>",
    f"<a href='data:text/html,<script>{RUNS}</script>'>x</a><area href=javascript:{RUNS}>",
    f"<form action={OUT}><input type=image src={OUT}><button formaction={OUT}>go</button></form><isindex action={OUT}>",
    f"<img src={OUT} srcset='{OUT} 2x' lowsrc={OUT} dynsrc={OUT} longdesc={OUT}>",
    f"<picture><source srcset={OUT}><img></picture><video poster={OUT} src={OUT}><track src={OUT}></video>",
    f"<table background={OUT}><td background={OUT}>x</table><body background={OUT} onload={RUNS}>",
    f"<link rel=stylesheet href={OUT}><link rel=preload as=image href={OUT}><link rel=prefetch href={OUT}>",
    f"<base href={OUT}><base target=_top><object data={OUT}></object><embed src={OUT}><applet code=x>",
    f"<frameset><frame src={OUT}></frameset><portal src={OUT}></portal><fencedframe src={OUT}></fencedframe>",
    f"<style>@import '{OUT}'; @import url({OUT});</style>",
    f"<style>p{{background:url({OUT})}} p{{background:u\\72l({OUT})}} p{{list-style:image-set('{OUT}' 1x)}}</style>",
    f"<style>@font-face{{font-family:x;src:url({OUT})}} p{{font-family:x}} p{{--a:url({OUT});background:var(--a)}}</style>",
    f"<style></style><p>&lt;/style><img src=x onerror={RUNS}></style>",
    f"<style>a[title='</style><img src=x onerror={RUNS}>']{{color:red}}</style>",
    f"<style>/*</style><img src=x onerror={RUNS}>*/</style>",
    f"<p style='background:url({OUT})'>x<p style='background:url(\"{OUT}\")'>x<p style='background:\\75rl({OUT})'>x",
    f"<p style='cursor:url({OUT}),auto;content:url({OUT});border-image:url({OUT})'>x",
    f"<p style='width:expression({RUNS})'>x<p style='behavior:url({OUT});-moz-binding:url({OUT})'>x",
    # These hide or cover what stands around them.
    "<body style=display:none><html style=display:none><p style=display:none>x",
    "<style>body,html,main,p,*,:root{display:none!important;visibility:hidden;opacity:0}</style>",
    "<style>~ *, + *, > *, ~*{display:none} :has(&) *{color:red} & ~ *{color:red}</style>",
    "<style>@media all{body{display:none}} @layer x{*{display:none}} @scope(body){p{display:none}}</style>",
    f"<div style='{COVER}'>x</div><style>div{{{COVER}}}</style><div style='position:absolute;top:-99999px'>x",
    "<div style='margin-bottom:-9999px;margin:-5000px'>x</div><div style='margin-top:calc(0px - 9999px)'>x</div>",
    "<p style='box-shadow:0 0 0 9999px red;outline:9999px solid red;filter:blur(9px)'>x",
    "<p style='transform:scale(99);font-size:9999px;line-height:0'>██",
    "<svg style='overflow:visible;position:fixed' width=9><rect x=-9999 y=-9999 width=99999 height=99999></svg>",
    "<div class='skip source switch code messages left-out' hidden id=report>seen</div>",
    "<div popover id=p>x</div><button popovertarget=p>x</button><dialog open>seen</dialog><p inert>x",
    # These swallow what stands behind them.
    "<plaintext>", "<textarea>", "<title>", "<noscript>", "<xmp>", "<!--", "<iframe>", "<noembed>",
    "<script>", "<style>", "<noframes>", "<template>", "<select>", "<select><option>x", "<svg>",
    "<math>", "<table>", "<table><tr>", "<frameset>", "<head>", "<details>", "<a href='x", "<p title=\"",
    "<![CDATA[", "<!doctype", "<?xml", "</", "<", "<button>", "<marquee>", "<svg><foreignObject><plaintext>",
    "<math><annotation-xml encoding=text/html><plaintext>", "<option><style></option></select><b><style>",
    "</div></div></main></body></html>", "</p></section></article><div></div></div>", "\0<\0script>", "&lt",
]  # fmt: skip
DRAWINGS = [
    f"<svg xmlns='http://www.w3.org/2000/svg'>{inside}<circle r='3'/></svg>"
    for inside in (
        f"<script>{RUNS}</script>", f"<script href='{OUT}'/>", f"<g onload=\"{RUNS}\"/>",
        f"<x:script xmlns:x='http://www.w3.org/2000/svg'>{RUNS}</x:script>",
        f"<h:script xmlns:h='http://www.w3.org/1999/xhtml'>{RUNS}</h:script>",
        f"<foreignObject><body xmlns='http://www.w3.org/1999/xhtml' onload=\"{RUNS}\"><iframe src='{OUT}'/></body></foreignObject>",
        f"<a href=\"javascript:{RUNS}\"><text>x</text></a>", f"<use href='{OUT}#a'/>",
        f"<image href='{OUT}'/>", f"<style>@import url({OUT});</style>",
        f"<style>circle{{fill:url({OUT}#a)}}</style>", f"<circle fill='url({OUT}#a)'/>",
        f"<circle style='fill:url(\"{OUT}#a\")'/>", f"<set attributeName='onload' to=\"{RUNS}\"/>",
        f"<animate attributeName='href' values=\"javascript:{RUNS}\"/>",
        f"<metadata><script xmlns='http://www.w3.org/2000/svg'>{RUNS}</script></metadata>",
        f"<metadata><r xmlns='urn:x'><s:script xmlns:s='http://www.w3.org/2000/svg'>{RUNS}</s:script></r></metadata>",
        "<image href='data:image/svg+xml,x'/><use href='data:image/svg+xml,x#a'/>",
        f"<x xmlns='urn:x'>{RUNS}</x>", f"<a xmlns:xlink='http://www.w3.org/1999/xlink' xlink:href=\"javascript:{RUNS}\"/>",
    )
] + [
    f"<?xml-stylesheet href='{OUT}'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    f"<!DOCTYPE svg [<!ELEMENT svg ANY><!ATTLIST svg onload CDATA \"{RUNS}\">]><svg xmlns='http://www.w3.org/2000/svg'/>",
]  # fmt: skip
BROKEN_DRAWINGS = [
    "no svg", "<svg", "<svg><g></svg>", "<html xmlns='http://www.w3.org/1999/xhtml'/>", "",
    '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>',
    f"<svg xmlns='http://www.w3.org/2000/svg'><script>{RUNS}</script>", "<svg>\ud800</svg>",
]  # fmt: skip

_NAMES = ["a", "b", "p", "div", "span", "table", "tr", "td", "th", "li", "ul", "svg", "math", "mi", "mtext", "mglyph", "annotation-xml", "style", "script", "title", "textarea", "noscript", "iframe", "form", "input", "select", "option", "plaintext", "xmp", "template", "foreignObject", "desc", "use", "image", "img", "meta", "base", "link", "body", "html", "head", "h1", "details", "button", "object", "video", "noembed", "frameset", "font", "nobr", "marquee", "x-y"]  # fmt: skip
_VALUES = st.sampled_from(
    ["x", OUT, f"javascript:{RUNS}", RUNS, COVER, f"background:url({OUT})", "display:none",
     "#a", "data:image/png;base64,AA==", f"url({OUT})", "color:red", "refresh", f"0;url={OUT}",
     "</style>", "-->", "]]>", "<img src=x>", "'", '"', "&quot;", "&lt;b&gt;", ""]
)  # fmt: skip
_ATTRIBUTES = st.tuples(
    st.sampled_from(
        ["href", "src", "xlink:href", "style", "class", "id", "title", "onload", "onerror",
         "srcset", "http-equiv", "content", "action", "background", "fill", "srcdoc",
         "type", "width", "open", "hidden", "xmlns", "/", "=", "<"]
    ), _VALUES, st.sampled_from(["{0}={1}", "{0}='{1}'", '{0}="{1}"', "{0} = {1}", "{0}", "{0}='{1}"])
).map(lambda three: three[2].format(*three))  # fmt: skip
_OPENING = st.tuples(
    st.sampled_from(_NAMES), st.lists(_ATTRIBUTES, max_size=3), st.sampled_from([">", "/>", " >", ""])
).map(lambda t: f"<{' '.join([t[0], *t[1]])}{t[2]}")  # fmt: skip
_CLOSING = st.sampled_from(_NAMES).map("</{}>".format)
_TEXTS = st.sampled_from(
    ["text", "<", "&", "&lt;", "<!--", "-->", "--!>", "<![CDATA[", "]]>", "<?", "<!x", "</", ">",
     "\0", "\x0c", "{", "}", "*{display:none}", f"@import '{OUT}';", '"', "'", "&#x3c;b&#62;"]
)  # fmt: skip
FRAGMENTS = st.lists(
    st.one_of(_OPENING, _CLOSING, _TEXTS, st.sampled_from(CLASSICS)), max_size=12
).map("".join)

_LOADS = ("src", "srcset", "data", "poster", "background", "action", "formaction", "lowsrc",
          "dynsrc", "srcdoc", "ping", "manifest", "codebase", "longdesc", "cite")  # fmt: skip
_NEVER = {"script", "iframe", "frame", "frameset", "object", "embed", "applet", "link", "meta", "base", "form", "input", "button", "textarea", "select", "option", "noscript", "template", "title", "plaintext", "xmp", "noembed", "noframes", "portal", "animate", "set", "audio", "video", "source", "track", "body", "html", "head", "dialog", "canvas"}  # fmt: skip
_HIDES = re.compile(
    r"position|z-index|visibility|transform|outline|shadow|display:\s*none|-moz|behavior"
    r"|expression|@import|@font|url\(\s*['\"]?(?!#|data:image/)|image-set|\\",
    re.IGNORECASE,
)


def find_dangers(html):
    """Read HTML with a parser other than the cleaner's and name what it must not hold."""
    soup = BeautifulSoup(html, "html.parser")
    found = []
    for tag in soup.find_all(True):
        found += [f"<{tag.name}>"] if tag.name in _NEVER else []
        if tag.name == "style":
            css = tag.get_text()
            found += [css] if _HIDES.search(css) or "<" in css else []
            rules = re.findall(r"([^{}]+)\{", css)
            lists = [rule for rule in rules if not rule.strip().startswith("@media")]
            parts = [
                one.strip()
                for rule in lists
                for one in re.split(r",(?![^(\[]*[)\]])", rule)
            ]
            found += [p for p in parts if not re.match(r"#part-\d+($| [^+~>|,&])", p)]
        for name, value in tag.attrs.items():
            value = " ".join(value) if isinstance(value, list) else value
            bad = name.startswith("on") or name in (
                "hidden",
                "http-equiv",
                "popover",
                "inert",
            )
            if name in _LOADS:
                bad |= not value.startswith("data:image/")
            if name in ("href", "xlink:href"):
                bad |= not re.match(r"#|https?:|mailto:|data:image/", value)
                bad |= tag.name not in ("a", "area") and not value.startswith(
                    ("#", "data:image/")
                )
            bad |= name == "style" and bool(_HIDES.search(value))
            drawn = re.fullmatch(r"fill|stroke|mask|filter|clip-path|marker-.*", name)
            bad |= bool(drawn and re.search(r"url\(\s*['\"]?http", value))
            found += [f"{tag.name} {name}={value[:80]}"] if bad else []
    return found
