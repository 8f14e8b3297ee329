"""Utterances in minibatches: bucketed by length and padded, as the network reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.corpora import Segments
from core.corpora.speech.utterances import Utterances
from core.training.batches import bucketed, padded

STEPS = 4096  # padded encoder steps of a minibatch of a frozen network


class Minibatch(NamedTuple):
    """Some utterances, padded to the longest.

    frames: float32 [time, batch, mels], raw log-mel energies, time a multiple of the reduction.
    lengths: int64 [batch], frames. read, predict: int64 [batch, symbols + 1], see
    `core.training.batches.padded`.
    """

    frames: Tensor
    lengths: Tensor
    read: Tensor
    predict: Tensor

    def to(self, device: str) -> Minibatch:
        return Minibatch(*(part.to(device) for part in self))


def minibatch(utterances: Utterances, rows: np.ndarray, reduction: int) -> Minibatch:
    """These utterances as one minibatch; reduction: as of an `Encoder`."""
    lengths = utterances.lengths[rows]
    time = -(-int(lengths.max()) // reduction) * reduction
    frames = np.zeros((time, len(rows), utterances.mels), dtype=np.float32)
    for column, row in enumerate(rows):
        frames[: lengths[column], column] = utterances.features(int(row))
    read, predict = padded(transcripts(utterances), rows)
    return Minibatch(torch.from_numpy(frames), torch.from_numpy(lengths), read.T, predict.T)


def transcripts(utterances: Utterances) -> Segments:
    """The symbols of each utterance, as segments."""
    return Segments(utterances.symbols, utterances.symbol_offsets)


def batches(
    lengths: np.ndarray, batch: int, reduction: int, order: int | None = None
) -> list[np.ndarray]:
    """Numbers of utterances of similar length, about `batch` padded encoder steps in each.

    lengths: frames of each. order: None has the shortest first; an int seeds which utterances
    share a minibatch, and the order of minibatches.
    """
    found = bucketed(-(-lengths // reduction), batch, order)
    return found[::-1] if order is None else found


def passes(
    utterances: Utterances, rows: np.ndarray, reduction: int
) -> Iterator[tuple[np.ndarray, Minibatch]]:
    """These utterances once, for a frozen network: some of the rows, and their minibatch."""
    for some in batches(utterances.lengths[rows], STEPS, reduction):
        yield rows[some], minibatch(utterances, rows[some], reduction)


def places(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The index of each label of these utterances among those of all, and a mask of padding.

    offsets: int64 [utterances + 1], where the labels of each begin, such as its symbols. Returns
    int64 and bool, [rows, labels of the longest].
    """
    counts = np.diff(offsets)[rows]
    step = np.arange(counts.max())
    valid = step < counts[:, None]
    return np.where(valid, offsets[rows][:, None] + step, 0), valid
