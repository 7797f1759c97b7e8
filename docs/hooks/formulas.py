"""Formulas as MathML, which browsers show without scripts; docs/site.css names the font."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
RAISED_PRIMES = re.compile(r"<msup>(<mi>[^<]*</mi>)(<mi>&#x0203[234];</mi>)</msup>")


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[1] == "div" else "inline"
    mathml = convert(html.unescape(found[2]), display=display)
    return RAISED_PRIMES.sub(r"\1\2", mathml)  # The font's primes are raised by themselves.
