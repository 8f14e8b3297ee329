"""Forward prediction, counted the same way for every kind of language model."""

from __future__ import annotations

import numpy as np

from core.corpora import Segments
from core.text import EOS, SYMBOLS


def next_symbols(segments: Segments) -> np.ndarray:
    """The symbols a model predicts: segment by segment its own, then `</s>`; uint8, flat."""
    return np.insert(segments.symbols, segments.offsets[1:], EOS)


def count(segments: Segments, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forward accuracy (paper, Fig. 1b): (n, correct), both int64 [segments, symbols].

    How often each symbol came next in each segment, and how often it was the model's `first`
    choice, uint8 [symbols + segments].
    """
    truth, size = next_symbols(segments), len(SYMBOLS)
    cell = np.repeat(np.arange(len(segments)), segments.lengths + 1) * size + truth
    shape = (len(segments), size)
    n = np.bincount(cell, minlength=len(segments) * size).reshape(shape)
    hits = cell[first == truth]
    return n, np.bincount(hits, minlength=len(segments) * size).reshape(shape)
