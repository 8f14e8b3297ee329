"""Sources of states, each state with the symbols that should be recalled from it.

A source yields chunks that fit in memory. A corpus whose states are larger than RAM is never in
memory as a whole: its states are computed again on every pass, which costs a fraction of what
training decoders on them does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.errors import BadInput
from core.probes.data import Chunk, StateSource
from core.probes.targets import Target

CHUNK_BYTES = 256 * 2**20


def lagged(symbols: np.ndarray, lags: int, first: int = 0) -> np.ndarray:
    """The symbols each step should recall.

    symbols: int [segments, time], -1 where there is nothing to recall.
    Returns int64 [segments, time, lags]; column d is the symbol first + d steps back (ahead, where
    that is below zero), -1 before the start.
    """
    steps = symbols.shape[1]
    targets = np.full((*symbols.shape, lags), -1, dtype=np.int64)
    for column, lag in enumerate(range(first, first + lags)):
        if abs(lag) < steps:
            back, ahead = max(lag, 0), max(-lag, 0)
            targets[:, back : steps - ahead, column] = symbols[:, ahead : steps - back]
    return targets


class Chunked(ABC):
    """A source of states in chunks of whole segments.

    rows: the segments of this source; lengths: states in each; dim: of one state;
    first: the smallest lag, below zero where decoders also look ahead; lags: how many there are,
    from there to Δ, lag 0 included; n_symbols: how many symbols there are to recall.
    """

    def __init__(
        self,
        rows: np.ndarray,
        lengths: np.ndarray,
        dim: int,
        max_lag: int,
        n_symbols: int,
        first: int = 0,
    ) -> None:
        self.rows, self.lengths = rows, lengths
        self.dim, self.first, self.lags = dim, first, max_lag + 1 - first
        self.n_symbols = n_symbols
        self.size = int(lengths.sum())

    def chunks(self, order: int | None = None) -> Iterator[Chunk]:
        """Chunks of states; `order` seeds a shuffle of the segments (None: in natural order)."""
        ranks = np.arange(len(self.rows))
        if order is not None:
            ranks = np.random.default_rng(order).permutation(ranks)
        per_chunk = CHUNK_BYTES // (4 * self.dim)
        ends = np.cumsum(self.lengths[ranks])
        cuts = np.searchsorted(ends, np.arange(per_chunk, self.size, per_chunk))
        for part in np.split(ranks, np.unique(cuts)):
            if len(part):
                yield self.chunk(self.rows[np.sort(part)])

    @abstractmethod
    def chunk(self, rows: np.ndarray) -> Chunk:
        """The states of these segments."""


class ArrayStates(Chunked):
    """States given as arrays; a memory map is read chunk by chunk.

    states: float [segments, time, dim]; symbols: int [segments, time], -1 where padded.
    pieces: into how many blocks of time each segment is cut; row r of this source is block
    r % pieces of segment r // pieces, and its targets may lie in the block before.
    """

    def __init__(
        self,
        states: np.ndarray,
        symbols: np.ndarray,
        rows: np.ndarray,
        max_lag: int,
        n_symbols: int,
        pieces: int = 1,
    ) -> None:
        self.states, self.symbols, self.pieces = states, symbols, pieces
        self.edges = np.arange(pieces + 1) * symbols.shape[1] // pieces
        lengths = np.add.reduceat(symbols >= 0, self.edges[:-1], axis=1).reshape(-1)[rows]
        super().__init__(rows, lengths, states.shape[2], max_lag, n_symbols)

    def chunk(self, rows: np.ndarray) -> Chunk:
        parts = []
        segments, pieces = np.divmod(rows, self.pieces)
        for piece in np.unique(pieces):
            selected = segments[pieces == piece]
            start, stop = self.edges[piece : piece + 2]
            before = max(0, start - self.lags + 1)
            symbols = self.symbols[selected, before:stop].astype(np.int64)
            states = self.states[selected, start:stop].astype(np.float32)
            begins = (self.symbols[selected] >= 0).argmax(1)
            parts.append(
                flat(states, symbols, rows[pieces == piece], self.lags, start - begins + 1)
            )
            if not np.isfinite(parts[-1][0]).all():
                raise BadInput("The states hold NaN or infinity; give finite numbers.")
        return Chunk(*map(np.concatenate, zip(*parts, strict=True)))


def flat(
    states: np.ndarray,
    symbols: np.ndarray,
    owners: np.ndarray,
    lags: int,
    place: int | np.ndarray,
    first: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """States, targets, segment numbers and places of a `Chunk`, without padding.

    states: [segments, time, dim]. symbols: int [segments, time or more], aligned at the end, -1
    where padded. owners: the number of each segment. place: of the first state's symbol in its
    segment, for all segments or for each, 1 = the first symbol (0: a state before any symbol).
    """
    targets = lagged(symbols, lags, first)[:, -states.shape[1] :]
    valid = targets[:, :, -first] >= 0
    segments = np.broadcast_to(owners[:, None], valid.shape)
    places = np.broadcast_to(place, len(owners))[:, None] + np.arange(states.shape[1])
    return np.ascontiguousarray(states[valid]), targets[valid], segments[valid], places[valid]


@dataclass(frozen=True)
class StatesBySplit:
    """The states of each split, and the parameters that a decoder must at least have (or none)."""

    train: StateSource
    dev: StateSource
    test: StateSource
    parameters: int = 0


class Relabelled:
    """A source of states with the labels of a target in place of symbols.

    The source gives whole segments, lag 0 first. size: states that have a label.
    """

    def __init__(self, source: StateSource, target: Target, size: int) -> None:
        self.source, self.target, self.size = source, target, size
        self.dim, self.first, self.lags = source.dim, source.first, source.lags
        self.n_symbols = len(target.names)

    def chunks(self, order: int | None = None) -> Iterator[Chunk]:
        for chunk in self.source.chunks(order):
            yield relabelled(chunk, self.target, self.lags)


def relabelled(chunk: Chunk, target: Target, lags: int) -> Chunk:
    """The states of a chunk of whole segments that have a label, with the labels to recall.

    A state's place becomes that of its label among those of its segment, 1 = the first.
    """
    symbols, segments = chunk.targets[:, 0], chunk.segments
    labels = target.labels(symbols, places_of(segments))
    read = np.flatnonzero(labels >= 0)
    places = places_of(segments[read])
    targets = lagged(labels[read][None], lags)[0]
    targets[np.arange(lags) > places[:, None]] = -1
    return replace(
        chunk,
        states=chunk.states[read],
        targets=targets,
        segments=segments[read],
        places=places + 1,
    )


def places_of(segments: np.ndarray) -> np.ndarray:
    """How many rows of its segment come before each row."""
    rows = np.arange(len(segments))
    begins = np.concatenate([[True], segments[1:] != segments[:-1]])[: len(rows)]
    return rows - np.maximum.accumulate(np.where(begins, rows, 0))
