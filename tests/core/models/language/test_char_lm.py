from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch

from core import compiled
from core.cells import loops
from core.corpora import Corpus, Segments, from_text
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.models.rows import count_first
from core.profiles import PROFILES
from core.text import BOS, EOS
from core.training import loop
from core.training.batches import PAD, bucketed, padded, sample, share
from core.training.checkpoints import pack, unpack

Trained = tuple[bytes, dict[str, Any]]


@pytest.fixture(scope="module")
def corpus(text: bytes) -> Corpus:
    return from_text(text, "words")


def spec(corpus: Corpus, cell: str = "gru", **changes: object) -> ModelSpec:
    budget = PROFILES["smoke"].training.model_copy(
        update={"epochs": 3, "patience": 3, "batch": 512, "symbols": None, **changes}
    )
    return ModelSpec(
        corpus=corpus.spec, cell=cell, layers=2, hidden=16, profile="smoke", budget=budget
    )


class Memory:
    """A checkpoint that keeps everything and dies after so many saves."""

    def __init__(self, saves: int | None = None) -> None:
        self.saved: list[bytes] = []
        self.left = saves

    def load(self) -> bytes | None:
        return self.saved[-1] if self.saved else None

    def save(self, data: bytes) -> None:
        self.saved.append(data)
        if self.left is not None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    def resumed(self, train: Callable[[Memory], Trained], *saves: int) -> Trained:
        """What a run returns that is killed after so many saves, and goes on, again and again."""
        for left in (*saves, None):
            self.left = left
            with suppress(KeyboardInterrupt):
                return train(self)
        raise AssertionError("it never ended")


@pytest.mark.slow
def test_training_learns_and_reports(corpus: Corpus) -> None:
    seen: list[float] = []
    mine = spec(corpus, epochs=8, learning_rate=2e-2)
    weights, facts = char_lm.train(mine, corpus, lambda f, m: seen.append(f))
    assert facts["perplexity"] < 4  # of 34 symbols; the words repeat
    assert seen == sorted(seen) and 0.9 < seen[-1] <= 1
    assert [row["epoch"] for row in facts["curve"]] == list(range(1, 9))
    assert facts["symbols"] == 8 * (corpus.train.total + len(corpus.train))
    model = char_lm.load(mine, weights)
    assert char_lm.evaluate(model, corpus.dev, "cpu") == pytest.approx(facts["perplexity"])


@pytest.mark.skipif(compiled.library("cells/loops") is None, reason="no C++ compiler here")
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_networks_are_trained_by_the_gradient_by_hand(
    corpus: Corpus, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And end at the weights that torch's own gradient gives, within rounding."""
    calls = 0
    by_hand = getattr(loops, name)

    def counted(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()  # dev is scored without gradients
        return by_hand(layer, x)

    mine = spec(corpus, name, epochs=2, symbols=2000)
    monkeypatch.setattr(loops, name, counted)
    monkeypatch.setattr(loops, "faster", lambda layer: True)
    weights, _ = char_lm.train(mine, corpus)
    minibatches = sum(
        len(list(char_lm.NextSymbolLesson(mine, corpus, "cpu", None).minibatches(epoch, epoch)))
        for epoch in range(2)
    )
    assert calls == minibatches * mine.layers > 0
    monkeypatch.setattr(loops, "available", lambda layer, x: False)
    expected, _ = char_lm.train(mine, corpus)
    models = [char_lm.load(mine, each).state_dict() for each in (weights, expected)]
    initial = char_lm.build(mine).state_dict()
    for name, values in models[0].items():
        assert (values - models[1][name]).abs().max() < 1e-3 * (1 + values.abs().max())
        assert (values - initial[name]).abs().max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [(0.9,), (0.8, 1.0)])
def test_a_killed_and_resumed_run_gives_the_same_weights(
    corpus: Corpus, keeps: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # after every minibatch
    expected, facts = char_lm.train(spec(corpus, keeps=keeps), corpus)
    checkpoint = Memory()
    checkpoint.saved.append(pack({}, {"epoch": 2}))  # of another version: as good as none
    torch.manual_seed(99)  # what ran before must not matter
    mine = spec(corpus, keeps=keeps)
    got, resumed = checkpoint.resumed(
        lambda saved: char_lm.train(mine, corpus, checkpoint=saved), 7, 40, 31, 1
    )
    assert len(checkpoint.saved) > 79
    assert got == expected
    timeless = [{k: v for k, v in row.items() if k != "seconds"} for row in resumed["curve"]]
    assert timeless == [{k: v for k, v in row.items() if k != "seconds"} for row in facts["curve"]]


def test_early_stopping_keeps_the_best_epoch(corpus: Corpus) -> None:
    """With an absurd learning rate the first epochs are the best ones."""
    hasty = spec(corpus, learning_rate=0.5, epochs=12, patience=2)
    _, facts = char_lm.train(hasty, corpus)
    curve = [row["dev_perplexity"] for row in facts["curve"]]
    assert facts["perplexity"] == min(curve)
    assert len(curve) < 12 and curve.index(min(curve)) == len(curve) - 3


def test_an_untrained_network_is_the_initial_one(corpus: Corpus) -> None:
    weights, facts = char_lm.train(spec(corpus).untrained(), corpus)
    assert facts["curve"] == [] and 25 < facts["perplexity"] < 45
    fresh = char_lm.build(spec(corpus)).state_dict()
    loaded = char_lm.load(spec(corpus), weights).state_dict()
    assert all(torch.equal(fresh[name], loaded[name]) for name in fresh)


def test_an_untrained_network_is_the_same_whatever_it_was_to_be_trained_by(corpus: Corpus) -> None:
    made = spec(corpus).untrained()
    assert made
    longer = {"epochs": 30, "patience": 1, "drops": 3, "learning_rate": 1.0}
    other = made.model_copy(update={"budget": made.budget.model_copy(update=longer)})
    (weights, facts), (again, of_other) = (char_lm.train(each, corpus) for each in (made, other))
    assert facts == of_other
    one, two = (unpack(data)[0] for data in (weights, again))
    assert all(torch.equal(one[name], two[name]) for name in one | two)


def test_perplexity_counts_the_end_but_not_the_start() -> None:
    segments = Segments.of(["ab", "b"])
    model = char_lm.CharLM("gru", 1, 4)
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
        model.projection.bias[0] = 5.0  # always 'a'
    logs, first = char_lm.score(model, segments, "cpu")
    n, correct = count_first(segments, first)
    assert n.sum().item() == 5  # a b </s>, b </s>
    assert np.flatnonzero(n[0]).tolist() == [0, 1, EOS]
    assert correct.sum().item() == 1
    other = math.log(math.exp(5) + 33)
    assert logs.tolist() == pytest.approx([5 - other, -other, -other, -other, -other])
    assert char_lm.evaluate(model, segments, "cpu") == pytest.approx(math.exp(other - 1))


def test_batches_hold_every_segment_once_and_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(1, 120, 3000)
    for order in (None, 0, 1):
        batches = bucketed(lengths, 2048, order)
        assert sorted(np.concatenate(batches)) == list(range(3000))
        area = sum((lengths[batch].max() + 1) * len(batch) for batch in batches)
        assert area < 1.1 * (lengths + 1).sum()
        widest = max((lengths[batch].max() + 1) * len(batch) for batch in batches)
        assert widest <= 2048 * 1.2  # the jitter may lengthen a batch a little
    assert [b.tolist() for b in bucketed(lengths, 2048, 0)] != [
        b.tolist() for b in bucketed(lengths, 2048, 1)
    ]


def test_padding() -> None:
    read, predict = padded(Segments.of(["ab", "c"]), np.array([0, 1]))
    assert read.T.tolist() == [[BOS, 0, 1], [BOS, 2, EOS]]
    assert predict.T.tolist() == [[0, 1, EOS], [2, EOS, PAD]]


def test_sample_takes_about_as_many_symbols_as_asked() -> None:
    segments = Segments.of(["abcde" * (1 + i % 7) for i in range(200)])
    rows = sample(segments, 1000, seed=0)
    assert 1000 <= segments.lengths[rows].sum() < 1035
    assert len(set(rows)) == len(rows) and list(rows) == sorted(rows)
    assert list(sample(segments, None, 0)) == list(range(200))


def test_shares_read_every_segment_once_before_any_twice() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 400)
    third = int(np.ceil(lengths.sum() / 3))
    shares = [share(lengths, third, 0, number) for number in range(6)]
    for rows in shares:
        assert list(rows) == sorted(set(rows.tolist()))
        assert abs(lengths[rows].sum() - third) < 60
    for start in (0, 3):  # twice through the text; a pass ends up to two symbols late
        read = np.concatenate(shares[start : start + 3])
        counts = np.bincount(read, minlength=400)
        assert counts.min() >= 0 and (counts == 1).sum() >= 399
    assert not set(shares[0]) & set(shares[1])
    assert share(lengths, third, 0, 0).tolist() == shares[0].tolist()
    assert share(lengths, third, 1, 0).tolist() != shares[0].tolist()
    for everything in (None, int(lengths.sum())):
        assert share(lengths, everything, 0, 2).tolist() == list(range(400))


def test_an_epoch_reads_the_share_of_its_number(corpus: Corpus) -> None:
    half = int(np.ceil(corpus.train.total / 2))
    lesson = char_lm.NextSymbolLesson(spec(corpus, symbols=half), corpus, "cpu", None)
    first, second = (
        np.concatenate([rows for _, rows in lesson.minibatches(epoch, epoch)]).tolist()
        for epoch in (0, 1)
    )
    assert not set(first) & set(second)
    assert len(first) + len(second) == len(set(first + second)) == len(corpus.train)
    fiftieth = lesson.spec.model_copy(update={"fraction": 0.02})
    few = char_lm.NextSymbolLesson(fiftieth, corpus, "cpu", None)
    rows = [np.concatenate([r for _, r in few.minibatches(n, n)]) for n in (0, 1)]
    assert sorted(rows[0]) == sorted(rows[1]) and len(rows[0]) < len(corpus.train) / 20
