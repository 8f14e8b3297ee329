"""The documents as a site: it builds, and every link of its pages leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """`make site`, with its pages in another folder."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """Where the links of a page lead, and the names in it that a link may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.names.append(value or "")
            elif name in ("href", "src", "srcset"):
                self.targets.append(value or "")


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_every_document_is_a_page_and_its_lists_and_tables_are_such(site: Path) -> None:
    for path in DOCS.glob("*.md"):
        name = "index" if path.stem == "README" else path.stem
        text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        tables = len(re.findall(r"^\|[ |:-]*-[ |:-]*\|$", text, re.MULTILINE))
        points = len(re.findall(r"^ *(?:[*-]|\d+\.) ", text, re.MULTILINE))
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        text = page.partition('role="main"')[2].partition("<footer")[0]
        assert (text.count("<table"), text.count("<li>")) == (tables, points), name


def test_lists_within_lists_are_indented_by_four() -> None:
    """By fewer, code hosts nest them and the site does not."""
    for path in DOCS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"^ {1,3}[*-] .*", text, re.MULTILINE) == [], path.name


@pytest.mark.slow
def test_every_link_picture_and_anchor_of_the_site_leads_somewhere(site: Path) -> None:
    read, checked = pages(site), 0
    for path, page in read.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or path.name == "404.html":  # whose links begin at the server's root
                continue
            checked += 1
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert file.exists(), f"{path.name}: {target}"
            anchor = unquote(parts.fragment)
            if anchor and file in read:
                assert anchor in read[file].names or anchor == "#", f"{path.name}: {target}"
    assert checked > 500


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?:https?:)?//", text) == []


@pytest.mark.slow
def test_the_pages_stand_in_the_order_of_the_index(site: Path) -> None:
    listed = re.findall(
        r"^\| \[[\w-]+\.md\]\(([\w-]+)\.md\)", (DOCS / "README.md").read_text(), re.M
    )
    links = Page((site / "index.html").read_text(encoding="utf-8")).targets
    menu = dict.fromkeys(link.removesuffix(".html") for link in links if link.endswith(".html"))
    assert len(listed) > 10 and [*menu] == ["index", *listed]


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["[so](method.md#not-there)", "[so](nowhere.md)", "[so](#no)"])
def test_a_broken_link_stops_the_build(tmp_path: Path, broken: str) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("*.png"))
    for name in ("mkdocs.yml", "scripts/documents.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / "docs" / "log.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{broken}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode and broken.partition("(")[2].rstrip(")") in done.stderr
