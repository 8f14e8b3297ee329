"""A bank: decoders of one width that train together on the same states.

Dropout masks are slices of a pool of random bits generated in advance (new random bits for every
mask cost more than the matrix products). On a CPU the bank goes through its decoders one at a time,
those with one hidden layer in C++ where there is a compiler (core.probes.fused); on a GPU all
decoders of one keep probability are stacked.

`keep` is the paper's keep probability of dropout: the share of units that are not dropped.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.probes import fused, operations
from core.probes.data import Split
from core.probes.operations import Engine, Examples, Masks, Sizes, Views

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a decoder's logits, beside a fixed offset
POOL = 1 << 22  # mask elements in a pool: 16 MiB
REFRESH = 64  # minibatches in which all of a pool is generated anew, a slice in each

Layers = list[tuple[Tensor, Tensor]]  # weight [decoders, out, in], bias [decoders, 1, out]


def read_out(inputs: Tensor, layers: Layers, decoder: int) -> Tensor:
    """Standardized states [N, dim] → logits [N, symbols] of one decoder, without dropout."""
    hidden = inputs
    for weight, bias in layers[:-1]:
        hidden = torch.addmm(bias[decoder], hidden, weight[decoder].mT).relu_()
    weight, bias = layers[-1]
    return torch.addmm(bias[decoder], hidden, weight[decoder].mT)


class MaskPool:
    """Dropout masks for one keep probability: slices at random offsets of a pool of random bits.

    Every element of a mask is an independent draw; two masks share draws only at different
    positions, and the pool is generated anew slice by slice. An element is 0, dropped, or 1/keep.
    """

    def __init__(self, keep: float, size: int, seed: int, device: torch.device) -> None:
        self.keep = keep
        self.offset_rng = np.random.default_rng(seed)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.bits = torch.empty(-(-size // REFRESH) * REFRESH, device=device)
        self.refreshes = 0
        for _ in range(REFRESH):
            self.refresh()

    def refresh(self) -> None:
        """Generate the next slice of the pool anew."""
        part = self.bits.view(REFRESH, -1)[self.refreshes % REFRESH]
        part.uniform_(generator=self.generator)
        torch.lt(part, self.keep, out=part).mul_(1 / self.keep)
        self.refreshes += 1

    def take(self, *shape: int) -> Tensor:
        """A mask of that shape: a view of the pool, valid until the next refresh."""
        size = math.prod(shape)
        # Offsets in steps of 16 floats keep the slices aligned to cache lines.
        offset = 16 * int(self.offset_rng.integers((len(self.bits) - size) // 16 + 1))
        return self.bits[offset : offset + size].view(shape)


class Group(NamedTuple):
    """Decoders that are computed as one stack; a single one has no stack dimension."""

    keep: float
    lags: int | list[int]
    layers: list[Views]


class Bank:
    """Decoders of one width that train together: one for each lag of each keep probability.

    members: keep probability → the lags decoded with it; decoders are numbered in that order.
    hidden: the hidden layers to begin with (None: new ones by the seed, as the readout always is).
    offsets: float32 [rows, symbols], what is added to the logits; targets then come with the rows
    that hold for them, and the readout begins at zero (core.probes.added).
    Widths are padded to a multiple of 16 with units whose weights are zero and stay zero.
    """

    def __init__(
        self,
        dim: int,
        n_symbols: int,
        width: int,
        depth: int,
        members: dict[float, list[int]],
        batch: int,
        seed: int,
        device: torch.device,
        hidden: Layers | None = None,
        offsets: Tensor | None = None,
    ) -> None:
        self.members = [(keep, lag) for keep, lags in members.items() for lag in lags]
        self.batch, self.offsets = batch, offsets
        lags = [lag for _, lag in self.members]
        initial = _initial(dim, [width] * depth, n_symbols, lags, seed)
        if hidden:
            initial[:-1] = [(_copy(weight), _copy(bias)) for weight, bias in hidden]
        if offsets is not None:
            initial[-1] = torch.zeros_like(initial[-1][0]), torch.zeros_like(initial[-1][1])
        self.layers = [(weight.to(device), bias.to(device)) for weight, bias in initial]
        self.gradients = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in self.layers]

        # One stack is a single decoder on a CPU, and all decoders of one keep on a GPU.
        self.groups: list[Group] = []
        start = 0
        for keep, lags in members.items():
            stop = start + len(lags)
            if device.type == "cpu":
                numbered = zip(lags, range(start, stop), strict=True)
                self.groups += [Group(keep, lag, self._views(i)) for lag, i in numbered]
            else:
                self.groups.append(Group(keep, lags, self._views(slice(start, stop))))
            start = stop
        padded = self.layers[0][0].shape[1]
        stack = 1 if device.type == "cpu" else max(map(len, members.values()))
        sizes = Sizes(stack, batch, dim, padded, n_symbols, depth)
        fits = device.type == "cpu" and depth == 1 and fused.available()
        engine = fused.Fused if fits else operations.Operations
        parameters = [value for layer in self.layers for value in layer]
        gradients = [gradient for layer in self.gradients for gradient in layer]
        self.engine: Engine = engine(sizes, parameters, gradients)
        size = max(POOL, 2 * stack * batch * max(padded, dim))
        self.pools = {k: MaskPool(k, size, seed + round(1e6 * k), device) for k in members if k < 1}

    def _views(self, index: int | slice) -> list[Views]:
        pairs = zip(self.layers, self.gradients, strict=True)
        return [(w[index], b[index], dw[index], db[index]) for (w, b), (dw, db) in pairs]

    def step(
        self, states: Tensor, targets: Tensor, learning_rate: float, rows: Tensor | None = None
    ) -> None:
        """One optimizer step of every decoder.

        states: standardized [batch, dim]. targets: int64 [batch, lags], −1 = no target. rows:
        int32 [batch, lags], those of `offsets` that hold for the targets.
        """
        for pool in self.pools.values():
            pool.refresh()
        for keep, lags, layers in self.groups:
            truth, offset = targets.T[lags].contiguous(), self._offset(rows, lags)
            masks = Masks(keep, self.pools[keep].take) if keep in self.pools else None
            self.engine.differentiate(layers, Examples(states, truth, offset, masks))
        self.engine.update(learning_rate)

    def _offset(self, rows: Tensor | None, lags: int | list[int]) -> Tensor | None:
        """What is added to the logits of these lags: float32 [batch, symbols], of a list of lags
        [lags, batch, symbols]; None where nothing is."""
        if rows is None or self.offsets is None:
            return None
        of_lags = rows.T[lags]
        return self.offsets.index_select(0, of_lags.flatten()).view(*of_lags.shape, -1)

    def measure(self, split: Split) -> tuple[Tensor, Tensor]:
        """Recall and cross-entropy in bits of each decoder on a whole split, each [decoders]."""
        correct, bits, count = torch.zeros(3, len(self.members), dtype=torch.float64)
        with torch.inference_mode():
            for states, targets, *rows in split.tiles():
                for i, (_, lag) in enumerate(self.members):
                    truth = targets[:, lag]
                    logits = read_out(states, self.layers, i)
                    if (offset := self._offset(rows[0] if rows else None, lag)) is not None:
                        logits += offset
                    correct[i] += (logits.argmax(1) == truth).sum().cpu()
                    loss = functional.cross_entropy(logits, truth, ignore_index=-1, reduction="sum")
                    bits[i] += loss.cpu() / math.log(2)
                    count[i] += (truth >= 0).sum().cpu()
        return correct / count.clamp(min=1), bits / count.clamp(min=1)

    def calibrate(self, split: Split) -> None:
        """Multiplies each readout by that of SHARES with the least cross-entropy on a split.

        A decoder that is too sure of itself would take away from what the offset says; with 0 it
        says no more than the offset.
        """
        nats = torch.zeros(len(self.members), len(SHARES), dtype=torch.float64)
        with torch.inference_mode():
            for states, targets, rows in split.tiles():
                for i, (_, lag) in enumerate(self.members):
                    logits, offset = read_out(states, self.layers, i), self._offset(rows, lag)
                    assert offset is not None
                    for place, share in enumerate(SHARES):
                        scaled = torch.add(offset, logits, alpha=share)
                        nats[i, place] += functional.cross_entropy(
                            scaled, targets[:, lag], ignore_index=-1, reduction="sum"
                        ).cpu()
            for i, place in enumerate(nats.argmin(1).tolist()):
                for values in self.layers[-1]:
                    values[i] *= SHARES[place]


def _copy(values: Tensor) -> Tensor:
    """A copy that lies row by row in memory, whatever lay transposed."""
    return values.clone(memory_format=torch.contiguous_format)


def _initial(dim: int, hidden: list[int], n_symbols: int, lags: list[int], seed: int) -> Layers:
    """nn.Linear's initial weights; decoders of one lag start with the same, whatever their keep."""
    sizes = [dim, *hidden, n_symbols]
    shapes = [dim, *(-(-width // 16) * 16 for width in hidden), n_symbols]
    layers = [
        (torch.zeros(len(lags), outer, inner), torch.zeros(len(lags), 1, outer))
        for inner, outer in itertools.pairwise(shapes)
    ]
    for i, lag in enumerate(lags):
        generator = torch.Generator().manual_seed(1000 * seed + lag)
        for (weight, bias), inner, outer in zip(layers, sizes, sizes[1:], strict=False):
            bound = inner**-0.5
            weight[i, :outer, :inner].uniform_(-bound, bound, generator=generator)
            bias[i, 0, :outer].uniform_(-bound, bound, generator=generator)
    return layers
