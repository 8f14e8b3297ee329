"""The ideal decoder of the context that an n-gram retains: counts, nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core.models.ngram.kneser_ney import BASE, NONE, pack, tally
from core.probes.data import StateSource
from core.text import N_SYMBOLS

PART = 8192  # contexts decoded at a time
STRENGTHS = tuple(4.0**power for power in range(-3, 10))


@dataclass(frozen=True)
class _Counts:
    """How often each symbol occurred at one lag before each context of one length.

    pairs: uint32, ascending, 34 × the packed context + the symbol; counts: uint32, of each pair.
    strength: how many observations the estimate from the shorter context counts as.
    """

    pairs: np.ndarray
    counts: np.ndarray
    strength: float


@dataclass(frozen=True)
class ExactRecall:
    """The decoder of an n-gram's state: a copy inside the context, Bayes' rule outside.

    A symbol inside the context is certain. Outside it, P(g_{t-δ} | context) is counted on the
    train split; the estimate from the newest symbols of the context alone is the Dirichlet prior
    of the estimate from all of them (D. MacKay, L. Peto, "A hierarchical Dirichlet language
    model", 1995). Plain counts would do worse than the majority at long lags, of which contexts
    say next to nothing. Held-out text also has contexts that kenlm shortened and that the train
    split does not have; their estimate is the one from the newest symbols.

    width: symbols of a context, order - 1.
    tables: lag -> the counts for the 0, 1, ... width newest symbols of a context.
    """

    width: int
    tables: list[list[_Counts]]

    @classmethod
    def fit(cls, contexts: np.ndarray, targets: np.ndarray) -> ExactRecall:
        """Counts the train split: contexts [n, order - 1]; targets int [n, lags], -1: none."""
        width, packed = contexts.shape[1], pack(contexts)
        return cls(width, [_count(packed, column, width) for column in targets.T])

    def guess(self, contexts: np.ndarray) -> np.ndarray:
        """The most probable symbol at every lag: contexts [n, order - 1] -> uint8 [n, lags]."""
        _, which, inverse = np.unique(pack(contexts), return_index=True, return_inverse=True)
        parts = np.split(which, range(PART, len(which), PART))
        best = [self.log_probs(contexts[part]).argmax(2).astype(np.uint8) for part in parts]
        return np.concatenate(best)[inverse]

    def log_probs(self, contexts: np.ndarray) -> np.ndarray:
        """Natural logarithms of each symbol's probability at each lag: float32 [n, lags, 34].

        contexts: uint8 [n, order - 1], as many at a time as the result fits in memory.
        """
        packed = pack(contexts)
        log_p = np.empty((len(contexts), len(self.tables), N_SYMBOLS), dtype=np.float32)
        for lag, table in enumerate(self.tables):
            log_p[:, lag] = np.log(self._outside(packed, table))
        for lag in range(min(self.width, len(self.tables))):
            inside = np.flatnonzero(contexts[:, lag] != NONE)
            log_p[inside, lag] = -np.inf
            log_p[inside, lag, contexts[inside, lag]] = 0.0
        return log_p

    def _outside(self, packed: np.ndarray, table: list[_Counts]) -> np.ndarray:
        """P(symbol at one lag | context), float64 [n, 34]."""
        rows = np.arange(len(packed))
        p = np.full((len(packed), N_SYMBOLS), 1 / N_SYMBOLS)
        for newest, level in enumerate(table):
            pair = packed // np.uint32(BASE ** (self.width - newest)) * np.uint32(N_SYMBOLS)
            start, stop = (
                np.searchsorted(level.pairs, pair + np.uint32(s)) for s in (0, N_SYMBOLS)
            )
            kinds = stop - start
            at = np.arange(kinds.sum()) + np.repeat(start - np.cumsum(kinds) + kinds, kinds)
            count = np.zeros_like(p)
            count[np.repeat(rows, kinds), level.pairs[at] % N_SYMBOLS] = level.counts[at]
            p = (count + level.strength * p) / (count.sum(1, keepdims=True) + level.strength)
        return p


def _count(packed: np.ndarray, target: np.ndarray, width: int) -> list[_Counts]:
    """One lag's tables of `ExactRecall`.

    The strength of each level is the one of `STRENGTHS` under which the train split is most
    probable, each observation predicted from all the others (leave one out).
    """
    valid = np.flatnonzero(target >= 0)
    observed = packed[valid] * np.uint32(N_SYMBOLS) + target[valid].astype(np.uint32)
    pair = pl.col("key")
    tallies = [tally(observed).sort("key")]
    for _ in range(width):
        oldest_gone = pair // (N_SYMBOLS * BASE) * N_SYMBOLS + pair % N_SYMBOLS
        tallies.append(tallies[-1].group_by(oldest_gone).agg(pl.col("count").sum()).sort("key"))
    table: list[_Counts] = []
    left_out = np.full(N_SYMBOLS, 1 / N_SYMBOLS)  # by pair of the level below: its p without itself
    below = np.arange(N_SYMBOLS, dtype=np.uint32)
    for tallied in reversed(tallies):
        pairs, counts = (column.to_numpy() for column in tallied)
        context, symbol = np.divmod(pairs, np.uint32(N_SYMBOLS))
        _, owner = np.unique(context, return_inverse=True)
        others = np.bincount(owner, counts)[owner] - 1
        shorter = context // np.uint32(BASE) * np.uint32(N_SYMBOLS) + symbol
        prior = left_out[np.searchsorted(below, shorter)]
        tries = (((counts - 1.0 + s * prior) / (others + s), s) for s in STRENGTHS)
        left_out, strength = max(tries, key=lambda p_and_s: float(counts @ np.log(p_and_s[0])))
        table.append(_Counts(pairs, counts, strength))
        below = pairs
    return table


@dataclass(frozen=True)
class ExactDecoders:
    """`ExactRecall` with the interface of trained decoders."""

    recall: ExactRecall
    keeps: tuple[float, ...]
    width: int = 0
    depth: int = 0
    parameters: int = 0

    @classmethod
    def fit(cls, train: StateSource) -> ExactDecoders:
        """Counts the train split, whose states are contexts (`NgramStates` with hot=False)."""
        chunks = list(train.chunks())
        contexts = np.concatenate([chunk.states for chunk in chunks]).astype(np.uint8)
        targets = np.concatenate([chunk.targets for chunk in chunks])
        return cls(ExactRecall.fit(contexts, targets), (1.0,) * train.lags)

    def logits(self, states: np.ndarray) -> Tensor:
        """Contexts [N, order - 1] → log probabilities [N, lags, symbols]."""
        return torch.from_numpy(self.recall.log_probs(states.astype(np.uint8)))
