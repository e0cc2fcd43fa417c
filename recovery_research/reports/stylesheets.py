"""Style sheets and declarations without what reaches out, hides or covers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import tinycss2
from tinycss2.ast import Declaration, Node

from recovery_research.reports.allow_lists import (
    FUNCTIONS,
    KEYWORDS,
    LARGEST_LENGTH,
    PROPERTIES,
    WITHOUT_FUNCTIONS,
)
from recovery_research.reports.formatting import name_address

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
