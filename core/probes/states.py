"""From a frozen network and segments to its states, each with the symbols it should recall.

A source hands out chunks that fit in memory, so a corpus whose states are larger than RAM is
never there at once: its states are computed again on every pass, which costs a fraction of what
training decoders on them does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch

from core.corpora import Segments
from core.errors import BadInput
from core.models.language.char_lm import CharLM
from core.models.ngram.kneser_ney import Ngram, one_hot, targets
from core.probes.data import Chunk
from core.text import BOS, EOS, SYMBOLS
from core.training.batches import bucketed, padded

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
        """Chunks of states; `order` seeds which segments meet in a chunk (None: as they stand)."""
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


class ModelStates(Chunked):
    """States of one layer (1-based) of a frozen language model."""

    def __init__(
        self,
        model: CharLM,
        segments: Segments,
        layer: int,
        state: str,
        max_lag: int,
        device: str = "cpu",
    ) -> None:
        self.model, self.segments, self.layer, self.state = model, segments, layer, state
        self.device = device
        rows, dim = np.arange(len(segments)), model.projection.in_features
        super().__init__(rows, segments.lengths, dim, max_lag, len(SYMBOLS))

    @torch.no_grad()
    def chunk(self, rows: np.ndarray) -> Chunk:
        parts = []
        for batch in bucketed(self.segments.lengths[rows], batch=8192):
            read, _ = padded(self.segments, rows[batch])
            states = self.model.states(read.to(self.device), self.layer)[self.state]
            # The step that reads `<s>` has nothing to recall; `</s>` pads and is never read.
            symbols = read.masked_fill((read == BOS) | (read == EOS), -1).T.numpy()
            parts.append(
                flat(states.transpose(0, 1).cpu().numpy(), symbols, rows[batch], self.lags)
            )
        return Chunk(*map(np.concatenate, zip(*parts, strict=True)))


class NgramStates(Chunked):
    """The context an n-gram retains after each symbol, as states (paper, section 6).

    hot: one-hot words [order - 1 × symbols], what decoders read; else the symbols' own numbers.
    """

    def __init__(self, model: Ngram, segments: Segments, max_lag: int, hot: bool) -> None:
        self.model, self.segments, self.hot = model, segments, hot
        dim = (model.order - 1) * (len(SYMBOLS) if hot else 1)
        rows = np.arange(len(segments))
        super().__init__(rows, segments.lengths, dim, max_lag, len(SYMBOLS))

    def chunk(self, rows: np.ndarray) -> Chunk:
        part = self.segments.take(rows)
        contexts = self.model.contexts(part)
        states = one_hot(contexts) if self.hot else contexts.astype(np.float32)
        back = targets(part, self.lags - 1).astype(np.int64)
        return Chunk(states, back, np.repeat(rows, part.lengths))


class ArrayStates(Chunked):
    """States that somebody else computed, as arrays; a memory map is read chunk by chunk.

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
            chosen = segments[pieces == piece]
            start, stop = self.edges[piece : piece + 2]
            before = max(0, start - self.lags + 1)
            symbols = self.symbols[chosen, before:stop].astype(np.int64)
            states = self.states[chosen, start:stop].astype(np.float32)
            parts.append(flat(states, symbols, rows[pieces == piece], self.lags))
            if not np.isfinite(parts[-1][0]).all():
                raise BadInput("The states hold NaN or infinity; give finite numbers.")
        return Chunk(*map(np.concatenate, zip(*parts, strict=True)))


def flat(
    states: np.ndarray, symbols: np.ndarray, owners: np.ndarray, lags: int, first: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States [segments, time, dim] and their symbols, which may begin earlier, without padding."""
    targets = lagged(symbols, lags, first)[:, -states.shape[1] :]
    there = targets[:, :, -first] >= 0
    segments = np.broadcast_to(owners[:, None], there.shape)
    return np.ascontiguousarray(states[there]), targets[there], segments[there]
