"""Added bits against sources whose information is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

import core
from core.errors import BadInput

V, STEPS, SEGMENTS = 5, 30, 600


@pytest.fixture(scope="module")
def chain() -> tuple[np.ndarray, np.ndarray]:
    """A stationary first-order source: its segments [SEGMENTS, STEPS], and its transitions."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(V, 0.5), V)
    values, vectors = np.linalg.eig(p.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    text = np.empty((SEGMENTS, STEPS), dtype=np.int64)
    text[:, 0] = rng.choice(V, SEGMENTS, p=stationary)
    for t in range(1, STEPS):
        draw = rng.random(SEGMENTS)[:, None]
        text[:, t] = (p[text[:, t - 1]].cumsum(1) < draw).sum(1)
    return text, p


def held(text: np.ndarray, slots: int) -> np.ndarray:
    """The states of a delay line: the last `slots` symbols, one-hot."""
    hot = np.eye(V, dtype=np.float32)[text]
    lines = [np.pad(hot, ((0, 0), (lag, 0), (0, 0)))[:, : text.shape[1]] for lag in range(slots)]
    return np.concatenate(lines, 2)


def over_all(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("symbol").is_null()).sort("lag")


def entropy_of_the_one_before(p: np.ndarray) -> float:
    """H(g_{t-1} | g_t) of the stationary source, in bits: that of g_t given g_{t-1}, too."""
    values, vectors = np.linalg.eig(p.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    return float(-(stationary[:, None] * p * np.log2(p)).sum())


def test_a_delay_line_adds_the_conditional_entropy_of_what_it_holds(
    chain: tuple[np.ndarray, np.ndarray],
) -> None:
    text, p = chain
    table = over_all(core.added(held(text, 3), text, 5))
    added = dict(zip(table["lag"], table["added"], strict=True))
    for lag in (1, 2):
        assert added[lag] == pytest.approx(entropy_of_the_one_before(p), abs=0.05)
    for lag in (3, 4, 5):  # beyond the line nothing can be added: the symbols it holds are given
        assert added[lag] == pytest.approx(0, abs=0.02)
    assert (table["rising"].tail(3).abs() < 0.02).all()
    # By the chain rule the sum is the joint entropy of the three symbols, and no more.
    share = np.bincount(text.ravel(), minlength=V) / text.size
    joint = -(share * np.log2(share)).sum() + 2 * entropy_of_the_one_before(p)
    assert sum(added.values()) == pytest.approx(joint, abs=0.1)


def test_the_current_symbol_adds_nothing_to_the_more_recent_ones(
    chain: tuple[np.ndarray, np.ndarray],
) -> None:
    text, _ = chain
    table = over_all(core.added(held(text, 1), text, 4)).filter(pl.col("lag") >= 1)
    assert (table["added"].abs() < 0.02).all()
    assert (table["floor_bits"] > 0.5).all()  # there was something to add


def test_added_bits_are_those_of_decoders_that_read_the_recent_symbols_too(
    chain: tuple[np.ndarray, np.ndarray],
) -> None:
    """A decoder of [state, more recent symbols] has the same cross-entropy, floor or not."""
    text, _ = chain
    torch.manual_seed(0)
    network = torch.nn.RNN(V, 12, batch_first=True)
    with torch.no_grad():
        states = network(torch.from_numpy(held(text, 1)))[0].numpy()
    table = over_all(core.added(states, text, 3))
    for lag in (1, 2):
        read = np.concatenate([states, held(text, lag)], 2)
        recall = over_all(core.measure(read, text, lag)).filter(lag=lag)
        prior = np.bincount(text.ravel(), minlength=V) / text.size
        cost = -(prior * np.log2(prior)).sum() - recall["bits"][0]
        # Two ways to train, on a tenth of the text each: within some hundredths of a bit.
        assert table["bits"][lag] == pytest.approx(cost, abs=0.05)
    # The state alone makes lag 3 hard, and the row says that the decoders were not done.
    assert table["rising"][3] > 0.05


def test_bad_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(BadInput, match="rounds"):
        core.added(np.zeros((60, 5, 2)), np.zeros((60, 5), dtype=int), rounds=0)
