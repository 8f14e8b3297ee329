"""Deleting results with what rests on them."""

from __future__ import annotations

import pytest

from core import jobs
from core.corpora.speech import synthetic
from core.deleting import delete, resting_on
from core.errors import BadInput
from core.store import Store
from tests.app.prepared import prepare
from tests.app.spoken import plan, spoken


def test_a_text_goes_with_its_networks_and_their_signatures(store: Store) -> None:
    spec = prepare(store.root)
    found = resting_on([spec.corpus.content], store)
    assert found["kind"].to_list() == ["text", "model", "model", *["signature"] * 3]
    assert found["key"][0] == spec.corpus.content
    # The untrained network's signature is compared with, nothing rests on it.
    assert resting_on([spec.floor.key], store)["key"].to_list() == [spec.floor.key]
    assert set(delete([spec.model.key], store)) == {spec.model.key, spec.key, spec.preview().key}
    assert store.query("SELECT key FROM signatures")["key"].to_list() == [spec.floor.key]
    delete([spec.corpus.content], store)
    assert store.artifacts.get(spec.corpus.content) is None
    for table in ("corpora", "models", "signatures", "recall", "predictions"):
        assert store.query(f"FROM {table}").is_empty()


def test_units_go_with_their_speech_and_signatures_with_their_units(store: Store) -> None:
    corpus = synthetic.spec(20, 5, 5)
    found = plan(corpus, units=50)
    spoken(store.root, found)
    spec = found.signatures["log-mel"]
    of_units = resting_on([spec.codebook.key], store)
    assert set(of_units["key"]) == {spec.codebook.key, *(s.key for s in found.specs)}
    assert "log-mel" in of_units.filter(key=spec.key)["title"][0]
    assert "by 50 units" in of_units.filter(key=spec.key)["title"][0]
    assert spec.codebook.key in delete([corpus.key], store)
    assert store.query("FROM units").is_empty() and store.query("FROM codebooks").is_empty()


def test_what_a_job_needs_is_not_deleted(store: Store) -> None:
    spec = prepare(store.root)
    other = spec.model_copy(update={"seed": 3})
    jobs.request(other, "me", store)
    with pytest.raises(BadInput, match="cancel that job first"):
        delete([spec.corpus.content], store)
    assert not store.query("FROM corpora").is_empty()
    jobs.cancel(other.key, "me", store)
    delete([other.key], store)
    assert jobs.find(other.key, store) is None
