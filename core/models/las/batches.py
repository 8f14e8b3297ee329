"""Utterances in minibatches: bucketed by length, padded, on the way into the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.batches import bucketed, padded
from core.corpora import Segments
from core.corpora.utterances import Utterances


class Minibatch(NamedTuple):
    """Some utterances, padded to the longest.

    frames: float32 [time, batch, mels], raw log-mel energies, time a multiple of the reduction.
    lengths: int64 [batch], frames. read, predict: int64 [batch, symbols + 1], see
    `core.batches.padded`.
    """

    frames: Tensor
    lengths: Tensor
    read: Tensor
    predict: Tensor

    def to(self, device: str) -> Minibatch:
        return Minibatch(*(part.to(device) for part in self))


def minibatch(utterances: Utterances, rows: np.ndarray, reduction: int) -> Minibatch:
    lengths = utterances.lengths[rows]
    time = -(-int(lengths.max()) // reduction) * reduction
    frames = np.zeros((time, len(rows), utterances.mels), dtype=np.float32)
    for column, row in enumerate(rows):
        frames[: lengths[column], column] = utterances.features(int(row))
    read, predict = padded(spelled(utterances), rows)
    return Minibatch(torch.from_numpy(frames), torch.from_numpy(lengths), read.T, predict.T)


def spelled(utterances: Utterances) -> Segments:
    """What is said in each utterance, as segments."""
    return Segments(utterances.symbols, utterances.symbol_offsets)


def batches(
    utterances: Utterances, batch: int, reduction: int, order: int | None = None
) -> list[np.ndarray]:
    """Rows of utterances of similar length, about `batch` padded encoder steps in each.

    order: None has the shortest first; an int seeds which utterances meet and when.
    """
    found = bucketed(-(-utterances.lengths // reduction), batch, order)
    return found[::-1] if order is None else found


def passes(
    utterances: Utterances, reduction: int, batch: int = 4096
) -> Iterator[tuple[np.ndarray, Minibatch]]:
    """All utterances once, for a network that is not trained on them: their rows, and the batch."""
    for rows in batches(utterances, batch, reduction):
        yield rows, minibatch(utterances, rows, reduction)
