"""Memory beyond inference: how well the more recent symbols alone predict an earlier one.

A decoder of lag δ may name g_{t-δ} because the state holds it, or infer it from what came after:
spelling works backward as well as forward. The recent floor is the distribution of g_{t-δ} given
g_{t-δ+1}..g_t, which whoever has read only those could name.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core.probes.data import StateSource
from core.training.kneser_ney import interpolated

CONTEXT = 5  # more recent symbols that count, those nearest to the predicted one
TABLE_BYTES = 1 << 28
LEAST = 1e-9  # no probability is zero, so that every logarithm is finite


@dataclass(frozen=True)
class RecentFloor:
    """The distribution of g_{t-δ} given the more recent symbols up to g_t, for every lag δ.

    With k = min(δ, 5) it is the interpolated modified Kneser-Ney estimate of order k + 1 of the
    text read backward, of which the context is g_{t-δ+1}, .., g_{t-δ+k}. A context that the text
    does not hold is shortened at its far end (the most recent symbols) until it does. Where
    g_{t-δ} exists, the text's beginning is not what is predicted, so its share goes to the symbols
    in proportion. Lag 0 and those below zero (symbols still to come) have no context: order 1.

    Contexts are the nodes of a tree: the root is the empty context, a child has one symbol more,
    farther from the predicted one.

    first, lags: as in `StateSource`. depth: how many symbols of context count at most: 5, or fewer
    where the lags or segments are too few or the tables would exceed TABLE_BYTES.
    children: int32 [nodes less deep than depth, V], the node of each longer context, 0 for none.
    table: float32 [rows, V], natural logarithms of p: a row for each node as a whole context, one
    for each node less deep than depth as what a longer context was shortened to, and one of zeros.
    """

    first: int
    lags: int
    depth: int
    children: Tensor
    table: Tensor

    @classmethod
    def fit(cls, train: StateSource) -> RecentFloor:
        """Estimates the floor from the symbols of the train split; its states are not used."""
        symbols, _, begins = text_of(train)
        starts = np.flatnonzero(begins)
        return cls.from_text(symbols, starts, train.n_symbols, train.first, train.lags)

    @classmethod
    def from_text(
        cls, symbols: np.ndarray, starts: np.ndarray, n_symbols: int, first: int, lags: int
    ) -> RecentFloor:
        """Estimates the floor from a text without states, which may be longer than the source's.

        symbols: int [n], all segments one after another; starts: int [segments], where each begins.
        """
        most = max(0, min(CONTEXT, first + lags - 1))
        orders = _orders(_backward(symbols, starts, n_symbols), n_symbols, most + 1)
        nodes = [_contexts(order, n_symbols) for order in orders]
        depth = len(nodes) - 1
        while depth and _rows(nodes, depth) * n_symbols * 4 > TABLE_BYTES:
            depth -= 1
        orders, nodes = orders[: depth + 1], nodes[: depth + 1]
        whole, shortened = _tables(orders, nodes, n_symbols)
        zeros = np.zeros((1, n_symbols), dtype=np.float32)
        table = torch.from_numpy(np.concatenate([*whole, *shortened, zeros]))
        children = torch.from_numpy(_children(orders, nodes, n_symbols))
        return cls(first, lags, depth, children, table)

    def order(self, lag: int) -> int:
        """The order of the estimate at this lag: one more than the symbols of context."""
        return 1 + min(max(lag, 0), self.depth)

    def rows(self, targets: Tensor) -> Tensor:
        """Which row of `table` holds the distribution of each target: int64, of their shape.

        targets: int64 [n, lags], columns as in `Chunk`; −1 has the row of zeros, the last one.
        """
        longer = len(self.children)
        whole = len(self.table) - 1 - longer  # rows of whole contexts; then the shortened ones
        rows = torch.empty_like(targets)
        for column in range(self.lags):
            node = torch.zeros_like(targets[:, column])
            complete = torch.ones_like(node, dtype=torch.bool)
            for step in range(1, self.order(self.first + column)):
                symbol = targets[:, column - step]
                child = self.children[node, symbol.clamp(min=0)].long()
                complete &= (symbol >= 0) & (child > 0)
                node = torch.where(complete, child, node)
            rows[:, column] = torch.where(complete, node, whole + node)
        return rows.masked_fill(targets < 0, len(self.table) - 1)

    def log_probs(self, targets: Tensor) -> Tensor:
        """Natural logarithms of the distribution of each target: float32 [n, lags, V].

        targets: int64 [n, lags], columns as in `Chunk`; where one is −1 all are zero. The truth
        itself is not looked at, only the columns of more recent symbols.
        """
        return self.table[self.rows(targets)]


def text_of(source: StateSource) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The text that a source's states have read, without the states.

    Returns, for each symbol: int64 [n] the symbol and its segment, bool [n] whether it begins one.
    """
    now = -source.first
    before = min(now + 1, source.lags - 1)
    read = [(chunk.targets[:, [now, before]], chunk.segments) for chunk in source.chunks()]
    targets, segments = (np.concatenate(parts) for parts in zip(*read, strict=True))
    known = targets[:, 0] >= 0
    targets, segments = targets[known], segments[known]
    # A segment's first symbol has none before it, nor has one behind a gap.
    begins = (np.diff(segments, prepend=-1) != 0) | (targets[:, 1] < 0)
    return targets[:, 0], segments, begins


@dataclass(frozen=True)
class _Order:
    """The distinct n-grams of one order of the backward text, numbered from 0.

    context, suffix: the numbers, in the order below, of the first and the last n - 1 symbols;
    opening, last: the first and the last symbol. raw: how often each occurs; adjusted: by how many
    symbols it is preceded, the text's edge included, or as `raw` if it begins with the edge.
    """

    context: np.ndarray
    suffix: np.ndarray
    opening: np.ndarray
    last: np.ndarray
    raw: np.ndarray
    adjusted: np.ndarray

    def estimate(self, counts: np.ndarray, lower: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
        """From `raw` or `adjusted`: (`key` and `p` of the n-grams, back-off by context)."""
        columns = {"key": np.arange(len(counts)), "context": self.context}
        counted = pl.DataFrame({**columns, "suffix": self.suffix, "count": counts})
        estimated, contexts = interpolated(counted, lower)
        backoff = np.ones(self.context.max() + 1)
        backoff[contexts["key"].to_numpy()] = contexts["backoff"].to_numpy()
        return estimated, backoff


def _backward(symbols: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """The text as it is read backward, segment by segment: int64.

    The edges are symbols too: V + 1 begins each segment (its end, before it was turned around) and
    V ends it.
    """
    bounds = np.stack([starts, np.append(starts[1:], len(symbols))], 1)
    edges = np.tile([size, size + 1], len(starts))
    return np.insert(symbols.astype(np.int64), bounds.ravel(), edges)[::-1]


def _orders(text: np.ndarray, size: int, most: int) -> list[_Order]:
    """The n-grams of orders 1 to `most`, or to the longest that segments have room for.

    An n-gram's number is the place of (number of its first n - 1 symbols, last symbol) among all
    such pairs, so that no product exceeds text length × V.
    """
    end, edge = size, size + 1
    at = np.flatnonzero(text != edge)
    words = np.arange(edge)
    nothing = np.zeros_like(words)
    found = [(nothing, nothing, words, words, np.bincount(text[at], minlength=edge))]
    number, at = text, np.arange(len(text))  # of the n-gram that starts at each place
    for n in range(2, most + 1):
        at = at[text[at + n - 2] != end]
        if not (text[at] != edge).any():
            break
        pairs = number[at] * (size + 2) + text[at + n - 1]
        _, where, inverse, raw = np.unique(
            pairs, return_index=True, return_inverse=True, return_counts=True
        )
        one = at[where]
        found.append((number[one], number[one + 1], text[one], text[one + n - 1], raw))
        number = np.full(len(text), -1)
        number[at] = inverse
    # An n-gram that nothing precedes begins with the edge, or was never counted.
    preceding = [np.bincount(longer[1], minlength=len(of[4])) for of, longer in pairwise(found)]
    adjusted = [np.where(n > 0, n, of[4]) for n, of in zip(preceding, found, strict=False)]
    return [_Order(*of, n) for of, n in zip(found, [*adjusted, found[-1][4]], strict=True)]


def _contexts(order: _Order, size: int) -> np.ndarray:
    """The numbers of the contexts of these n-grams without the edge, ascending."""
    return np.unique(order.context[order.opening != size + 1])


def _rows(nodes: list[np.ndarray], depth: int) -> int:
    """How many rows `table` and `children` have together for this depth."""
    counts = [len(contexts) for contexts in nodes]
    return sum(counts[: depth + 1]) + 2 * sum(counts[:depth])


def _tables(
    orders: list[_Order], nodes: list[np.ndarray], size: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """By depth, log p after each context: (with raw counts, with adjusted counts)."""
    whole, shortened = [], []
    lower = pl.DataFrame({"key": [0], "p": [1 / (size + 1)]})
    below = np.full((1, size + 1), 1 / (size + 1), dtype=np.float32)
    parents = [np.zeros(1, dtype=np.int64), *_parents(orders, nodes)]
    for order, contexts, parent in zip(orders, nodes, parents, strict=True):
        estimated = order.estimate(order.raw, lower)
        whole.append(_logs(_dense(order, contexts, below[parent], *estimated)))
        if order is not orders[-1]:
            lower, backoff = order.estimate(order.adjusted, lower)
            below = _dense(order, contexts, below[parent], lower, backoff)
            shortened.append(_logs(below))
    return whole, shortened


def _parents(orders: list[_Order], nodes: list[np.ndarray]) -> list[np.ndarray]:
    """For each depth from 1 on: where among the contexts one shorter each one's suffix is."""
    return [
        np.searchsorted(nodes[depth - 1], orders[depth - 1].suffix[nodes[depth]])
        for depth in range(1, len(nodes))
    ]


def _dense(
    order: _Order,
    contexts: np.ndarray,
    below: np.ndarray,
    estimated: pl.DataFrame,
    backoff: np.ndarray,
) -> np.ndarray:
    """p of every symbol and the edge after each context: float32 [contexts, V + 1].

    below: the same after each context's suffix.
    """
    p = below * backoff[contexts, None].astype(np.float32)
    row = np.searchsorted(contexts, order.context).clip(max=len(contexts) - 1)
    known = contexts[row] == order.context
    p[row[known], order.last[known]] = estimated["p"].to_numpy()[known]
    return p


def _logs(p: np.ndarray) -> np.ndarray:
    """Natural logarithms of p of the symbols, without the edge: float32 [contexts, V]."""
    symbols = np.maximum(p[:, :-1], LEAST)
    symbols /= symbols.sum(1, keepdims=True)
    return np.log(symbols, out=symbols)


def _children(orders: list[_Order], nodes: list[np.ndarray], size: int) -> np.ndarray:
    """`RecentFloor.children`."""
    starts = np.cumsum([0, *map(len, nodes)])
    children = np.zeros((starts[-2], size), dtype=np.int32)
    for depth, parents in enumerate(_parents(orders, nodes), start=1):
        symbols = orders[depth - 1].opening[nodes[depth]]
        children[starts[depth - 1] + parents, symbols] = np.arange(starts[depth], starts[depth + 1])
    return children
