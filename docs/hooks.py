"""What the pages need of MkDocs beyond its options: files of the repository, and formulas.

The pages link to files of the repository, `../bench/results/full.txt` say, which is right where the
repository itself is read. The site has those files in its folder `repository`.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
CHANGELOG = "changelog.md"
LINK = re.compile(r"(?<=\]\()\.\./[^()\s#]+(?=[)#])")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
RAISED_PRIMES = re.compile(r"<msup>(<mi>[^<]*</mi>)(<mi>&#x0203[234];</mi>)</msup>")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Beside the pages: the changelog, and every file of the repository that a page links to."""
    pages = files.documentation_pages()
    files.append(File.generated(config, CHANGELOG, abs_src_path=str(ROOT / "CHANGELOG.md")))
    for page in pages:
        _with_links(page.content_string, page.src_uri, lambda path: _copied(path, files, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The same, its links out of docs/ to where the site has the files."""
    start = posixpath.dirname(page.file.src_uri) or "."
    return _with_links(
        markdown, page.file.src_uri, lambda path: posixpath.relpath(_in_site(path), start)
    )


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The same, its formulas as MathML, which browsers show without scripts and web fonts."""
    return FORMULA.sub(_mathml, content)


def _with_links(markdown: str, page: str, link: Callable[[str], str]) -> str:
    """`link` of the path, from the repository's root, for each link to a file outside of docs/."""

    def linked(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), found[0]))
        if path.startswith("docs/") or not (ROOT / path).is_file():
            return found[0]  # MkDocs warns where there is no such file.
        return link(path)

    return LINK.sub(linked, markdown)


def _copied(path: str, files: Files, config: MkDocsConfig) -> str:
    if files.get_file_from_path(_in_site(path)) is None:
        files.append(File.generated(config, _in_site(path), abs_src_path=str(ROOT / path)))
    return path


def _in_site(path: str) -> str:
    return f"repository/{path}"


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[1] == "div" else "inline"
    mathml = convert(html.unescape(found[2]), display=display)
    return RAISED_PRIMES.sub(r"\1\2", mathml)  # The font's primes are raised by themselves.
