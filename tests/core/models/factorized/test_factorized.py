"""Factorized kernels: the model against dense references, λ, its parts, its atlas, its pruning."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core import cells
from core.corpora import Corpus, Segments, from_text
from core.models.factorized import factorized_lm, rankone
from core.models.factorized.builders import factorized_spec
from core.models.factorized.spec import FactorizedSpec
from core.models.factorized.windows import BASES, Windows, bigram_counts
from core.models.language.char_lm import CharLM, score
from core.text import BOS, EOS, SYMBOLS
from core.training import loop
from core.training.batches import PAD, padded
from tests.core.models.language.test_char_lm import Memory

CELLS = cells.names(factorizes=True)


@pytest.fixture(scope="module")
def corpora(text: bytes) -> tuple[Corpus, Corpus]:
    other = text.upper().replace(b"THE", b"those").replace(b"AND", b"or")
    return from_text(text, "one"), from_text(other, "two")


def spec(corpora: tuple[Corpus, Corpus], cell: str = "lstm", **changes: object) -> FactorizedSpec:
    made = factorized_spec((corpora[0].spec, corpora[1].spec), cell, profile="smoke")
    return made.model_copy(update={"hidden": 12} | changes)


def by_hand(model: factorized_lm.FactorizedLM, factors: Tensor, read: Tensor) -> Tensor:
    """Logits of one segment, every step by the equations, W made in full: [time, symbols]."""
    layer = model.layers[0]
    whole = torch.cat([layer.weight_ih_l0, layer.weight_hh_l0], 1)
    for i in range(len(model.left)):
        whole = whole + factors[i] * torch.outer(model.left[i], model.right[i])
    n = model.right.shape[1] // 2
    h = c = torch.zeros(n)
    out = []
    for symbol in read:
        x = model.embedding.weight[symbol]
        if model.cell.name == "lstm":
            gates = whole @ torch.cat([x, h]) + layer.bias_ih_l0 + layer.bias_hh_l0
            i, f, g, o = gates.chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        elif model.cell.name == "elman":
            h = (whole @ torch.cat([x, h]) + layer.bias_ih_l0 + layer.bias_hh_l0).tanh()
        else:
            a, b = whole[:, :n] @ x + layer.bias_ih_l0, whole[:, n:] @ h + layer.bias_hh_l0
            reset, update = ((a + b)[k * n : (k + 1) * n].sigmoid() for k in range(2))
            fresh = (a[2 * n :] + reset * b[2 * n :]).tanh()
            h = update * h + (1 - update) * fresh
        out.append(model.projection(h))
    return torch.stack(out)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("segments", [1, 5])
def test_equal_to_a_dense_reference(
    corpora: tuple[Corpus, Corpus], cell: str, segments: int
) -> None:
    """Values and gradients, W materialized for every segment; a window of one segment, too."""
    mine = spec(corpora, cell, window=segments)
    mix = factorized_lm.Mix(mine, corpora, "cpu")
    model = mix.build()
    with torch.no_grad():
        model.left.mul_(30)  # so that the bases matter
    window = 3
    rows = mix.train[0].rows(window)
    assert len(rows) == segments
    factors = torch.from_numpy(mix.train[0].factors(window))
    assert 0 < (factors > 0).sum() < BASES

    logits, predict = mix.read(model, factorized_lm.WindowRows(0, window, rows), 1.0)
    loss = F.cross_entropy(logits.flatten(0, 1), predict.flatten(), ignore_index=PAD)
    loss.backward()
    got = {name: p.grad.clone() for name, p in model.named_parameters()}

    model.zero_grad()
    references, targets = [], []
    for place, row in enumerate(rows):
        read, wanted = (part[:, 0] for part in padded(mix.train[0].segments, np.array([row])))
        references.append(by_hand(model, factors, read))
        targets.append(wanted)
        assert torch.allclose(logits[: len(read), place], references[-1], atol=1e-5)
    reference = F.cross_entropy(torch.cat(references), torch.cat(targets))
    reference.backward()
    assert loss.item() == pytest.approx(reference.item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        assert torch.allclose(got[name], parameter.grad, atol=1e-5), name
    assert got["left"].abs().max() > 1e-4 and got["right"].abs().max() > 1e-4
    unused = factors == 0
    assert not got["left"][unused].any()


def test_bigrams_are_counted_with_both_ends() -> None:
    segments = Segments.of(["ab", "b"])
    counts = bigram_counts(segments)
    pairs = [(BOS, 0), (0, 1), (1, EOS), (BOS, 1), (1, EOS)]
    expected = np.zeros(BASES, dtype=int)
    for first, second in pairs:
        expected[first * len(SYMBOLS) + second] += 1
    assert (counts == expected).all()
    assert bigram_counts(segments, 1, 2).sum() == 2


def test_no_segment_takes_part_in_its_own_factors(corpora: tuple[Corpus, Corpus]) -> None:
    """Whatever a window says, its own λ stays; with 'oracle' it would not."""
    mine = spec(corpora, window=8)
    corpus = corpora[0]
    before = Windows(mine, corpus, "dev")
    changed = [segment.copy() for segment in corpus.dev]
    for row in before.rows(1):
        changed[row][:] = 25  # nothing but 'z'
    lengths = corpus.dev.offsets
    altered = Corpus(
        corpus.name,
        corpus.segment,
        corpus.train,
        Segments(np.concatenate(changed), lengths),
        corpus.test,
    )
    after = Windows(mine, altered, "dev")
    assert len(before) > 2
    for window in (0, 1):  # the changed window and all before it
        assert (before.factors(window) == after.factors(window)).all()
    assert (before.factors(2) != after.factors(2)).any()
    oracle = mine.model_copy(update={"lambda_from": "oracle"})
    leaky = Windows(oracle, corpus, "dev").factors(1), Windows(oracle, altered, "dev").factors(1)
    assert (leaky[0] != leaky[1]).any()
    domain = Windows(mine.model_copy(update={"lambda_from": "domain"}), altered, "dev")
    assert (domain.factors(1) == domain.factors(2)).all()
    assert (before.factors(0) == domain.domain).all()  # nothing before it: the train split's
    for window in range(len(before)):
        assert np.linalg.norm(before.factors(window)) == pytest.approx(1)


def test_windows_cover_the_split_in_order(corpora: tuple[Corpus, Corpus]) -> None:
    windows = Windows(spec(corpora, window=7), corpora[0], "train")
    rows = np.concatenate([windows.rows(window) for window in range(len(windows))])
    assert (rows == np.arange(len(corpora[0].train))).all()
    drawn = windows.sample_rows(2000, seed=0)
    assert 2000 <= windows.segments.lengths[drawn].sum() < 2000 + 7 * 60
    assert list(drawn) == sorted(set(drawn))
    held = {row // 7 for row in drawn.tolist()}  # whole windows
    assert set(drawn.tolist()) == {row for window in held for row in windows.rows(window).tolist()}
    assert len(windows.sample_rows(None, 0)) == len(windows.segments)


def test_an_epoch_reads_another_share_of_the_windows(corpora: tuple[Corpus, Corpus]) -> None:
    windows = Windows(spec(corpora, window=7), corpora[0], "train")
    third = windows.segments.total // 3
    shares = [windows.share(third, 0, number) for number in range(3)]
    lengths = windows.segments.lengths
    for share in shares:
        held = sum(lengths[windows.rows(window)].sum() for window in share.tolist())
        assert abs(held - third) < 7 * 60
    read = np.concatenate(shares).tolist()
    assert len(read) == len(set(read)) and len(read) >= len(windows) - 1
    assert list(windows.share(None, 0, 4)) == list(range(len(windows)))


@pytest.mark.parametrize("cell", CELLS)
def test_rank_one_recurrences_are_the_full_ones(corpora: tuple[Corpus, Corpus], cell: str) -> None:
    """Alone and added to a shared kernel: the states of a network with that kernel."""
    torch.manual_seed(0)
    plain = CharLM(cell, 1, 12).requires_grad_(False)
    parts = rankone.RankOne(torch.randn(3, plain.cell.gates * 12), torch.randn(3, 24)).times(
        torch.tensor([0.5, -1.0, 2.0])
    )
    assert parts.norms.tolist() == pytest.approx(
        [
            torch.linalg.matrix_norm(torch.outer(u, v)).item()
            for u, v in zip(parts.left, parts.right, strict=True)
        ]
    )
    read, _ = padded(corpora[0].train, np.arange(6))
    for shared in (False, True):
        for k in range(3):
            full = CharLM(cell, 1, 12).requires_grad_(False)
            full.load_state_dict(plain.state_dict())
            for half, name in enumerate(("weight_ih_l0", "weight_hh_l0")):
                weight = getattr(full.layers[0], name)
                rank_one = torch.outer(parts.left[k], parts.right[k, 12 * half : 12 * half + 12])
                weight.copy_(rank_one + (weight if shared else 0))
            for state in full.cell.states:
                got = rankone.unroll(plain, parts, read, shared, state)[:, k]
                assert torch.allclose(got, full.states(read, 1)[state], atol=1e-5)


@pytest.mark.slow
def test_training_learns_and_the_plain_network_is_one_of_them(
    corpora: tuple[Corpus, Corpus],
) -> None:
    found = {}
    for bases in (True, False):
        mine = spec(corpora, bases=bases, window=8)
        budget = mine.budget.model_copy(update={"epochs": 6, "patience": 6, "learning_rate": 2e-2})
        mine = mine.model_copy(update={"budget": budget})
        weights, facts = factorized_lm.train(mine, corpora)
        model = factorized_lm.load(mine, weights)
        mix = factorized_lm.Mix(mine, corpora, "cpu")
        assert (
            mix.evaluate(model)["perplexity"] == pytest.approx(facts["perplexity"])
            and model.means.any()
        )
        assert facts["perplexity"] < 6
        found[bases] = model
    assert len(found[False].left) == 0 and len(found[True].left) == BASES
    windows = Windows(spec(corpora), corpora[0], "test")
    rows = np.arange(len(corpora[0].test))
    plain = found[False].at(torch.zeros(BASES))
    expected = score(plain, corpora[0].test, "cpu")[0]
    assert np.allclose(
        factorized_lm.score(found[False], windows, rows, "cpu")[0], expected, atol=1e-5
    )


def test_the_network_at_fixed_factors(corpora: tuple[Corpus, Corpus]) -> None:
    """`at` bakes λ into an ordinary network; with 'domain' λ that is the model itself."""
    mine = spec(corpora, lambda_from="domain")
    model = factorized_lm.build(mine).requires_grad_(False)
    model.left.mul_(30)
    windows = Windows(mine, corpora[0], "test")
    rows = np.arange(3, len(corpora[0].test), 2)
    logs, first = factorized_lm.score(model, windows, rows, "cpu")
    plain = model.at(torch.from_numpy(windows.domain))
    expected = score(plain, corpora[0].test.take(rows), "cpu")
    assert np.allclose(logs, expected[0], atol=1e-5) and (first == expected[1]).mean() > 0.99
    base = model.at(torch.zeros(BASES))
    assert math.exp(-score(base, corpora[0].test, "cpu")[0].mean()) != pytest.approx(
        math.exp(-expected[0].mean()), abs=1e-3
    )


def test_a_killed_and_resumed_run_gives_the_same_weights(
    corpora: tuple[Corpus, Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # after every minibatch
    mine = spec(corpora)
    budget = mine.budget.model_copy(update={"epochs": 2, "keeps": (0.8,), "symbols": 3000})
    mine = mine.model_copy(update={"budget": budget})
    expected, facts = factorized_lm.train(mine, corpora)
    checkpoint = Memory()
    torch.manual_seed(99)  # what ran before must not matter
    got, resumed = checkpoint.resumed(
        lambda saved: factorized_lm.train(mine, corpora, checkpoint=saved), 2, 3, 1
    )
    assert len(checkpoint.saved) > 7 and got == expected
    assert resumed["symbols"] == facts["symbols"]
