"""Added bits: what a state says of an earlier symbol beyond what the more recent symbols say.

Decoders start from the recent floor (core.probes.given): its log probabilities are a fixed offset
of their logits. What they gain on held-out text, the floor's cross-entropy less theirs, is what the
state knows of g_{t-δ} and g_{t-δ+1}..g_t do not tell (conditional probing: Hewitt, Ethayarajh,
Liang and Manning, EMNLP 2021). By the chain rule these gains may be summed over lags.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core.probes.data import Chunk, StateSource
from core.probes.given import RecentFloor, text_of
from core.probes.intervals import percentiles, resampled
from core.probes.measure import BATCH, Recaller, check_countable


@dataclass(frozen=True)
class Floors:
    """The recent floor that each state is given, which has not been estimated from its own text.

    A floor is too sure of the text it was estimated from: decoders that start from it there would
    learn too little.

    floors: a single one, of text that no decoder reads; or three, of the second half of the train
    split for states of the first half, of the first half for those of the second, and of the whole
    for dev and test. halves: int64, the half (0, 1) of each segment, by its number.
    """

    floors: tuple[RecentFloor, ...]
    halves: np.ndarray

    @classmethod
    def of_other_text(cls, floor: RecentFloor) -> Floors:
        """The same floor everywhere, estimated from text that no decoder reads."""
        return cls((floor,), np.zeros(0, dtype=np.int64))

    @classmethod
    def crossed(cls, train: StateSource, seed: int = 0) -> Floors:
        """Floors of the train split, cross-fitted on two random halves of its segments."""
        symbols, segments, begins = text_of(train)
        numbers = np.random.default_rng(seed).permutation(np.unique(segments))
        halves = np.zeros(segments.max() + 1, dtype=np.int64)
        halves[numbers[: len(numbers) // 2]] = 1
        half = halves[segments]

        def of(part: np.ndarray) -> RecentFloor:
            starts = np.flatnonzero(begins[part])
            size, first, lags = train.n_symbols, train.first, train.lags
            return RecentFloor.from_text(symbols[part], starts, size, first, lags)

        return cls((of(half == 1), of(half == 0), of(half >= 0)), halves)

    @property
    def table(self) -> Tensor:
        """The log probabilities of all floors, one table below another: float32 [rows, V]."""
        return torch.cat([floor.table for floor in self.floors])

    def of_train(self, chunk: Chunk) -> Tensor:
        """The row of `table` for each target of a chunk of the train split: int32 [N, lags]."""
        if len(self.floors) == 1:
            return self._rows(chunk, 0)
        half = torch.from_numpy(self.halves[chunk.segments])
        return torch.where(half[:, None] == 0, self._rows(chunk, 0), self._rows(chunk, 1))

    def of_others(self, chunk: Chunk) -> Tensor:
        """The row of `table` for each target of a chunk of dev or test: int32 [N, lags]."""
        return self._rows(chunk, len(self.floors) - 1)

    def _rows(self, chunk: Chunk, number: int) -> Tensor:
        above = sum(len(floor.table) for floor in self.floors[:number])
        rows = self.floors[number].rows(torch.as_tensor(chunk.targets))
        return (rows + above).to(torch.int32)


@torch.no_grad()
def evaluate(
    decoders: Recaller,
    floors: Floors,
    test: StateSource,
    seed: int = 0,
    before: Recaller | None = None,
) -> pl.DataFrame:
    """Measures once, on held-out states, what decoders add to the floor that they start from.

    before: the same decoders after half of their training, where there are any. Symbols are
    indices; the row with symbol null is over all symbols.

    Returns lag, symbol, n, floor (accuracy of the floor's best guess), floor_bits and bits (the
    cross-entropy of floor and decoders), added (their difference), low, high (its 95 % interval by
    bootstrap over segments, null below 20 of them), rising (what the last doubling of the
    training added, in bits, or null).
    """
    tally = _Tally(test)
    table = floors.table
    for chunk in test.chunks():
        rows = floors.of_others(chunk)
        for start in range(0, len(chunk.states), BATCH):
            part = slice(start, start + BATCH)
            states = chunk.states[part]
            logits = [each.logits(states).cpu() for each in (decoders, before) if each]
            tally.add(chunk.segments[part], chunk.targets[part], table, rows[part], logits)
    return tally.table(seed, before is not None)


class _Tally:
    """The cost of every held-out symbol by the floor, the decoders, and those of half a training.

    Cells are (lag, symbol), numbered in that order.
    """

    def __init__(self, test: StateSource) -> None:
        self.first, self.lags, self.size = test.first, test.lags, test.n_symbols
        # By batch and lag: segments, cells, hits of the floor, and costs in bits [n, 3].
        self._read: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def add(
        self,
        segments: np.ndarray,
        targets: np.ndarray,
        table: Tensor,
        rows: Tensor,
        logits: list[Tensor],
    ) -> None:
        """A batch. segments: [n]; targets, rows: [n, lags]; logits: each [n, lags, symbols]."""
        for column in range(self.lags):
            valid = np.flatnonzero(targets[:, column] >= 0)
            truth = torch.from_numpy(targets[valid, column])
            floor = table.index_select(0, rows[valid, column])
            # The floor's too, so that a decoder that adds nothing adds exactly zero.
            each = [
                floor.log_softmax(1),
                *((floor + out[valid, column]).log_softmax(1) for out in logits),
            ]
            costs = torch.cat([-log_p.gather(1, truth[:, None]) for log_p in each], 1)
            hits = (floor.argmax(1) == truth).numpy()
            cells = column * self.size + truth.numpy()
            self._read.append((segments[valid], cells, hits, costs.numpy() / math.log(2)))

    def table(self, seed: int, with_rise: bool) -> pl.DataFrame:
        """The rows of `evaluate`."""
        segments, cells, hits, costs = (
            np.concatenate(part) for part in zip(*self._read, strict=True)
        )
        numbers, ranks = np.unique(segments, return_inverse=True)
        shape = len(numbers), self.lags, self.size
        check_countable(*shape)
        places = ranks * self.lags * self.size + cells

        def summed(weights: np.ndarray | None = None) -> np.ndarray:
            """By segment, lag and symbol; the last column is over all symbols."""
            sums = np.bincount(places, weights, minlength=math.prod(shape)).reshape(shape)
            return np.concatenate([sums, sums.sum(2, keepdims=True)], 2)

        n, gained = summed(), summed(costs[:, 0] - costs[:, 1])
        low, high = _intervals(n, gained, seed)
        total = n.sum(0)
        with np.errstate(invalid="ignore"):
            of_floor, of_decoders, *_ = bits = [summed(c).sum(0) / total for c in costs.T]
            floor = summed(hits).sum(0) / total
        columns = {"n": total, "floor": floor, "floor_bits": of_floor, "bits": of_decoders}
        columns |= {"added": of_floor - of_decoders, "low": low, "high": high}
        columns["rising"] = bits[2] - of_decoders if with_rise else np.full(total.shape, np.nan)
        lag, symbol = np.nonzero(total)
        frame = pl.DataFrame({"lag": lag + self.first, "symbol": symbol})
        measured = [pl.Series(name, values[lag, symbol]) for name, values in columns.items()]
        one = pl.when(pl.col("symbol") < self.size).then("symbol").alias("symbol")
        frame = frame.with_columns(one, *measured).with_columns(pl.col(pl.Float64).fill_nan(None))
        return frame.cast({"lag": pl.Int32, "symbol": pl.Int32, "n": pl.Int64})


def _intervals(n: np.ndarray, gained: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the mean gain of each cell; NaN where too few segments hold the cell.

    n, gained: [segments, lags, symbols + 1], positions and their gains in bits.
    """
    segments, *cells = n.shape
    means = resampled(n.reshape(segments, -1), gained.reshape(segments, -1), seed)
    low, high = percentiles(means, (n > 0).sum(0).ravel())
    return low.reshape(cells), high.reshape(cells)
