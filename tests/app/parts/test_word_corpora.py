"""A text of words from its upload to its signature, as the pages draw it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

import core
from core import figures
from core.library import artifact, find_corpus, signature_spec
from core.probes.targets import OTHER
from core.registry import run
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.app.prepared import TEXT
from tests.app.test_pages import charts, opened, said
from tests.core.corpora import zipf

V = 2000  # words, of which more than 40 have labels


def uploaded(page: AppTest) -> AppTest:
    """The Library after a text of words was added by its form."""
    page.file_uploader(key="upload-file").upload("zipf.txt", zipf.text(900, V), "text/plain")
    page.selectbox(key="upload-alphabet").set_value("words")
    next(button for button in page.button if button.label == "Add").click()
    return page.run()


def computed(store: Store) -> SignatureSpec:
    """The linear signature at smoke of the uploaded text, computed here."""
    spec = signature_spec(find_corpus("zipf"), hidden=8, profile="smoke", decoder="linear")
    known = {spec.corpus.content: artifact(spec.corpus.content)}
    for step in spec.steps():
        result = run(step, known, lambda fraction, message: None)
        known |= result.artifacts
        store.take_in(result.tables, result.artifacts)
    return spec


def test_words_go_from_upload_to_signature(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    core.add_corpus(TEXT.encode(), "letters")
    library = uploaded(opened(part="Corpora").switch_page("pages/library.py").run())
    assert "zipf is ready with 100.0% of its words as 2,003 symbols." in said(library)
    table = library.dataframe[0].value
    assert table[table["name"] == "zipf"]["alphabet"].item() == V + 3
    assert any(caption.value == "1–40 of 2003" for caption in library.caption)

    spec = computed(store)
    page = opened(signature=spec.key)
    assert not page.exception and not page.error and charts(page) >= 4
    assert "Recall by lag and word" in said(page) and "Memory beyond inference" not in said(page)
    assert any(f"1–40 of {_labels(spec)}" == caption.value for caption in page.caption)
    refused = opened(corpus=spec.corpus.content, target="bigram")
    assert "zipf is a corpus of words: its signatures recall" in said(refused)
    assert not refused.exception and not refused.error

    page = opened().switch_page("pages/compare.py")
    page.query_params["pins"] = spec.key[:12]
    page = page.run()
    assert not page.exception and not page.error and charts(page) >= 2
    picture = figures.plot(spec.key)
    assert OTHER in picture.figure.to_json()


def _labels(spec: SignatureSpec) -> int:
    sql = "SELECT count(DISTINCT symbol) FROM recall WHERE signature = ? AND lag >= 1"
    return int(core.query(sql, [spec.key]).item())
