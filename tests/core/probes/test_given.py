"""The recent floor: against brute force, against kenlm, and against sources of known entropy."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from types import SimpleNamespace

import kenlm
import numpy as np
import pytest
import torch

from core.corpora import Segments
from core.models.ngram.kneser_ney import Ngram, estimate
from core.probes import given
from core.probes.data import Chunk
from core.probes.given import RecentFloor
from core.probes.states import ArrayStates, lagged
from core.text import SYMBOLS
from core.training.kneser_ney import discounts


def source_of(symbols: np.ndarray, max_lag: int, size: int) -> ArrayStates:
    """A source of these symbols [segments, time], -1 where padded; its states say nothing."""
    states = np.zeros((*symbols.shape, 1), dtype=np.float32)
    return ArrayStates(states, symbols, np.arange(len(symbols)), max_lag, size)


def targets_of(source: ArrayStates) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([chunk.targets for chunk in source.chunks()]))


def leaning(seed: int, segments: int, size: int, longest: int = 14) -> np.ndarray:
    """Segments of 1 to `longest` symbols, each leaning on the one before it, so they repeat."""
    rng = np.random.default_rng(seed)
    steps = rng.geometric(0.45, (segments, longest)).cumsum(1) % size
    return np.where(np.arange(longest) < rng.integers(1, longest + 1, (segments, 1)), steps, -1)


class ByTheRules:
    """Modified Kneser-Ney of the backward text, straight from the formulas."""

    def __init__(self, symbols: np.ndarray, order: int, size: int) -> None:
        raw: Counter[tuple[int, ...]] = Counter()
        left: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
        for segment in symbols:
            framed = [size + 1, *segment[segment >= 0][::-1].tolist(), size]
            for n in range(1, order + 1):
                for start in range(len(framed) - n + 1):
                    gram = tuple(framed[start : start + n])
                    raw[gram] += 1
                    left[gram] |= set(framed[start - 1 : start])
        del raw[(size + 1,)]  # the edge that begins a segment is not predicted
        self.size = size
        self.counts = {g: n if len(g) == order else len(left[g]) or n for g, n in raw.items()}
        self.following: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for gram, count in self.counts.items():
            self.following[gram[:-1]].append(count)
        self.discounts = {}
        for n in range(1, order + 1):
            of_order = Counter(count for gram, count in self.counts.items() if len(gram) == n)
            self.discounts[n] = (0, *discounts([of_order[count] for count in (1, 2, 3, 4)]))

    def interpolated(self, gram: tuple[int, ...]) -> float:
        lower = self.interpolated(gram[1:]) if len(gram) > 1 else 1 / (self.size + 1)
        counts, d = self.following.get(gram[:-1]), self.discounts[len(gram)]
        if not counts:
            return lower
        count = self.counts.get(gram, 0)
        withheld = sum(d[min(n, 3)] for n in counts)
        return (count - d[min(count, 3)] + withheld * lower) / sum(counts)

    def p(self, context: list[int]) -> np.ndarray:
        """Of every symbol, given that there is one. context: the nearest symbol last."""
        p = np.array([self.interpolated((*context, symbol)) for symbol in range(self.size)])
        return p / p.sum()


def test_every_lag_equals_the_formulas() -> None:
    size, max_lag = 7, 7
    symbols = leaning(0, 60, size - 1)  # the last symbol never occurs
    floor = RecentFloor.fit(source_of(symbols, max_lag, size))
    assert floor.depth == 5
    held_out = targets_of(source_of(leaning(1, 12, size), max_lag, size))
    log_p = floor.log_probs(held_out).numpy()
    shortened = 0
    for lag in range(max_lag + 1):
        context = min(lag, 5)
        assert floor.order(lag) == context + 1
        rules = ByTheRules(symbols, context + 1, size)
        for row in np.flatnonzero(held_out[:, lag] >= 0):
            seen = held_out[row, lag - context : lag].tolist()
            shortened += tuple(seen) not in rules.following
            assert np.exp(log_p[row, lag]) == pytest.approx(rules.p(seen), abs=1e-6)
    assert 20 < shortened < 0.9 * (held_out >= 0).sum()


def test_order_6_equals_kenlm_on_the_backward_text() -> None:
    size, max_lag = 10, 8
    symbols = leaning(2, 400, size - 1)  # the last symbol never occurs: kenlm's <unk>
    floor = RecentFloor.fit(source_of(symbols, max_lag, size))
    backward = [segment[segment >= 0][::-1] for segment in symbols]
    text = np.concatenate(backward).astype(np.uint8)
    model = Ngram(estimate(Segments(text, np.cumsum([0, *map(len, backward)])), 6))
    held_out = targets_of(source_of(leaning(3, 40, size), max_lag, size))
    log_p = floor.log_probs(held_out).numpy()
    compared = 0
    for lag in (5, 6, 8):
        for row in np.flatnonzero(held_out[:, lag] >= 0):
            nearest_first = held_out[row, lag - 5 : lag].flip(0).tolist()
            state, after = model.state(nearest_first), kenlm.State()
            scores = [model.model.BaseScore(state, word, after) for word in SYMBOLS[:size]]
            p = 10 ** np.array(scores)
            assert np.exp(log_p[row, lag]) == pytest.approx(p / p.sum(), abs=1e-5)
            compared += 1
    assert compared > 200


def test_probabilities_sum_to_one_after_seen_and_unseen_contexts() -> None:
    floor = RecentFloor.fit(source_of(leaning(4, 50, 9), 10, 12))
    anything = torch.from_numpy(np.random.default_rng(0).integers(0, 12, (500, 11)))
    for targets in (targets_of(source_of(leaning(4, 50, 9), 10, 12)), anything):
        total = floor.log_probs(targets).exp().sum(2)[targets >= 0]
        assert total.numpy() == pytest.approx(1, abs=1e-5)


def cross_entropies(floor: RecentFloor, held_out: ArrayStates) -> list[float]:
    """Of the floor, by lag, in bits."""
    targets = targets_of(held_out)
    log_p = floor.log_probs(targets).gather(2, targets.clamp(min=0)[:, :, None])[:, :, 0]
    # Where there is no target the row is zero.
    return (-log_p.sum(0) / (targets >= 0).sum(0) / math.log(2)).tolist()


def test_a_first_order_source_has_its_conditional_entropy_at_every_lag() -> None:
    rng = np.random.default_rng(5)
    size, max_lag = 4, 8
    table = rng.dirichlet(np.full(size, 0.5), size)
    share = np.linalg.matrix_power(table, 200)[0]
    text = np.zeros((2, 2000, 60), dtype=np.int64)
    text[..., 0] = rng.choice(size, text.shape[:2], p=share)
    for t in range(1, text.shape[2]):
        draws = rng.random((*text.shape[:2], 1))
        text[..., t] = (draws > table.cumsum(1)[text[..., t - 1], :-1]).sum(2)
    source, held_out = (source_of(part, max_lag, size) for part in text)
    found = cross_entropies(RecentFloor.fit(source), held_out)
    assert found[0] == pytest.approx(-float(share @ np.log2(share)), abs=0.02)
    # A stationary chain is as surprising backward as forward.
    entropy = -float(share @ (table * np.log2(table)).sum(1))
    assert found[1:] == pytest.approx([entropy] * max_lag, abs=0.02)


def test_independent_symbols_have_their_entropy_at_every_lag() -> None:
    rng, p = np.random.default_rng(6), np.array([0.6, 0.3, 0.1])
    source, held_out = (source_of(rng.choice(3, (2000, 50), p=p), 8, 4) for _ in range(2))
    found = cross_entropies(RecentFloor.fit(source), held_out)
    assert found == pytest.approx([-float(p @ np.log2(p))] * 9, abs=0.01)


def test_nothing_beyond_the_present_is_looked_at() -> None:
    floor = RecentFloor.fit(source_of(leaning(7, 80, 6), 6, 6))
    targets = torch.from_numpy(np.random.default_rng(1).integers(0, 6, (300, 7)))
    log_p = floor.log_probs(targets)
    for lag in range(7):
        changed = targets.clone()
        changed[:, lag:] = 5 - targets[:, lag:]  # the truth, and what is older
        changed[:, : max(lag - 5, 0)] = 0  # symbols farther than five away
        assert torch.equal(floor.log_probs(changed)[:, lag], log_p[:, lag])
        if lag:
            changed[:, lag - 1] = 5 - targets[:, lag - 1]  # the nearest
            assert not torch.equal(floor.log_probs(changed)[:, lag], log_p[:, lag])


def test_no_target_is_a_row_of_zeros() -> None:
    source = source_of(leaning(8, 30, 5), 6, 5)
    targets = targets_of(source)
    log_p = RecentFloor.fit(source).log_probs(targets)
    assert log_p.dtype == torch.float32 and log_p.shape == (*targets.shape, 5)
    assert (targets < 0).any() and (log_p[targets < 0] == 0).all()
    assert (log_p[targets >= 0] < 0).all()


def test_lags_below_zero_have_no_context() -> None:
    symbols, size = leaning(9, 60, 5), 5
    floor = RecentFloor.fit(source_of(symbols, 3, size))
    targets = lagged(symbols, 6, -2)[symbols >= 0]
    segments, steps = np.nonzero(symbols >= 0)
    chunk = Chunk(np.zeros((len(targets), 1)), targets, segments, steps + 1)
    ahead = RecentFloor.fit(
        SimpleNamespace(n_symbols=size, first=-2, lags=6, chunks=lambda: iter([chunk]))
    )
    assert [ahead.order(lag) for lag in range(-2, 4)] == [1, 1, 1, 2, 3, 4]
    log_p = ahead.log_probs(torch.from_numpy(targets))
    assert torch.equal(log_p[:, 2:], floor.log_probs(torch.from_numpy(targets[:, 2:])))
    unigram = ByTheRules(symbols, 1, size).p([])
    for column in (0, 1):
        valid = targets[:, column] >= 0
        assert np.exp(log_p[valid, column].numpy()) == pytest.approx(
            np.tile(unigram, (valid.sum(), 1)), abs=1e-6
        )


def test_segments_of_one_symbol() -> None:
    symbols = np.array([[0], [1], [0]])
    source = source_of(symbols, 3, 3)
    floor = RecentFloor.fit(source)
    log_p = floor.log_probs(targets_of(source))
    assert torch.isfinite(log_p).all() and (log_p[:, 1:] == 0).all()
    assert np.exp(log_p[0, 0].numpy()) == pytest.approx(ByTheRules(symbols, 1, 3).p([]))
    longer = torch.tensor([[0, 1, 2, 0]])
    assert floor.log_probs(longer).exp().sum(2).numpy() == pytest.approx(1)


def test_segments_do_not_run_into_each_other_nor_over_a_gap() -> None:
    apart = np.array([[0, 1, -1, -1, -1], [2, 3, -1, -1, -1]] * 20)
    gap = np.array([[0, 1, -1, 2, 3]] * 20)
    expected, found = (RecentFloor.fit(source_of(symbols, 2, 4)) for symbols in (apart, gap))
    targets = torch.tensor([[1, 0, -1], [2, 1, 0], [3, 2, 1]])
    assert torch.equal(expected.log_probs(targets), found.log_probs(targets))


def test_a_text_without_states_gives_the_same_floor() -> None:
    symbols = leaning(11, 60, 6)
    source = source_of(symbols, 6, 6)
    starts = np.cumsum((symbols >= 0).sum(1)) - (symbols >= 0).sum(1)
    text = symbols[symbols >= 0].astype(np.uint8)
    expected, found = RecentFloor.fit(source), RecentFloor.from_text(text, starts, 6, 0, 7)
    assert torch.equal(found.table, expected.table)
    assert torch.equal(found.rows(targets_of(source)), expected.rows(targets_of(source)))


def test_thousands_of_symbols_fit_into_bounded_tables_of_a_lower_order() -> None:
    size = 3000
    symbols = np.random.default_rng(2).zipf(1.3, (800, 50)) % size
    source = source_of(symbols, 10, size)
    floor = RecentFloor.fit(source)
    assert floor.table.nbytes + floor.children.nbytes <= given.TABLE_BYTES + 4 * size
    assert floor.depth == 1 and [floor.order(lag) for lag in (0, 1, 2, 10)] == [1, 2, 2, 2]
    targets = targets_of(source)[:50]
    log_p = floor.log_probs(targets)
    assert log_p.exp().sum(2)[targets >= 0].numpy() == pytest.approx(1, abs=1e-5)


def test_a_lower_order_for_want_of_memory_is_that_of_fewer_lags(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    symbols = leaning(10, 60, 6)
    targets = targets_of(source_of(symbols, 6, 6))
    whole = RecentFloor.fit(source_of(symbols, 6, 6))
    monkeypatch.setattr(given, "TABLE_BYTES", whole.table.nbytes // 4)
    small = RecentFloor.fit(source_of(symbols, 6, 6))
    assert 0 < small.depth < 5
    assert small.table.nbytes + small.children.nbytes <= given.TABLE_BYTES + 4 * 6
    lags = small.depth + 1
    expected = RecentFloor.fit(source_of(symbols, small.depth, 6)).log_probs(targets[:, :lags])
    assert torch.equal(small.log_probs(targets)[:, :lags], expected)
