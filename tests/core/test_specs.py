"""Keys: results that are stored under them must be found again by every later version."""

from __future__ import annotations

from core.library import ngram_spec, perplexity_spec, signature_spec
from core.models.language.spec import ImportedSpec
from core.registry import SPECS
from core.spec import CorpusSpec, Spec

CORPUS = CorpusSpec(name="anything", content="0" * 64)


def specs() -> dict[str, Spec]:
    """One of every kind, by the first digits of the key it has always had."""
    signature = signature_spec(CORPUS, "lstm", 2, 160, layer=2)
    model, gram = signature.model, ngram_spec(CORPUS)
    exact = {"model": gram, "state": "context", "decoder": "exact", "layer": 1}
    return {
        "000000000000": CORPUS,
        "052cd54f2f85": signature,
        "1cd6d43f7b48": signature.floor,
        "55b6a1e54e64": signature.preview(),
        "45f873956e22": model,
        "d8b14a2a104a": model.model_copy(update={"init_from": model, "fraction": 0.05}),
        "3f0a6d7d9f4b": gram,
        "c50e71ee068c": signature.model_copy(update=exact),
        "b94d67b2394d": perplexity_spec("laptop", CORPUS, model, gram),
    }


def imported(name: str = "mine", **facts: object) -> ImportedSpec:
    shape = {"cell": "lstm", "layers": 2, "hidden": 24, "embedding": 12, "outputs": 36}
    return ImportedSpec(**({"name": name, "weights": "1" * 64} | shape | facts))


def test_a_key_never_changes_by_itself() -> None:
    assert {key: spec.key[:12] for key, spec in specs().items()} == {key: key for key in specs()}


def test_every_spec_survives_json() -> None:
    signature = signature_spec(CORPUS, model=imported())
    listed = [
        *specs().values(),
        imported(),
        signature,
        perplexity_spec("smoke", CORPUS, imported()),
    ]
    for spec in listed[1:]:  # a corpus is computed from its text, not from a spec
        read = SPECS.validate_json(spec.model_dump_json())
        assert read == spec and read.key == spec.key


def test_an_imported_model_is_its_weights_and_not_its_name() -> None:
    assert imported("one").key == imported("other").key
    assert imported(weights="2" * 64).key != imported().key
    assert imported("one").untrained().key == imported("other", weights="2" * 64).untrained().key
    floor = signature_spec(CORPUS, model=imported()).floor
    assert floor is not None and not floor.model.trained and floor.floor is None
