"""The contexts that an n-gram retains, as states that decoders read (paper, section 6)."""

from __future__ import annotations

import numpy as np

from core.corpora import Segments
from core.models.ngram.kneser_ney import Ngram, one_hot
from core.probes.data import Chunk
from core.probes.states import Chunked, lagged


class NgramStates(Chunked):
    """The context an n-gram retains after each symbol.

    hot: whether states are one-hot, float32 [n, (order - 1) · symbols], as trained decoders read
    them; else they are the symbols' numbers [n, order - 1], as `ExactDecoders` reads them.
    """

    def __init__(self, model: Ngram, segments: Segments, max_lag: int, hot: bool) -> None:
        self.model, self.segments, self.hot = model, segments, hot
        self.symbols = segments.alphabet.size
        dim = (model.order - 1) * (self.symbols if hot else 1)
        rows = np.arange(len(segments))
        super().__init__(rows, segments.lengths, dim, max_lag, self.symbols)

    def chunk(self, rows: np.ndarray) -> Chunk:
        part = self.segments.take(rows)
        contexts = self.model.contexts(part)
        states = one_hot(contexts, self.symbols) if self.hot else contexts.astype(np.float32)
        owners, places = np.repeat(rows, part.lengths), part.positions + 1
        return Chunk(states, targets(part, self.lags - 1), owners, places)


def targets(segments: Segments, max_lag: int) -> np.ndarray:
    """The symbols to recall after each symbol: int64 [symbols, max_lag + 1].

    Column δ is the symbol δ steps back, -1 before the segment's start.
    """
    symbols = lagged(segments.symbols[None].astype(np.int64), max_lag + 1)[0]
    symbols[np.arange(max_lag + 1) > segments.positions[:, None]] = -1
    return symbols
