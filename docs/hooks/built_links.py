"""Every link within the built site leads to a file and an anchor that are there.

MkDocs looks at the links of Markdown; this looks at all that its plugins and the theme have made of
them. Also, that nothing is loaded from elsewhere: the site works without a network.
"""

from __future__ import annotations

import logging
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mkdocs.config.defaults import MkDocsConfig

LOG = logging.getLogger("mkdocs.hooks.built_links")  # Warnings of "mkdocs" fail a strict build.


class _Links(HTMLParser):
    """The anchors of a page, and its links, with whether the browser loads them by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: list[tuple[str, bool]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append((value, tag != "a"))


@cache
def _page(path: Path) -> _Links:
    return _Links(path.read_text(encoding="utf-8"))


def on_post_build(config: MkDocsConfig) -> None:
    _page.cache_clear()
    site = Path(config.site_dir).resolve()
    for path in sorted(site.rglob("*.html")):
        for link, is_loaded in _page(path).links:
            problem = _problem(link, is_loaded, path, site)
            if problem:
                LOG.warning("%s: %s: %s", path.relative_to(site), link, problem)


def _problem(link: str, is_loaded: bool, page: Path, site: Path) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        is_elsewhere = is_loaded and parts.scheme != "data"
        return "loaded from elsewhere" if is_elsewhere else None
    path = unquote(parts.path)
    target = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    target = page if not path else target.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if target.suffix == ".html" and unquote(parts.fragment) not in _page(target).anchors:
        return "no such anchor"
    return None
