"""A model trained elsewhere: added on the Library page, then on every page like one of ours."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

import core
from core import jobs
from core.library import beside, perplexity_spec
from core.signatures.spec import SignatureSpec
from core.store import Store
from tests.app.parts.test_compare import opened
from tests.app.prepared import TEXT
from tests.app.test_pages import charts, said
from tests.core.elsewhere import computed, files, trained


@pytest.fixture(scope="module")
def theirs() -> tuple[bytes, bytes]:
    return files(trained(TEXT.splitlines()[:30], cell="gru", layers=1))


def add(page: AppTest, weights: bytes, description: bytes, name: str = "") -> AppTest:
    page.file_uploader(key="model-weights").upload("net.safetensors", weights, "application/x")
    page.file_uploader(key="model-description").upload("net.json", description, "application/json")
    page.text_input(key="model-name").set_value(name)
    next(button for button in page.button if button.label == "Add").click()
    return page.run()


def library(**address: str) -> AppTest:
    return opened("pages/library.py", part="Models", **address)


def signature(**address: str) -> AppTest:
    return opened("pages/signature.py", **address)


def test_added_measured_and_compared_with_one_of_ours(
    store: Store, monkeypatch: pytest.MonkeyPatch, theirs: tuple[bytes, bytes]
) -> None:
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    corpus = core.add_corpus(TEXT.encode(), "tiny")
    page = add(library(), *theirs, "from afar")
    assert not page.exception and not page.error and not page.warning
    assert "from afar (GRU [1,24]) is ready" in said(page)
    assert "was trained elsewhere, so it has no curve" in said(page)

    model = core.find_model("from afar")
    page = signature(corpus=corpus.content, model=model.key[:12])
    page.button(key="begin").click().run()
    [job] = jobs.listing()
    assert isinstance(job.spec, SignatureSpec) and job.spec.model == model
    assert {box.key for box in page.selectbox} >= {"choice-model", "choice-layer", "choice-state"}
    assert "choice-hidden" not in {box.key for box in page.selectbox}

    jobs.cancel(job.key, "the test")  # which computes it by itself
    ours = core.signature_spec(corpus, hidden=16, profile="smoke", decoder="linear")
    for spec in (job.spec, *beside(job.spec), ours):
        computed(spec, store)
    page = signature(corpus=corpus.content, model=model.key[:12])
    assert charts(page) == 6 and "from afar (GRU [1,24]) on tiny, layer 1 (h)" in said(page)
    assert "test perplexity" in said(page)

    page = opened(pins=f"{job.spec.preview().key[:12]}-{ours.key[:12]}")
    assert not page.exception and not page.error and not page.warning
    assert charts(page) == 6 and said(page).count(" · perplexity ") == 4  # shown, and its tooltip
    assert "from afar (GRU [1,24]) (h), measured on tiny, linear preview" in said(page)


def test_its_perplexity_is_asked_for_on_the_library_page(
    store: Store, monkeypatch: pytest.MonkeyPatch, theirs: tuple[bytes, bytes]
) -> None:
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    corpus = core.add_corpus(TEXT.encode(), "tiny")
    model = core.add_model(*theirs, "from afar")
    page = library(corpus=corpus.content)
    page.button(key="measure").click().run()
    assert [job.spec for job in jobs.listing()] == [perplexity_spec("smoke", corpus, model)]
    assert jobs.listing()[0].who == "test@example.com"
    computed(jobs.listing()[0].spec, store)
    page.run()
    assert not page.exception and len(page.dataframe) == 2


def test_it_is_deleted_with_what_was_measured_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, theirs: tuple[bytes, bytes]
) -> None:
    monkeypatch.setenv("MEMSIG_PROFILE", "smoke")
    corpus = core.add_corpus(TEXT.encode(), "tiny")
    model = core.add_model(*theirs, "from afar")
    spec = core.signature_spec(corpus, profile="smoke", decoder="linear", model=model)
    for wanted in (spec, *beside(spec)):
        computed(wanted, store)
    page = library(corpus=corpus.content)
    page.button(key="delete-model").click().run()
    page.button(key="surely").click().run()
    assert not page.exception
    left = core.query("SELECT key FROM models")["key"].to_list()
    assert left == [model.untrained().key]  # of any model of its shape
    for table, column in (
        ("signatures", "model"),
        ("perplexities", "members[1]"),
        ("predictions", "model"),
        ("recall", "signature"),
    ):
        rows = core.query(f"SELECT {column} AS owner FROM {table}")["owner"].to_list()
        assert not {model.key, spec.key} & set(rows)
    assert store.artifacts.get(model.key) is None
    done = core.query("SELECT who, title, outcome FROM jobs").rows()
    assert done == [("test@example.com", f"model {model.title}", "deleted")]


def test_what_cannot_be_added_is_refused_with_a_sentence(
    store: Store, theirs: tuple[bytes, bytes]
) -> None:
    page = library()
    weights, description = theirs
    for bad in ((weights[:-9], description), (weights, b"{}"), (description, weights)):
        add(page, *bad)
        assert not page.exception and not page.error and len(page.warning) == 1
    next(button for button in page.button if button.label == "Add").click()
    assert "Choose the weights" in page.run().warning[0].value
    assert core.query("SELECT key FROM models").is_empty()
