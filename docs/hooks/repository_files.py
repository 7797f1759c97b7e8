"""The files of the repository that the pages link to.

The pages link to files of the repository, `../bench/results/full.txt` say, which is right where the
repository itself is read. The site has those files in its folder `repository`, as pages or as they
are, and the links are changed to lead there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md")
LINK = re.compile(r"(?<=\]\()(?![a-z]+:)[^()\s#]+(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Beside the pages in docs/: those elsewhere, and every file that a page links to."""
    for path in PAGES:
        files.append(_generated(path, config))
    linked = {
        path for page in files.documentation_pages() for path in _linked(page) if _in_site(path)
    }
    for path in sorted(linked):
        if files.get_file_from_path(_in_site(path)) is None:
            files.append(_generated(path, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The same, its links to where the site has the files."""

    def changed(found: re.Match[str]) -> str:
        target = _in_site(_in_repository(found[0], page.file))
        # MkDocs warns of what is not there.
        return (
            posixpath.relpath(target, posixpath.dirname(page.file.src_uri)) if target else found[0]
        )

    return LINK.sub(changed, markdown)


def _generated(path: str, config: MkDocsConfig) -> File:
    return File.generated(config, f"repository/{path}", abs_src_path=str(ROOT / path))


def _linked(page: File) -> Iterator[str]:
    for found in LINK.finditer(page.content_string):
        yield _in_repository(found[0], page)


def _in_repository(link: str, page: File) -> str:
    """The path, from the repository's root, of what a page links to."""
    source = Path(page.abs_src_path).relative_to(ROOT).as_posix()
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _in_site(path: str) -> str | None:
    """Where the site has a file of the repository; None where there is no such file."""
    if not (ROOT / path).is_file():
        return None
    return path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"
