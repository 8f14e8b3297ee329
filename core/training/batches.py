"""Segments in minibatches: bucketed by length and padded.

Padding beats packing: packed sequences miss the library's fast recurrence in the backward pass.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.corpora import Corpus, Segments
from core.profiles import AtlasBudget, DecoderBudget

PAD = -1


def bucketed(lengths: np.ndarray, batch: int, order: int | None = None) -> list[np.ndarray]:
    """Minibatches of segment indices with similar lengths, about `batch` padded steps each.

    order: None keeps them sorted by length; an int seeds which segments meet and when.
    """
    jitter = np.zeros(len(lengths))
    if order is not None:
        rng = np.random.default_rng(order)
        jitter = rng.random(len(lengths)) * 4  # segments within four symbols of length may mix
    ranked = np.argsort(lengths + jitter, kind="stable")[::-1].copy()
    batches, start = [], 0
    while start < len(ranked):
        width = int(lengths[ranked[start]]) + 1
        stop = start + max(1, batch // width)
        batches.append(ranked[start:stop])
        start = stop
    if order is not None:
        rng.shuffle(batches)
    return batches


def padded(segments: Segments, indices: np.ndarray) -> tuple[Tensor, Tensor]:
    """What the network reads and what it should predict, time first.

    Returns (read, predict), both int64 [time, batch]: read starts with `<s>`, predict ends with
    `</s>`, and predict is PAD where there is no segment any more (read is `</s>` there).
    """
    width = max(len(segments[i]) for i in indices) + 1
    bos, eos = segments.alphabet.bos, segments.alphabet.eos
    read = np.full((len(indices), width), eos, dtype=np.int64)
    predict = np.full((len(indices), width), PAD, dtype=np.int64)
    for row, index in enumerate(indices):
        segment = segments[index]
        read[row, 0] = bos
        read[row, 1 : len(segment) + 1] = segment
        predict[row, : len(segment)] = segment
        predict[row, len(segment)] = eos
    return torch.from_numpy(read.T.copy()), torch.from_numpy(predict.T.copy())


def sample(segments: Segments, symbols: int | None, seed: int, fraction: float = 1.0) -> np.ndarray:
    """Indices of randomly drawn segments that hold about `symbols` symbols (None: all of them).

    fraction: at most this share of all symbols.
    """
    everything = np.arange(len(segments))
    share = round(fraction * segments.total)
    symbols = share if symbols is None else min(symbols, share)
    if symbols >= segments.total:
        return everything
    shuffled = np.random.default_rng(seed).permutation(everything)
    total = np.cumsum(segments.lengths[shuffled])
    return np.sort(shuffled[: int(np.searchsorted(total, symbols)) + 1])


def share(lengths: np.ndarray, symbols: int | None, seed: int, number: int) -> np.ndarray:
    """Indices of the segments of a numbered share, about `symbols` symbols, of a shuffled text.

    lengths: symbols of each segment. Shares follow one another through the text and begin again
    at its end, so that a network that reads one each epoch has read every segment before it reads
    any twice. symbols: None takes all segments.
    """
    if symbols is None or symbols >= lengths.sum():
        return np.arange(len(lengths))
    shuffled = np.random.default_rng(seed).permutation(len(lengths))
    ends = np.cumsum(lengths[shuffled])
    inside = (ends - 1 - number * symbols) % ends[-1] < symbols
    return np.sort(shuffled[inside])


def samples(corpus: Corpus, budget: DecoderBudget | AtlasBudget, seed: int) -> list[Segments]:
    """As much of the text of train, dev and test as the budget of the decoders asks for."""
    limits = (budget.states, budget.dev_states, budget.test_states)
    return [
        split.take(sample(split, limit, seed))
        for split, limit in zip(corpus.splits.values(), limits, strict=True)
    ]
