"""The jump palette and the documents, which it leads to as well."""

from __future__ import annotations

import re

from app.shell import documents, palette
from app.shell.shell import PAGES
from core import places
from core.signatures.spec import SignatureSpec
from tests.app.parts.test_compare import opened

FILES = {title: file for title, file, _ in PAGES}


def test_the_palette_leads_to_pages_documents_texts_and_signatures(
    specs: list[SignatureSpec],
) -> None:
    lstm = specs[1]
    goals = {goal.name: goal for goal in palette.goals(FILES)}
    assert list(goals)[:2] == ["Overview", "Signature"]
    assert goals["Document: Method"].params == {"document": "method"}
    assert goals["Text: shakespeare"].params == {"corpus": "shakespeare"}
    assert goals[f"LSTM [1,80] on tiny (c) · {lstm.profile}"].params == {"signature": lstm.key}
    page = opened("pages/claims.py")
    page.button(key="jump").click().run()
    assert page.selectbox(key="goal").options == list(goals)


def test_every_link_of_the_documents_leads_somewhere() -> None:
    headings = {
        path.stem: {_anchor(line) for line in re.findall(r"^#+ (.+)", path.read_text(), re.M)}
        for path in places.documents().glob("*.md")
    }
    assert len(headings) >= 11 and set(headings) == set(documents.titles())
    for path in places.documents().glob("*.md"):
        text = path.read_text()
        for _, name, anchor in documents.LINK.findall(text):
            assert name in headings, (path.name, name)
            assert not anchor or anchor[1:] in headings[name], (path.name, name, anchor)
        for anchor in re.findall(r"\]\(#([\w-]+)\)", text):
            assert anchor in headings[path.stem], (path.name, anchor)
        for picture in documents.PICTURE.findall(text):
            assert all((places.documents() / file).is_file() for file in picture[:2])


def test_a_document_is_shown_with_its_pictures_and_links() -> None:
    page = opened(documents.PAGE, document="figures")
    assert not page.exception and not page.error
    text = "".join(part.value for part in page.markdown)
    assert "<picture>" not in text and "](claims.md)" not in text
    assert "<a href='?document=claims' target='_self'>claims.md</a>" in text
    assert len(page.markdown) > 5  # between the pictures
    assert opened(documents.PAGE, document="nothing").markdown[0].value.startswith("# Documents")


def _anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and Streamlit make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
