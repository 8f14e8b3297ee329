"""What an ideal decoder recalls from the context an n-gram retains; nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core.models.ngram.kneser_ney import BASE, NONE, pack, tally
from core.probes.data import Source
from core.text import SYMBOLS

SIZE = len(SYMBOLS)
PART = 8192  # contexts decoded at a time
STRENGTHS = tuple(4.0**power for power in range(-3, 10))


@dataclass(frozen=True)
class _Counts:
    """How often each symbol stood at one lag behind each context of one length.

    pairs: uint32, ascending, 34 × the packed context + the symbol; counts: uint32, of each pair.
    strength: how many observations the shorter context's estimate weighs.
    """

    pairs: np.ndarray
    counts: np.ndarray
    strength: float


@dataclass(frozen=True)
class ExactRecall:
    """The decoder of an n-gram's state that needs no training: copy inside the context, Bayes out.

    A symbol inside the context is certain. Outside it, P(g_{t-δ} | context) is counted on the
    train split, and what the newest symbols of the context alone say is the Dirichlet prior of
    what all of them say (D. MacKay, L. Peto, "A hierarchical Dirichlet language model", 1995).
    Bare counts would lose to the majority at long lags, where contexts tell next to nothing.
    Held-out text also meets contexts that kenlm shortened, which the train split does not have:
    there the contexts that begin alike stand in.

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
        log_p = np.empty((len(contexts), len(self.tables), SIZE), dtype=np.float32)
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
        p = np.full((len(packed), SIZE), 1 / SIZE)
        for newest, level in enumerate(table):
            pair = packed // np.uint32(BASE ** (self.width - newest)) * np.uint32(SIZE)
            start, stop = (np.searchsorted(level.pairs, pair + np.uint32(s)) for s in (0, SIZE))
            kinds = stop - start
            at = np.arange(kinds.sum()) + np.repeat(start - np.cumsum(kinds) + kinds, kinds)
            count = np.zeros_like(p)
            count[np.repeat(rows, kinds), level.pairs[at] % SIZE] = level.counts[at]
            p = (count + level.strength * p) / (count.sum(1, keepdims=True) + level.strength)
        return p


def _count(packed: np.ndarray, target: np.ndarray, width: int) -> list[_Counts]:
    """One lag's tables of `ExactRecall`.

    The strength of each level is the one of `STRENGTHS` under which the train split, each
    observation left out of all levels in its turn, is most probable.
    """
    there = np.flatnonzero(target >= 0)
    observed = packed[there] * np.uint32(SIZE) + target[there].astype(np.uint32)
    pair = pl.col("key")
    tallies = [tally(observed).sort("key")]
    for _ in range(width):
        oldest_gone = pair // (SIZE * BASE) * SIZE + pair % SIZE
        tallies.append(tallies[-1].group_by(oldest_gone).agg(pl.col("count").sum()).sort("key"))
    table: list[_Counts] = []
    left_out = np.full(SIZE, 1 / SIZE)  # by pair of the level below: its p without itself
    below = np.arange(SIZE, dtype=np.uint32)
    for tallied in reversed(tallies):
        pairs, counts = (column.to_numpy() for column in tallied)
        context, symbol = np.divmod(pairs, np.uint32(SIZE))
        _, owner = np.unique(context, return_inverse=True)
        others = np.bincount(owner, counts)[owner] - 1
        shorter = context // np.uint32(BASE) * np.uint32(SIZE) + symbol
        prior = left_out[np.searchsorted(below, shorter)]
        tries = (((counts - 1.0 + s * prior) / (others + s), s) for s in STRENGTHS)
        left_out, strength = max(tries, key=lambda attempt: float(counts @ np.log(attempt[0])))
        table.append(_Counts(pairs, counts, strength))
        below = pairs
    return table


@dataclass(frozen=True)
class ExactDecoders:
    """`ExactRecall` behind the face of the trained decoders."""

    recall: ExactRecall
    keeps: tuple[float, ...]
    width: int = 0
    depth: int = 0
    parameters: int = 0

    @classmethod
    def fit(cls, train: Source) -> ExactDecoders:
        """Counts the train split, whose states are contexts (`NgramStates` with hot=False)."""
        chunks = list(train.chunks())
        contexts = np.concatenate([chunk.states for chunk in chunks]).astype(np.uint8)
        targets = np.concatenate([chunk.targets for chunk in chunks])
        return cls(ExactRecall.fit(contexts, targets), (1.0,) * train.lags)

    def logits(self, states: np.ndarray) -> Tensor:
        """Contexts [N, order - 1] → log probabilities [N, lags, symbols]."""
        return torch.from_numpy(self.recall.log_probs(states.astype(np.uint8)))
