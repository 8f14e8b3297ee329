"""The ideal decoder of the context that an n-gram retains: counts, nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core.models.ngram.kneser_ney import NONE, numbers_of, pack
from core.probes.data import StateSource
from core.training.kneser_ney import tally

STRENGTHS = tuple(4.0**power for power in range(-3, 10))


@dataclass(frozen=True)
class _Counts:
    """How often each symbol occurred at one lag before each context of one length.

    pairs: ascending, the number of symbols × the packed context + the symbol; counts: uint32, of
    each pair.
    strength: how many observations the estimate from the shorter context counts as.
    """

    pairs: np.ndarray
    counts: np.ndarray
    strength: float


@dataclass(frozen=True)
class ExactDecoders:
    """The decoder of an n-gram's state: a copy inside the context, Bayes' rule outside.

    A symbol inside the context is certain. Outside it, P(g_{t-δ} | context) is counted on the
    train split; the estimate from the newest symbols of the context alone is the Dirichlet prior
    of the estimate from all of them (D. MacKay, L. Peto, "A hierarchical Dirichlet language
    model", 1995). Plain counts would do worse than the majority at long lags, of which contexts
    say next to nothing. Held-out text also has contexts that kenlm shortened and that the train
    split does not have; their estimate is the one from the newest symbols.

    context: symbols of a context, order - 1. tables: lag -> the counts for the 0, 1, ... `context`
    newest symbols. symbols: how many there are. keeps, width, depth and parameters are those of
    decoders without any training.
    """

    context: int
    tables: list[list[_Counts]]
    symbols: int
    width: int = 0
    depth: int = 0
    parameters: int = 0

    @property
    def keeps(self) -> tuple[float, ...]:
        return (1.0,) * len(self.tables)

    @classmethod
    def fit(cls, train: StateSource) -> ExactDecoders:
        """Counts the train split, whose states are contexts (`NgramStates` with hot=False)."""
        size = train.n_symbols
        read = [
            (pack(chunk.states.astype(np.uint8), size), chunk.targets.astype(np.int16))
            for chunk in train.chunks()
        ]
        packed, targets = (np.concatenate(parts) for parts in zip(*read, strict=True))
        return cls(train.dim, [_count(packed, lag, train.dim, size) for lag in targets.T], size)

    def logits(self, states: np.ndarray) -> Tensor:
        """Contexts [n, order - 1] → natural log probabilities, float32 [n, lags, symbols]."""
        contexts = states.astype(np.uint8)
        packed = pack(contexts, self.symbols)
        log_p = np.empty((len(contexts), len(self.tables), self.symbols), dtype=np.float32)
        for lag, table in enumerate(self.tables):
            log_p[:, lag] = np.log(self._outside(packed, table))
        for lag in range(min(self.context, len(self.tables))):
            inside = np.flatnonzero(contexts[:, lag] != NONE)
            log_p[inside, lag] = -np.inf
            log_p[inside, lag, contexts[inside, lag]] = 0.0
        return torch.from_numpy(log_p)

    def _outside(self, packed: np.ndarray, table: list[_Counts]) -> np.ndarray:
        """P(symbol at one lag | context), float64 [n, symbols]."""
        size, number = self.symbols, numbers_of(self.symbols)
        rows = np.arange(len(packed))
        p = np.full((len(packed), size), 1 / size)
        for newest, level in enumerate(table):
            pair = packed // number((size + 1) ** (self.context - newest)) * number(size)
            start, stop = (np.searchsorted(level.pairs, pair + number(s)) for s in (0, size))
            kinds = stop - start
            at = np.arange(kinds.sum()) + np.repeat(start - np.cumsum(kinds) + kinds, kinds)
            count = np.zeros_like(p)
            count[np.repeat(rows, kinds), level.pairs[at] % number(size)] = level.counts[at]
            p = (count + level.strength * p) / (count.sum(1, keepdims=True) + level.strength)
        return p


def _count(packed: np.ndarray, target: np.ndarray, width: int, size: int) -> list[_Counts]:
    """One lag's tables of `ExactDecoders`.

    The strength of each level is the one of `STRENGTHS` under which the train split is most
    probable, each observation predicted from all the others (leave one out).
    """
    valid, number = np.flatnonzero(target >= 0), numbers_of(size)
    observed = packed[valid] * number(size) + target[valid].astype(number)
    pair = pl.col("key")
    tallies = [tally(observed).sort("key")]
    for _ in range(width):
        oldest_gone = pair // (size * (size + 1)) * size + pair % size
        tallies.append(tallies[-1].group_by(oldest_gone).agg(pl.col("count").sum()).sort("key"))
    table: list[_Counts] = []
    left_out = np.full(size, 1 / size)  # by pair of the level below: its p without itself
    below = np.arange(size, dtype=number)
    for tallied in reversed(tallies):
        pairs, counts = (column.to_numpy() for column in tallied)
        context, symbol = np.divmod(pairs, number(size))
        _, owner = np.unique(context, return_inverse=True)
        others = np.bincount(owner, counts)[owner] - 1
        shorter = context // number(size + 1) * number(size) + symbol
        prior = left_out[np.searchsorted(below, shorter)]
        tries = (((counts - 1.0 + s * prior) / (others + s), s) for s in STRENGTHS)
        left_out, strength = max(tries, key=lambda p_and_s: float(counts @ np.log(p_and_s[0])))
        table.append(_Counts(pairs, counts, strength))
        below = pairs
    return table
