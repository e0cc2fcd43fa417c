"""Links of a built site that lead nowhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class _Page(HTMLParser):
    """Gathers what a page links to and what in it can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("id", "name") and value:
                self.targets.add(value)
            elif key in ("href", "src") and value and tag != "base":
                self.links.append(value)


def find_broken_links(site: Path) -> list[str]:
    """Return ``page: link`` for every link within a site that leads nowhere.

    Links to other hosts are not followed.
    """
    pages = {}
    for path in sorted(site.rglob("*.html")):
        if "_static" in path.parts:  # the theme's own templates, no pages
            continue
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            address, part = urldefrag(link)
            address = unquote(urlsplit(address).path)
            target = (path.parent / address).resolve() if address else path
            if target.is_dir():
                target /= "index.html"
            known = pages.get(target)
            lost = not target.is_file() or (
                part and known is not None and unquote(part) not in known.targets
            )
            if (lost and part not in ("", "top")) or not target.is_file():
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return broken
