"""Listen-Attend-Spell: it learns, padding changes nothing, and alignments are right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from core.corpora.speech.utterances import SpeechCorpus, Utterances
from core.errors import BadInput
from core.models.las import alignment, decoding, lesson
from core.models.las.batches import minibatch
from core.models.las.encoder import Encoder
from core.models.las.network import BLANK, Las, build, load
from core.models.las.spec import LasSignatureSpec
from core.text import EOS
from core.training import loop
from core.training.checkpoints import unpack
from tests.core.corpora.speech import toy_speech
from tests.core.models.language.test_char_lm import Memory


@pytest.fixture(scope="module")
def corpus() -> SpeechCorpus:
    return toy_speech.corpus()


@pytest.fixture(scope="module")
def learned(corpus: SpeechCorpus) -> tuple[bytes, dict]:
    return lesson.train(toy_speech.model(corpus), corpus)


@pytest.fixture(scope="module")
def trained(corpus: SpeechCorpus, learned: tuple[bytes, dict]) -> Las:
    return load(toy_speech.model(corpus), learned[0])


@pytest.mark.slow
def test_it_learns_to_spell_what_it_hears(
    corpus: SpeechCorpus, trained: Las, learned: tuple[bytes, dict]
) -> None:
    rates = decoding.error_rates(corpus.test, decoding.transcribe(trained, corpus.test))
    assert rates.cer < 0.05 and rates.wer < 0.2
    facts = learned[1]
    assert facts["cer"] == min(row["dev_cer"] for row in facts["curve"]) < 0.05
    moments, followed = alignment.align(trained, corpus.test)
    assert followed["monotone"] > 0.95
    # All three alignments name about the same moments: within one letter's length.
    words = alignment.place_by_words(corpus.test)
    for found in moments.values():
        assert np.median(np.abs(found - words)) < 45


def test_a_killed_and_resumed_run_gives_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # after every minibatch
    corpus = toy_speech.corpus(40, 8)
    spec = toy_speech.model(corpus, epochs=3)
    expected, facts = lesson.train(spec, corpus)
    checkpoint = Memory()
    got, resumed = checkpoint.resumed(
        lambda saved: lesson.train(spec, corpus, checkpoint=saved), 2, 4, 1
    )
    assert got == expected
    assert [row["dev_cer"] for row in resumed["curve"]] == [r["dev_cer"] for r in facts["curve"]]


@pytest.mark.parametrize("reduction", [4, 8])
@torch.no_grad()
def test_padding_changes_nothing(corpus: SpeechCorpus, reduction: int) -> None:
    """Each utterance alone and in a minibatch with longer ones: states, attention, CTC, loss."""
    model = build(toy_speech.model(corpus).model_copy(update={"reduction": reduction}))
    for weights in model.parameters():
        weights.mul_(2)  # far from linear
    rows = np.arange(9)
    together = minibatch(corpus.dev, rows, model.reduction)
    memory, ctc = model(together)
    lengths = model.whole(together.lengths)
    assert len(set(lengths.tolist())) > 2
    for row in rows:
        alone = minibatch(corpus.dev, rows[row : row + 1], model.reduction)
        own_memory, own_ctc = model(alone)
        steps = alone.read.shape[1]
        for part in ("h", "c", "context"):
            mine = getattr(memory, part)[row, :steps]
            assert (mine - getattr(own_memory, part)[0]).abs().max() < 1e-5
        frames = int(lengths[row]) // model.ctc_rate
        assert (ctc[:frames, row] - own_ctc[:, 0]).abs().max() < 1e-4
        for layer, rate in enumerate(model.encoder.rates, start=1):
            states = model.encoder_states(together, layer)
            for name, own in model.encoder_states(alone, layer).items():
                mine = states[name][: int(lengths[row]) // rate, row]
                assert (mine - own[:, 0]).abs().max() < 1e-5


@torch.no_grad()
def test_states_of_the_encoder_are_those_it_computes_with(corpus: SpeechCorpus) -> None:
    model = build(toy_speech.model(corpus))
    batch = minibatch(corpus.dev, np.arange(5), model.reduction)
    layers, _ = model.listen(batch)
    for number, output in enumerate(layers, start=1):
        states = model.encoder_states(batch, number)
        assert torch.equal(states["h"], output)
        assert states["c"].shape == output.shape


def test_time_reduction_needs_enough_layers() -> None:
    assert Encoder(8, 3, 4, 4).rates == [2, 4, 4]
    assert Encoder(8, 4, 4, 8).rates == [2, 4, 8, 8]
    with pytest.raises(ValueError, match="cannot reduce"):
        Encoder(8, 2, 4, 8)


def test_ctc_places_are_the_best_of_all_paths() -> None:
    generator = np.random.default_rng(0)
    for symbols in ([0, 1], [2, 2], [1], [0, 0, 1]):
        for steps in (4, 6):
            log_probs = np.log(generator.dirichlet(np.ones(BLANK + 1), (steps, 1)))
            # Make the few symbols at stake likely, so that paths differ.
            log_probs[:, :, [0, 1, 2, BLANK]] += 6 * generator.random((steps, 1, 4))
            best, path = max(
                (sum(log_probs[t, 0, s] for t, s in enumerate(path)), path)
                for path in itertools.product((*set(symbols), BLANK), repeat=steps)
                if [s for s, _ in itertools.groupby(path) if s != BLANK] == symbols
            )
            runs, start = [], 0
            for symbol, group in itertools.groupby(path):
                length = len(list(group))
                if symbol != BLANK:
                    heights = log_probs[start : start + length, 0, symbol]
                    runs.append(start + int(heights.argmax()))
                start += length
            longer = np.concatenate([log_probs, generator.normal(size=(3, 1, BLANK + 1))])
            found = alignment.place_by_ctc(
                np.concatenate([longer, longer], 1),
                np.array([steps, 1]),
                np.array([symbols, symbols]),
                np.array([len(symbols), len(symbols)]),
            )
            assert found[0].tolist() == runs, (best, path)
            if len(symbols) > 1:  # one step cannot hold them
                assert (found[1] == -1).all()


def test_monotone_counts_moves_that_do_not_go_back() -> None:
    assert alignment.monotone_steps(np.array([0, 1, 1, 4, 9]), 10) == 4
    assert alignment.monotone_steps(np.array([0, 5, 4, 9]), 10) == 2
    assert alignment.monotone_steps(np.array([9, 5, 4, 0]), 10) == 0
    assert alignment.monotone_steps(np.array([3, 3, 3, 3]), 10) == 0  # stuck, not monotone
    assert alignment.monotone_steps(np.array([0]), 10) == 0


def test_words_spread_their_symbols_evenly() -> None:
    said = Utterances.of(
        [np.zeros((40, 8)), np.zeros((10, 8))],
        [np.zeros(4), np.zeros(2)],
        [np.array([[0, 0], [3, 300]]), np.zeros((0, 2))],
        ["a", "b"],
        8,
    )
    moments = alignment.place_by_words(said)
    assert moments[:4].tolist() == [50, 150, 250, 350]
    assert np.isnan(moments[4:]).all()


def test_a_beam_is_never_worse_than_greedy(corpus: SpeechCorpus, trained: Las) -> None:
    fresh = build(toy_speech.model(corpus)).requires_grad_(False)
    for model in (trained, fresh):
        for row in range(6):
            batch = minibatch(corpus.test, np.array([row]), model.reduction)
            _, heard = model.listen(batch)
            length = int(batch.lengths[0])
            greedy = decoding.greedy(model, heard, batch.lengths)[0]
            beam = decoding.beam(model, heard, length, width=4)
            assert beam.score >= greedy.score - 1e-6
            assert len(beam.symbols) <= length // decoding.FRAMES_PER_SYMBOL + decoding.MORE
            assert EOS not in beam.symbols and EOS not in greedy.symbols


def test_greedy_scores_are_those_of_the_spelling(corpus: SpeechCorpus, trained: Las) -> None:
    for row, spelling in enumerate(decoding.transcribe(trained, corpus.test)[:5]):
        said = Utterances.of(
            [corpus.test.features(row)], [spelling.symbols], [np.zeros((0, 2))], ["x"], 16
        )
        batch = minibatch(said, np.array([0]), trained.reduction)
        with torch.no_grad():
            log_p = trained.speller.logits(trained(batch)[0]).log_softmax(2)
        mean = log_p[0].gather(1, batch.predict[0][:, None]).mean().item()
        assert spelling.score == pytest.approx(mean, abs=1e-4)


def test_an_untrained_recognizer_is_the_initial_one(corpus: SpeechCorpus) -> None:
    spec = toy_speech.model(corpus)
    weights, facts = lesson.train(spec.untrained(), corpus)
    fresh, kept = build(spec).state_dict(), unpack(weights)[0]
    assert facts["curve"] == []
    assert all(torch.equal(fresh[name], kept[name]) for name in fresh if "." in name)
    assert not torch.equal(kept["mean"], fresh["mean"])  # it hears standardized frames, too


def test_specs_refuse_what_does_not_exist(corpus: SpeechCorpus) -> None:
    from core.models.las.builders import las_signature

    model = toy_speech.model(corpus)
    for choice in (
        {"layer": "encoder 4"},
        {"layer": "query", "half": "forward"},
        {"layer": "query", "alignment": "ctc"},
        {"layer": "speller"},
    ):
        with pytest.raises(BadInput, match="no such signature"):
            las_signature(model, **choice)
    without = model.budget.model_copy(update={"ctc": (0.0, 0.0)})
    with pytest.raises(BadInput, match="CTC"):
        las_signature(model.model_copy(update={"budget": without}), "encoder 1", alignment="ctc")
    floor = las_signature(model, "encoder 1").floor
    assert isinstance(floor, LasSignatureSpec) and not floor.model.trained
    assert floor.model.aligner == model and floor.floor is None
    assert model.alignment in floor.needs() and floor.model.key in floor.needs()
    assert las_signature(model, "log-mel").floor is None
