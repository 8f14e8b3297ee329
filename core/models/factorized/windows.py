"""Bigram statistics λ of windows of consecutive segments (paper, section 7).

The segments of a split are in the order of its documents, so the window before a window is the
text that precedes it. λ of a window is counted there: it knows nothing of the window itself.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from core.corpora import Corpus, Segments
from core.models.factorized.spec import FactorizedSpec
from core.models.rows import next_symbols
from core.text import BOS, N_SYMBOLS, SYMBOLS
from core.training.batches import sample, share

BASES = N_SYMBOLS**2


def number(bigram: tuple[str, str]) -> int:
    """The number of a bigram among the 1,156: 34 · first symbol + second symbol."""
    first, second = bigram
    return SYMBOLS.index(first) * N_SYMBOLS + SYMBOLS.index(second)


def bigram_counts(segments: Segments, start: int = 0, stop: int | None = None) -> np.ndarray:
    """How often each bigram (number 34 · first + second) occurs in segments start to stop - 1.

    Each segment begins with `<s>` and ends with `</s>`. Returns int64 [1156].
    """
    offsets = segments.offsets[start : None if stop is None else stop + 1]
    part = Segments(segments.symbols[offsets[0] : offsets[-1]], offsets - offsets[0])
    read = np.insert(part.symbols, part.offsets[:-1], BOS).astype(np.int64)
    return np.bincount(read * N_SYMBOLS + next_symbols(part), minlength=BASES)


def scaled(counts: np.ndarray, scale: str) -> np.ndarray:
    """Counts as λ: of L2 norm 1 ('unit') or summing to 1 ('sum'); float32 [1156]."""
    size = np.linalg.norm(counts) if scale == "unit" else counts.sum()
    return (counts / max(size, 1)).astype(np.float32)


class Windows:
    """One split of a corpus in windows of `spec.window` segments, each with its λ.

    The last window may be shorter. The first window has no window before it and takes λ of the
    train split.
    """

    def __init__(self, spec: FactorizedSpec, corpus: Corpus, split: str) -> None:
        self.spec, self.corpus, self.segments = spec, corpus, corpus.splits[split]

    def __len__(self) -> int:
        return -(-len(self.segments) // self.spec.window)

    def rows(self, window: int) -> np.ndarray:
        """The segments of a window."""
        start = window * self.spec.window
        return np.arange(start, min(start + self.spec.window, len(self.segments)))

    @cached_property
    def domain(self) -> np.ndarray:
        """λ of the whole train split of the corpus."""
        return scaled(bigram_counts(self.corpus.train), self.spec.scale)

    @cached_property
    def mean(self) -> np.ndarray:
        """λ on average over the windows."""
        return np.asarray(np.mean([self.factors(window) for window in range(len(self))], axis=0))

    def factors(self, window: int) -> np.ndarray:
        """λ under which the segments of a window are read: float32 [1156]."""
        source = {"previous": window - 1, "oracle": window, "domain": -1}[self.spec.lambda_from]
        if source < 0:
            return self.domain
        return scaled(self.counts(source), self.spec.scale)

    def counts(self, window: int) -> np.ndarray:
        """The bigrams of a window's own text: int64 [1156]."""
        rows = self.rows(window)
        return bigram_counts(self.segments, int(rows[0]), int(rows[-1]) + 1)

    def share(self, symbols: int | None, seed: int, number: int) -> np.ndarray:
        """The windows of a share of the split, see `core.training.batches.share`."""
        return share(np.diff(self._starts), symbols, seed, number)

    def sample_rows(self, symbols: int | None, seed: int) -> np.ndarray:
        """The segments of randomly drawn windows with about `symbols` symbols, ascending."""
        drawn = sample(Segments(self.segments.symbols, self._starts), symbols, seed)
        return np.concatenate([self.rows(int(window)) for window in drawn])

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where each window's symbols start, and where the last one's end: [windows + 1]."""
        ends = np.minimum(np.arange(len(self) + 1) * self.spec.window, len(self.segments))
        return self.segments.offsets[ends]
