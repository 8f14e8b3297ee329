"""What every kind of language model answers: `core.models.base.LanguageModel`."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from core.corpora import Corpus, Segments, from_text
from core.library import ngram_spec, signature_spec
from core.models.base import LanguageModel, LanguageModelSpec, StateSelection
from core.models.factorized import factorized_lm
from core.models.factorized.builders import atlas_spec, factorized_spec, pruning_spec
from core.models.factorized.spec import KernelSpec, PrunedSpec
from core.models.imported import reader
from core.models.language import char_lm
from core.models.ngram.kneser_ney import estimate
from core.registry import KINDS, load_model
from core.text import EOS, N_SYMBOLS, SYMBOLS, UNK
from tests.core.elsewhere import Theirs, files

HIDDEN, MAX_LAG = 12, 3


@cache
def models(text: bytes) -> dict[str, tuple[LanguageModelSpec, bytes]]:
    """One of every kind, and its artifact; the networks are at their initial weights."""
    corpus, other = from_text(text, "one"), from_text(text.upper().replace(b"E", b"I"), "two")
    network = signature_spec(corpus.spec, hidden=HIDDEN, profile="smoke").model.untrained()
    gram = ngram_spec(corpus.spec, 3, "smoke")
    # λ of the whole corpus, so that it is the same for all segments.
    mix = factorized_spec(
        (corpus.spec, other.spec), hidden=HIDDEN, profile="smoke", lambda_from="domain"
    )
    kernel = KernelSpec(model=mix, part="base+basis", bigram=("h", "e"))
    pruned = PrunedSpec(pruning=pruning_spec(atlas_spec(mix), other.spec, "norm"), keep=40)
    whole = factorized_lm.build(mix)
    theirs = Theirs()
    theirs.encoder, theirs.decoder = nn.Embedding(N_SYMBOLS, 12), nn.Linear(24, N_SYMBOLS)
    imported = reader.read(*files(theirs, symbols=SYMBOLS[::-1]), "theirs")
    return {
        "char_lm": (network, char_lm.train(network, corpus)[0]),
        "ngram": (gram, estimate(corpus.train, gram.order)),
        "imported": (imported.spec, imported.weights),
        "factorized": (mix, factorized_lm.save(mix, whole)),
        "kernel": (kernel, factorized_lm.save(kernel, factorized_lm.part(whole, kernel))),
        "pruned": (pruned, factorized_lm.save(pruned, whole.pruned(np.arange(40)))),
    }


@pytest.fixture(params=[name for name, kind in KINDS.items() if kind.model])
def loaded(request: pytest.FixtureRequest, text: bytes) -> tuple[LanguageModelSpec, LanguageModel]:
    spec, artifact = models(text)[request.param]
    assert spec.kind == request.param
    return spec, load_model(spec, artifact, "cpu")


def test_every_predicted_symbol_has_a_score_and_a_first_guess(
    loaded: tuple[LanguageModelSpec, LanguageModel], text: bytes
) -> None:
    _, model = loaded
    corpus = from_text(text, "one")
    everything = np.arange(len(corpus.test))
    scores, first = (ask(corpus, "test", everything) for ask in (model.score, model.first))
    assert scores.shape == first.shape == (corpus.test.total + len(corpus.test),)
    assert (scores.dtype, first.dtype) == (np.float64, np.uint8)
    assert np.isfinite(scores).all() and (scores < 0).all() and (first < N_SYMBOLS).all()

    some = everything[1::3]
    part = np.isin(np.repeat(everything, corpus.test.lengths + 1), some)
    np.testing.assert_allclose(model.score(corpus, "test", some), scores[part], atol=1e-5)
    assert (model.first(corpus, "test", some) == first[part]).all()


def test_the_probabilities_of_what_may_come_next_sum_to_one(
    loaded: tuple[LanguageModelSpec, LanguageModel], text: bytes
) -> None:
    spec, model = loaded
    begin = [SYMBOLS.index(letter) for letter in "the "]
    known = from_text(text, "one")
    # To an n-gram every symbol that its text lacks is the one word <unk>.
    words = {*known.train.symbols.tolist(), UNK} if spec.kind == "ngram" else {*range(N_SYMBOLS)}
    others = sorted(words - {EOS})
    segments = [begin, *([*begin, symbol] for symbol in others)]
    ends = np.cumsum([0, *map(len, segments)])
    test = Segments(np.concatenate(segments).astype(np.uint8), ends)
    corpus = Corpus("next", "line", known.train, known.dev, test)

    rows = np.arange(len(test))
    place = test.offsets[:-1] + rows + len(begin)
    p = np.exp(model.score(corpus, "test", rows)[place])
    assert p.sum() == pytest.approx(1, abs=1e-5)
    guesses = model.first(corpus, "test", rows)[place]
    assert set(guesses.tolist()) == {[EOS, *others][int(p.argmax())]}


def test_every_symbol_has_a_state_of_the_size_that_the_spec_names(
    loaded: tuple[LanguageModelSpec, LanguageModel], text: bytes
) -> None:
    spec, model = loaded
    corpus = from_text(text, "one")
    texts = [part.take(np.arange(5)) for part in corpus.splits.values()]
    found = model.states(corpus, texts, StateSelection(spec.layers, spec.states[0], MAX_LAG))
    assert found.parameters > 0
    for part, states in zip(texts, (found.train, found.dev, found.test), strict=True):
        assert (states.dim, states.n_symbols) == (spec.dim(spec.states[0]), N_SYMBOLS)
        assert (states.size, states.lags) == (part.total, MAX_LAG + 1)
        (chunk,) = states.chunks()
        assert chunk.states.shape == (part.total, spec.dim(spec.states[0]))
        assert np.isfinite(chunk.states).all() and torch.tensor(chunk.states).std() > 0
        order = np.argsort(chunk.segments, kind="stable")
        now, back = chunk.targets[order].T[:2]
        inside = back >= 0
        assert (now == part.symbols).all() and (~inside).sum() == len(part)
        assert (back[inside] == part.symbols[np.flatnonzero(inside) - 1]).all()
