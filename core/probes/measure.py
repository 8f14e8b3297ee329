"""From decoders and held-out states to the signature: recall, floors, intervals, confusion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core.errors import BadInput
from core.probes.data import StateSource
from core.probes.intervals import DRAWS, REPLICATES, intervals, resampled

BATCH = 8192
MOST_CELLS = 1 << 28  # of counts by segment, and of replicates by cell: 1 to 2 GB
# Places in a segment that are counted together, each by its first: 1, 2, 3, 4-5, 6-10, 11-20, 21-.
PLACES = (1, 2, 3, 4, 6, 11, 21)
RECALL = {
    **dict.fromkeys(("lag", "symbol"), pl.Int32),
    **dict.fromkeys(("n", "correct"), pl.Int64),
    **dict.fromkeys(
        ("accuracy", "low", "high", "bits", "majority", "current", "precision", "rising"),
        pl.Float64,
    ),
}


class Recaller(Protocol):
    """Trained decoders, one for each lag."""

    def logits(self, states: np.ndarray) -> Tensor:
        """States [n, dim] -> logits [n, lags, symbols]."""
        ...


@dataclass(frozen=True)
class MeasuredSignature:
    """A measured signature. Symbols are indices; the row with symbol null is over all symbols.

    recall: lag, symbol, n, correct, accuracy, low, high (null below 20 segments), bits, majority,
    current, precision, rising (what the last doubling of the decoders' training added to accuracy,
    or null).
    draws: lag, symbol, accuracies: the recall of each cell in the first DRAWS bootstrap replicates.
    Signatures measured on the same segments with the same seed have the same resampled segments,
    so that their differences are those of paired measurements.
    confusion: lag, truth, guess, n.
    positions: lag, place, n, correct, accuracy: recall of all symbols together by where in its
    segment the recalled symbol stands. place: the first of a range of `PLACES`.
    """

    recall: pl.DataFrame
    draws: pl.DataFrame
    confusion: pl.DataFrame
    positions: pl.DataFrame


def best_guess(train: StateSource) -> Tensor:
    """The most frequent symbol δ steps back given the current one, counted on the train split.

    Returns int64 [lags, symbols]: the best guess of g_{t-δ} for each current symbol g_t.
    """
    size, pairs = train.n_symbols, PairCounts(train.lags, train.n_symbols)
    for chunk in train.chunks():
        targets = torch.from_numpy(chunk.targets)
        current = targets[:, -train.first]
        for column in range(train.lags):
            past = targets[:, column]
            both = (current >= 0) & (past >= 0)
            pairs.add(column, current[both], past[both])
    guesses = np.zeros((train.lags, size), dtype=np.int64)
    for column in range(train.lags):
        now, before, n = pairs.counts(column)
        # A symbol never seen as the current one falls back to the most frequent of that lag.
        totals = np.bincount(before, n, minlength=size)
        guesses[column] = totals.argmax()
        order = np.lexsort((before, -n, now))
        seen, first = np.unique(now[order], return_index=True)
        guesses[column, seen] = before[order][first]
    return torch.from_numpy(guesses)


class PairCounts:
    """How often pairs of symbols occurred at each lag.

    Only pairs that occur take memory: of V symbols there could be V² at every lag.
    """

    def __init__(self, lags: int, size: int) -> None:
        self.size = size
        self._codes = [np.zeros(0, dtype=np.int64) for _ in range(lags)]
        self._counts = [np.zeros(0, dtype=np.int64) for _ in range(lags)]

    def add(self, column: int, one: Tensor, other: Tensor) -> None:
        """Counts these pairs, both int64 [n]."""
        codes, counts = np.unique((one * self.size + other).numpy(), return_counts=True)
        merged = np.concatenate([self._codes[column], codes])
        self._codes[column], place = np.unique(merged, return_inverse=True)
        both = np.concatenate([self._counts[column], counts])
        self._counts[column] = np.bincount(place, both).astype(np.int64)

    def counts(self, column: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The pairs of one lag in ascending order: (one, other, how often), int64 each."""
        one, other = np.divmod(self._codes[column], self.size)
        return one, other, self._counts[column]


@torch.no_grad()
def evaluate(
    decoders: Recaller,
    train: StateSource,
    test: StateSource,
    seed: int = 0,
    before: Recaller | None = None,
) -> MeasuredSignature:
    """Measures decoders once on held-out states (paper, section 4; docs/method.md).

    before: the same decoders after half of their training, where there are any. train: only its
    symbols count, for the current-symbol floor. The majority floor is the most frequent held-out
    symbol of each lag. Intervals: bootstrap over segments.
    """
    tally = _Tally(test, best_guess(train))
    for chunk in test.chunks():
        for start in range(0, len(chunk.states), BATCH):
            part = slice(start, start + BATCH)
            logits = decoders.logits(chunk.states[part]).cpu()
            earlier = before.logits(chunk.states[part]).argmax(2).cpu() if before else None
            tally.add(chunk.segments[part], chunk.targets[part], logits, earlier)
            tally.add_places(chunk.places[part], chunk.targets[part], logits)
    lags, size = test.lags, test.n_symbols
    n, correct = tally.by_segment()
    flat = n.reshape(len(n), -1), correct.reshape(len(n), -1)
    rates = resampled(*flat, seed)
    low, high = (end.reshape(lags, size + 1) for end in intervals(rates, *flat))
    recall = _recall(n.sum(0), correct.sum(0), low, high, tally)
    recall = _with_rise(recall, tally.before_hits if before else None)
    draws = _draws(recall, rates.reshape(-1, lags, size + 1))
    # Up to here lags were columns of targets.
    lag = (pl.col("lag") + test.first).cast(pl.Int32)
    tables = (recall, draws, _confusion(tally.confusion, lags), _positions(tally))
    return MeasuredSignature(*(table.with_columns(lag) for table in tables))


class _Tally:
    """What decoders got right on held-out states, counted batch by batch.

    guesses: the best guess from the current symbol, see `best_guess`. nats: the cross-entropy
    summed by true symbol; current_hits, before_hits: hits of that guess, and of the decoders after
    half of their training; each [lags, symbols]. places, place_hits: trials and hits by the place
    of the recalled symbol, int64 [lags, PLACES].
    """

    def __init__(self, test: StateSource, guesses: Tensor) -> None:
        self.lags, self.size, self.first = test.lags, test.n_symbols, test.first
        self.guesses, self.owners = guesses, _Ranks()
        self.confusion = PairCounts(self.lags, self.size)
        self.nats = torch.zeros(self.lags, self.size, dtype=torch.float64)
        self.current_hits = torch.zeros(self.lags, self.size, dtype=torch.int64)
        self.before_hits = torch.zeros_like(self.current_hits)
        self.places, self.place_hits = np.zeros((2, self.lags, len(PLACES)), dtype=np.int64)
        self._counts: list[tuple[Tensor, Tensor]] = []  # per batch: cell index, hit

    def add(
        self, segments: np.ndarray, targets: np.ndarray, logits: Tensor, earlier: Tensor | None
    ) -> None:
        """A batch. segments: [n]; targets: [n, lags]; logits: [n, lags, symbols]; earlier: int64
        [n, lags], what the decoders answered after half of their training."""
        ranks, target = self.owners.of(segments), torch.from_numpy(targets)
        log_p, guess = logits.log_softmax(2), logits.argmax(2)
        for column in range(self.lags):
            valid = (target[:, column] >= 0).nonzero().squeeze(1)
            truth, guessed = target[valid, column], guess[valid, column]
            self.confusion.add(column, truth, guessed)
            self.nats[column].index_add_(0, truth, -log_p[valid, column, truth].double())
            current = target[valid, -self.first]
            from_current = self.guesses[column, current.clamp(min=0)] == truth
            self.current_hits[column].index_add_(0, truth, (from_current & (current >= 0)).long())
            if earlier is not None:
                hit = earlier[valid, column] == truth
                self.before_hits[column].index_add_(0, truth, hit.long())
            cell = (ranks[valid] * self.lags + column) * self.size + truth
            self._counts.append((cell, guessed == truth))

    def add_places(self, places: np.ndarray, targets: np.ndarray, logits: Tensor) -> None:
        """The same batch by place. places: [n], where the symbol just read stands."""
        hits = logits.argmax(2).numpy() == targets
        for column in range(self.lags):
            valid, hit = targets[:, column] >= 0, hits[:, column]
            # The recalled symbol stands `lag` places before the one just read.
            ranges = np.searchsorted(PLACES, places - (self.first + column), side="right") - 1
            self.places[column] += np.bincount(ranges[valid], minlength=len(PLACES))
            self.place_hits[column] += np.bincount(ranges[valid & hit], minlength=len(PLACES))

    def by_segment(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions, and hits: int64 [segments, lags, symbols + 1], see `_by_cell`."""
        cells, hits = (torch.cat(parts) for parts in zip(*self._counts, strict=True))
        shape = (len(self.owners), self.lags, self.size)
        check_countable(*shape)
        return _by_cell(cells, shape), _by_cell(cells[hits], shape)


def check_countable(segments: int, lags: int, size: int) -> None:
    """Raises BadInput where test segments, lags and symbols are too many to count in memory."""
    if max(segments, REPLICATES) * lags * size > MOST_CELLS:
        raise BadInput(
            f"{size:,} symbols at {lags} lags of {segments:,} segments are more than can be "
            "counted in memory: give fewer symbols (the rare ones as one), lags or segments."
        )


def _by_cell(cells: Tensor, shape: tuple[int, int, int]) -> np.ndarray:
    """How often each cell occurs: int64 [segments, lags, symbols + 1].

    The last column counts all symbols together, so that its interval comes from the same draws.
    """
    count = torch.bincount(cells, minlength=math.prod(shape)).view(shape).numpy()
    return np.concatenate([count, count.sum(2, keepdims=True)], 2)


class _Ranks:
    """Consecutive numbers for segment ids, in the order of their first occurrence."""

    def __init__(self) -> None:
        self.ranks: dict[int, int] = {}

    def of(self, segments: np.ndarray) -> Tensor:
        unique, inverse = np.unique(segments, return_inverse=True)
        ranks = [self.ranks.setdefault(int(i), len(self.ranks)) for i in unique]
        return torch.tensor(ranks, dtype=torch.int64)[torch.from_numpy(inverse)]

    def __len__(self) -> int:
        return len(self.ranks)


def _recall(
    trials: np.ndarray, hits: np.ndarray, low: np.ndarray, high: np.ndarray, tally: _Tally
) -> pl.DataFrame:
    """The recall rows. trials, hits, low, high: [lags, symbols + 1], the last over all symbols."""
    nats, current = tally.nats, tally.current_hits
    lags, size = nats.shape
    rows = []
    for lag in range(lags):
        _, guess, times = tally.confusion.counts(lag)
        guessed = np.bincount(guess, times, minlength=size)
        count = trials[lag, :size]
        if not count.any():
            continue
        share = count / count.sum()
        most = int(count.argmax())
        prior = -np.log(np.where(count > 0, share, 1.0))
        for symbol in [*np.flatnonzero(count), size]:
            one = symbol < size
            in_cell = slice(symbol, symbol + 1) if one else slice(0, size)
            total = trials[lag, symbol]
            expected = (prior * count)[in_cell].sum()
            guesses = guessed[symbol] if one else total
            rows.append(
                (
                    lag,
                    int(symbol) if one else None,
                    int(total),
                    int(hits[lag, symbol]),
                    hits[lag, symbol] / total,
                    low[lag, symbol],
                    high[lag, symbol],
                    (expected - nats[lag, in_cell].sum().item()) / total / np.log(2),
                    (float(symbol == most) if one else share[most]),
                    current[lag, in_cell].sum().item() / total,
                    hits[lag, symbol] / guesses if guesses else None,
                    None,
                )
            )
    table = pl.DataFrame(rows, orient="row", schema=RECALL)
    return table.with_columns(pl.col("low", "high").fill_nan(None))  # no interval


def _with_rise(recall: pl.DataFrame, before: Tensor | None) -> pl.DataFrame:
    """The recall rows with `rising`. before: int64 [lags, symbols], hits of half the training."""
    if before is None:
        return recall
    lags = recall["lag"].to_numpy()
    whole = recall["symbol"].is_null().to_numpy()
    symbols = recall["symbol"].fill_null(0).to_numpy()
    hits = np.where(whole, before.sum(1).numpy()[lags], before.numpy()[lags, symbols])
    rising = (recall["correct"] - pl.Series(hits)) / recall["n"]
    return recall.with_columns(rising.alias("rising"))


def _draws(recall: pl.DataFrame, rates: np.ndarray) -> pl.DataFrame:
    """The first replicates of every cell with a row. rates: [replicates, lags, symbols + 1]."""
    symbols = recall["symbol"].fill_null(rates.shape[2] - 1)
    first = rates[:DRAWS, recall["lag"].to_numpy(), symbols.to_numpy()].T
    accuracies = [[None if np.isnan(rate) else rate for rate in cell] for cell in first.tolist()]
    return recall.select("lag", "symbol").with_columns(
        pl.Series("accuracies", accuracies, dtype=pl.List(pl.Float32))
    )


def _positions(tally: _Tally) -> pl.DataFrame:
    """Recall by lag and place of the recalled symbol; places that never occurred have no row."""
    lags, ranges = np.nonzero(tally.places)
    n, correct = tally.places[lags, ranges], tally.place_hits[lags, ranges]
    return pl.DataFrame(
        {"lag": lags, "place": np.array(PLACES)[ranges], "n": n, "correct": correct},
        schema_overrides={"lag": pl.Int32, "place": pl.Int32},
    ).with_columns(accuracy=pl.col("correct") / pl.col("n"))


def _confusion(confusion: PairCounts, lags: int) -> pl.DataFrame:
    schema = pl.Schema({"lag": pl.Int32, "truth": pl.Int32, "guess": pl.Int32, "n": pl.Int64})
    frames = [
        pl.DataFrame(dict(zip(("truth", "guess", "n"), confusion.counts(lag), strict=True)))
        .select(pl.lit(lag, dtype=pl.Int32).alias("lag"), pl.all())
        .cast(schema)
        for lag in range(lags)
    ]
    return pl.concat(frames)
