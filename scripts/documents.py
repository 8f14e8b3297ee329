"""What `mkdocs build` needs beyond mkdocs.yml: the navigation, and links that stay inside docs/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

INDEX = "README.md"
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
PAGE = re.compile(r"^\| \[[\w-]+\.md\]\(([\w-]+\.md)\)", re.MULTILINE)
OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")  # a file that is no page of the site


def navigation(index: str) -> list[Any]:
    """The pages in the order of docs/README.md, its sections as groups."""
    _, *parts = SECTION.split(index)
    sections = zip(parts[::2], parts[1::2], strict=True)
    return [INDEX, *({title: PAGE.findall(table)} for title, table in sections)]


def on_config(config: MkDocsConfig) -> None:
    config.nav = navigation((Path(config.docs_dir) / INDEX).read_text(encoding="utf-8"))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """As on the app's page of documents, such a link is its words alone."""
    return OUTSIDE.sub(r"\1", markdown)
