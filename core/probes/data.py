"""What decoders are trained on: chunks of states with their targets, and a split of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

MEMORY_BYTES = 1 << 30  # a split smaller than this stays in memory, a larger one is streamed
TILE = 1024  # states per matrix product when nothing is trained
WHITENED = 100_000  # states, more or less, from which their covariance is estimated
# What is added to every eigenvalue of the correlation matrix, whose mean is one: directions with
# almost no variance would otherwise be scaled up until they are nothing but noise. Between 1e-4
# and 1e-1 recall does not depend on it.
SHRINKAGE = 1e-2


@dataclass
class Chunk:
    """States in order, with their targets.

    states: float32 [N, dim]. targets: int64 [N, lags], column d = the symbol first + d steps back
    (lag 0 is the symbol just read), −1 = no target. segments: int64 [N], the segment's number.
    places: int64 [N], where in its segment the symbol just read stands, 1 = its first symbol.
    """

    states: np.ndarray
    targets: np.ndarray
    segments: np.ndarray
    places: np.ndarray


class StateSource(Protocol):
    """One split of a corpus as recurrent states, in chunks of bounded memory.

    first: the lag of the first column of targets, 0 or below; lags: how many columns there are;
    n_symbols: how many symbols, or labels of another target, there are to recall; size: states.
    """

    dim: int
    n_symbols: int
    first: int
    lags: int
    size: int

    def chunks(self, order: int | None = None) -> Iterator[Chunk]:
        """All states once: in natural order, or with the segments shuffled by the seed `order`."""
        ...


def scale_of(mean: Tensor, deviation: Tensor) -> Tensor:
    """What to divide each dimension by: its deviation, or infinity where it is constant.

    A constant dimension carries nothing and becomes zero.
    """
    return torch.where(deviation > 1e-6 * mean.abs() + 1e-12, deviation, torch.inf)


def whitening(covariance: Tensor, scale: Tensor, shrinkage: float = SHRINKAGE) -> Tensor:
    """What a standardized state is multiplied by, so that its dimensions are uncorrelated.

    covariance: [dim, dim] of the states; scale: [dim], what standardizes them. Gradient descent
    on whitened inputs takes a quarter of the steps (docs/log.md). Returns [dim, dim].
    """
    correlation = covariance / torch.outer(scale, scale)
    values, vectors = torch.linalg.eigh(correlation)
    return vectors / (values.clamp(min=0) + shrinkage).sqrt()


class Scaling(NamedTuple):
    """How states become the inputs of decoders: (state - mean) / scale · rotation.

    mean, scale: [dim]. rotation: [dim, dim] of `whitening`, or None: standardized states as such.
    """

    mean: Tensor
    scale: Tensor
    rotation: Tensor | None

    def apply(self, states: Tensor) -> Tensor:
        """States [n, dim] as inputs."""
        states = (states - self.mean) / self.scale
        return states if self.rotation is None else states @ self.rotation


def whitened(states: Tensor, shrinkage: float) -> Scaling:
    """How these states, [n, dim], become inputs by their own statistics."""
    mean = states.mean(0)
    centered = (states - mean).double()
    covariance = centered.T @ centered / len(states)
    scale = scale_of(mean, covariance.diagonal().sqrt())
    return Scaling(mean, scale.float(), whitening(covariance, scale, shrinkage).float())


class Split:
    """A source as decoder inputs on a device: in memory when small, streamed when large.

    Reads the source once. inputs: how states become inputs; None takes the source's own
    statistics. whiten: whether its own statistics whiten. n: how many states there are.
    offsets: the rows of the decoders' fixed offsets of a chunk, int32 [N, lags], where they have
    any (core.probes.added); tiles and minibatches then hold them behind the targets.
    """

    def __init__(
        self,
        source: StateSource,
        device: torch.device,
        inputs: Scaling | None = None,
        whiten: bool = False,
        offsets: Callable[[Chunk], Tensor] | None = None,
    ) -> None:
        self.source, self.device, self.n, self.offsets = source, device, 0, offsets
        self.dim, self.n_symbols, self.lags = source.dim, source.n_symbols, source.lags
        sums = torch.zeros(2, source.dim, dtype=torch.float64)
        gram = torch.zeros(source.dim, source.dim, dtype=torch.float64)
        head = 0, sums  # states in the Gram matrix, and their sums
        chunks: list[tuple[Tensor, ...]] = []
        for chunk in source.chunks():
            states = torch.as_tensor(chunk.states)
            self.n += len(states)
            sums += torch.stack(
                [states.sum(0, dtype=torch.float64), states.double().square().sum(0)]
            )
            if whiten and head[0] < WHITENED:
                gram += (states.T @ states).double()
                head = self.n, sums.clone()
            if self.n * source.dim * 4 <= MEMORY_BYTES:
                chunks.append((states, *self._symbols(chunk)))
        mean, square = (sums / max(1, self.n)).unbind()
        scale = scale_of(mean, (square - mean.square()).clamp(min=0).sqrt())
        if inputs is None:
            inputs = Scaling(mean.float(), scale.float(), None)
            if whiten:
                n, (total, _) = head
                covariance = gram / max(1, n) - torch.outer(total, total) / max(1, n) ** 2
                inputs = inputs._replace(rotation=whitening(covariance, scale).float())
        rotation = inputs.rotation
        self.inputs = Scaling(
            inputs.mean.to(device),
            inputs.scale.to(device),
            None if rotation is None else rotation.to(device),
        )
        self.in_memory: tuple[Tensor, ...] | None = None
        if self.n * source.dim * 4 <= MEMORY_BYTES and chunks:
            states, *symbols = (torch.cat(parts) for parts in zip(*chunks, strict=True))
            self.in_memory = self._prepared(states), *(each.to(device) for each in symbols)

    def _prepared(self, states: Tensor) -> Tensor:
        return self.inputs.apply(states.to(self.device))

    def _symbols(self, chunk: Chunk) -> list[Tensor]:
        """The targets of a chunk, and the rows of their offsets if there are any."""
        return [torch.as_tensor(chunk.targets), *([self.offsets(chunk)] if self.offsets else [])]

    def _parts(self, order: int | None) -> Iterator[tuple[Tensor, ...]]:
        if self.in_memory:
            yield self.in_memory
            return
        for chunk in self.source.chunks(order):
            states = self._prepared(torch.as_tensor(chunk.states))
            yield states, *(each.to(self.device) for each in self._symbols(chunk))

    def tiles(self) -> Iterator[tuple[Tensor, ...]]:
        """All states once in natural order, `TILE` at a time: [n, dim], [n, lags]."""
        for part in self._parts(None):
            yield from zip(*(each.split(TILE) for each in part), strict=True)

    def minibatches(self, batch: int, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Shuffled minibatches of exactly `batch` states without end, one pass after another."""
        draws = torch.Generator().manual_seed(seed)
        rest: tuple[Tensor, ...] | None = None  # the end of a part, shorter than a minibatch
        for epoch in itertools.count():
            for part in self._parts(seed + epoch):
                rows = torch.randperm(len(part[0]), generator=draws).to(self.device)
                first = batch - len(rest[0]) if rest else 0
                pieces = rows[first:].split(batch)
                for piece in (rows[:first], *pieces) if rest else pieces:
                    ready = tuple(each.index_select(0, piece) for each in part)
                    if rest:
                        ready = tuple(map(torch.cat, zip(rest, ready, strict=True)))
                    rest = None if len(ready[0]) == batch else ready
                    if not rest:
                        yield ready
