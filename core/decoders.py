"""Decoders: small networks that recall the symbol seen `lag` steps ago from a recurrent state.

One decoder per lag and keep probability. All of them read the same standardized states, so they
train together as one bank: hand-written gradients, in-place buffers, and dropout masks cut out of
a pool of random bits that were drawn in advance (drawing them afresh costs more than the matrix
products themselves). On a CPU the bank works through its decoders one at a time, so that the
activations of one stay in the cache; on a GPU all decoders of one keep probability are stacked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.checkpoints import pack, unpack
from core.schedule import one_cycle
from core.specs import DecoderBudget
from core.splits import TILE, Progress, Source, Split

POOL = 1 << 22  # mask elements in a pool: 16 MiB
REFRESH = 64  # a pool is drawn anew once in this many minibatches, a slice at a time
SHORT = 0.05  # share of the full steps that the first run of the keep sweep takes
# Shares of the steps after which dev is measured: the candidates for the best checkpoint.
CHECKPOINTS = (0.04, 0.1, 0.25, 0.45, 0.6, 0.75, 0.9, 1.0)

Layers = list[tuple[Tensor, Tensor]]  # weight [decoders, out, in], bias [decoders, 1, out]


def width_for(dim: int, n_symbols: int, parameters: int, depth: int = 1) -> int:
    """The paper's rule: the smallest width whose decoder has at least `parameters` parameters.

    dim: size of the state. parameters: the model's kernel and input projection.
    depth: hidden layers of the decoder, all of one width.
    """
    width = 1
    while decoder_parameters(dim, n_symbols, width, depth) < parameters:
        width += 1
    return width


def decoder_parameters(dim: int, n_symbols: int, width: int, depth: int = 1) -> int:
    """Weights and biases of one decoder."""
    return (dim + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * n_symbols


@dataclass
class Decoders:
    """Trained decoders, one per lag, all of one width.

    mean, scale: [dim], the train statistics that standardize a state.
    layers: (weight [lags, out, in], bias [lags, 1, out]) of each layer, the last one the readout.
    keeps, dev_recall, dev_bits: per lag, as chosen and measured on dev (bits: cross-entropy).
    parameters: of one decoder.
    """

    mean: Tensor
    scale: Tensor
    layers: Layers
    keeps: tuple[float, ...]
    width: int
    depth: int
    parameters: int
    dev_recall: tuple[float, ...]
    dev_bits: tuple[float, ...]

    def logits(self, states: np.ndarray | Tensor) -> Tensor:
        """Raw states [N, dim] → unnormalized log probabilities [N, lags, symbols], on the CPU."""
        states = torch.as_tensor(states, dtype=torch.float32).to(self.mean.device)
        inputs = (states - self.mean) / self.scale
        out = torch.empty(len(inputs), len(self.keeps), self.layers[-1][0].shape[1])
        with torch.inference_mode():
            for start in range(0, len(inputs), TILE):
                tile = slice(start, start + TILE)
                for lag in range(len(self.keeps)):
                    out[tile, lag] = read_out(inputs[tile], self.layers, lag)
        return out

    def to_bytes(self) -> bytes:
        """The decoders as safetensors."""
        tensors = {"mean": self.mean, "scale": self.scale}
        for number, (weight, bias) in enumerate(self.layers):
            tensors |= {f"{number}.weight": weight, f"{number}.bias": bias}
        facts = ("keeps", "width", "depth", "parameters", "dev_recall", "dev_bits")
        return pack(tensors, {name: getattr(self, name) for name in facts})

    @classmethod
    def from_bytes(cls, data: bytes) -> Decoders:
        """The decoders of `to_bytes`, on the CPU."""
        tensors, facts = unpack(data)
        numbers = range(facts["depth"] + 1)
        layers = [(tensors[f"{n}.weight"], tensors[f"{n}.bias"]) for n in numbers]
        return cls(mean=tensors["mean"], scale=tensors["scale"], layers=layers, **facts)


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
    positions, and the pool is drawn anew piece by piece. Kept elements hold 1/keep.
    """

    def __init__(self, keep: float, size: int, seed: int, device: torch.device) -> None:
        self.keep = keep
        self.offsets = np.random.default_rng(seed)
        self.draws = torch.Generator(device).manual_seed(seed)
        self.bits = torch.empty(-(-size // REFRESH) * REFRESH, device=device)
        self.turn = 0
        for _ in range(REFRESH):
            self.refresh()

    def refresh(self) -> None:
        """Draw the next piece of the pool anew."""
        piece = self.bits.view(REFRESH, -1)[self.turn % REFRESH]
        piece.uniform_(generator=self.draws)
        torch.lt(piece, self.keep, out=piece).mul_(1 / self.keep)
        self.turn += 1

    def take(self, *shape: int) -> Tensor:
        """A mask of that shape; a view of the pool, to be used before the next refresh."""
        size = math.prod(shape)
        # Offsets in steps of 16 floats keep the slices aligned to cache lines.
        offset = 16 * int(self.offsets.integers((len(self.bits) - size) // 16 + 1))
        return self.bits[offset : offset + size].view(shape)


class Group(NamedTuple):
    """Decoders that are worked through as one stack; a single one has no stack dimension.

    layers: views of (weight, bias, weight gradient, bias gradient) of each layer.
    """

    keep: float
    lags: int | list[int]
    layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]


class Bank:
    """Decoders of one width that train at once: one for each lag of each keep probability.

    members: keep → the lags that have a decoder with it; decoders are numbered in that order.
    Widths are padded to a multiple of 16 with units whose weights are zero and stay zero.
    """

    def __init__(
        self, dim: int, n_symbols: int, width: int, depth: int, members: dict[float, list[int]],
        batch: int, seed: int, device: torch.device,
    ) -> None:
        self.members = [(keep, lag) for keep, lags in members.items() for lag in lags]
        self.batch = batch
        initial = _initial(dim, [width] * depth, n_symbols, [lag for _, lag in self.members], seed)
        self.layers = [(weight.to(device), bias.to(device)) for weight, bias in initial]
        self.gradients = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in self.layers]
        for values, gradients in zip(self.layers, self.gradients, strict=True):
            for value, gradient in zip(values, gradients, strict=True):
                value.grad = gradient
        self.optimizer = torch.optim.Adam([v for layer in self.layers for v in layer], fused=True)

        # A group is worked through as one stack: a single decoder on a CPU, one keep on a GPU.
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
        stack = 1 if device.type == "cpu" else max(map(len, members.values()))
        padded = self.layers[0][0].shape[1]

        def buffer(columns: int) -> Tensor:
            return torch.empty(stack, batch, columns, device=device)

        self.ones = torch.ones(stack, 1, batch, device=device)
        self.input = buffer(dim)
        self.hidden = [buffer(padded) for _ in range(depth)]
        self.deltas = [buffer(padded) for _ in range(min(depth, 2))]
        size = max(POOL, 2 * stack * batch * max(padded, dim))
        self.pools = {k: MaskPool(k, size, seed + round(1e6 * k), device) for k in members if k < 1}

    def _views(self, index: int | slice) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        pairs = zip(self.layers, self.gradients, strict=True)
        return [(w[index], b[index], dw[index], db[index]) for (w, b), (dw, db) in pairs]

    def step(self, states: Tensor, targets: Tensor, learning_rate: float) -> None:
        """One optimizer step of every decoder.

        states: standardized [batch, dim]. targets: int64 [batch, lags], −1 = no target.
        """
        truth = targets.T.contiguous()
        weights = (truth >= 0).float()
        weights /= weights.sum(1, keepdim=True).clamp_(min=1)
        truth.clamp_(min=0)
        for pool in self.pools.values():
            pool.refresh()
        for group in self.groups:
            self._differentiate(group, states, truth[group.lags], weights[group.lags])
        for settings in self.optimizer.param_groups:
            settings["lr"] = learning_rate
        self.optimizer.step()

    def _differentiate(self, group: Group, states: Tensor, truth: Tensor, weights: Tensor) -> None:
        """Gradients of the mean cross-entropy of one group: forward, then backward, by hand."""
        product: Callable[..., Tensor] = torch.mm
        affine: Callable[..., Tensor] = torch.addmm
        some: int | slice = 0  # which part of the buffers
        if isinstance(group.lags, list):
            product, affine, some = torch.bmm, torch.baddbmm, slice(0, len(group.lags))
            states = states.expand(len(group.lags), -1, -1)
        pool = self.pools.get(group.keep)
        if pool:
            states = torch.mul(states, pool.take(*states.shape), out=self.input[some])
        inputs = [states]
        for (weight, bias, *_), buffer in zip(group.layers, self.hidden, strict=False):
            hidden = affine(bias, inputs[-1], weight.mT, out=buffer[some])
            if pool:
                hidden.mul_(pool.take(*hidden.shape))
            inputs.append(hidden.relu_())
        weight, bias, *_ = group.layers[-1]
        delta = torch.softmax(affine(bias, inputs[-1], weight.mT), -1)
        delta.mul_(weights.unsqueeze(-1))
        delta.scatter_add_(-1, truth.unsqueeze(-1), -weights.unsqueeze(-1))
        for layer in reversed(range(len(group.layers))):
            weight, _, weight_gradient, bias_gradient = group.layers[layer]
            product(delta.mT, inputs[layer], out=weight_gradient)
            # The sum over the minibatch as a product: three times as fast as torch.sum.
            product(self.ones[some], delta, out=bias_gradient)
            if layer:
                # Zeros first bring the buffer into the cache: faster than beta=0 without them.
                below = self.deltas[layer % len(self.deltas)][some].zero_()
                affine(below, delta, weight, alpha=1 / group.keep, out=below)
                # A unit passes no gradient where it was dropped or negative: there it is zero.
                delta = torch.ops.aten.threshold_backward.grad_input(
                    below, inputs[layer], 0, grad_input=below
                )

    def measure(self, split: Split) -> tuple[Tensor, Tensor]:
        """Recall and cross-entropy in bits of each decoder on a whole split, each [decoders]."""
        right, bits, count = torch.zeros(3, len(self.members), dtype=torch.float64)
        with torch.inference_mode():
            for states, targets in split.tiles():
                for i, (_, lag) in enumerate(self.members):
                    truth = targets[:, lag]
                    logits = read_out(states, self.layers, i)
                    right[i] += (logits.argmax(1) == truth).sum().cpu()
                    loss = functional.cross_entropy(logits, truth, ignore_index=-1, reduction="sum")
                    bits[i] += loss.cpu() / math.log(2)
                    count[i] += (truth >= 0).sum().cpu()
        return right / count.clamp(min=1), bits / count.clamp(min=1)


def _initial(dim: int, hidden: list[int], n_symbols: int, lags: list[int], seed: int) -> Layers:
    """nn.Linear's initial weights; decoders of one lag start alike whatever their keep."""
    sizes = [dim, *hidden, n_symbols]
    shapes = [dim, *(-(-width // 16) * 16 for width in hidden), n_symbols]
    layers = [
        (torch.zeros(len(lags), outer, inner), torch.zeros(len(lags), 1, outer))
        for inner, outer in itertools.pairwise(shapes)
    ]
    for i, lag in enumerate(lags):
        draws = torch.Generator().manual_seed(1000 * seed + lag)
        for (weight, bias), inner, outer in zip(layers, sizes, sizes[1:], strict=False):
            bound = inner**-0.5
            weight[i, :outer, :inner].uniform_(-bound, bound, generator=draws)
            bias[i, 0, :outer].uniform_(-bound, bound, generator=draws)
    return layers


@dataclass(frozen=True)
class Candidate:
    """A trained decoder as it did on dev: its recall, its cross-entropy in bits, its layers."""

    keep: float
    lag: int
    recall: float = -1.0
    bits: float = math.inf
    layers: Layers = field(default_factory=list)

    @property
    def merit(self) -> tuple[float, float]:
        """Recall decides, and cross-entropy between equals."""
        return self.recall, -self.bits


def run_bank(
    bank: Bank, train: Split, dev: Split, steps: int, checkpoints: tuple[float, ...],
    learning_rate: float, seed: int, tick: Callable[[str], None],
) -> list[Candidate]:
    """Train a bank for `steps` minibatches: the best of each decoder at these shares of them."""
    best = [Candidate(keep, lag) for keep, lag in bank.members]
    due = {max(1, round(share * steps)) for share in checkpoints}
    minibatches = train.minibatches(bank.batch, seed)
    for step, (states, targets) in enumerate(itertools.islice(minibatches, steps)):
        bank.step(states, targets, one_cycle((step + 1) / (steps + 1), learning_rate))
        if step + 1 in due:
            recall, bits = (figure.tolist() for figure in bank.measure(dev))
            for i, (keep, lag) in enumerate(bank.members):
                now = Candidate(keep, lag, recall[i], bits[i])
                if now.merit > best[i].merit:
                    layers = [(weight[i].clone(), bias[i].clone()) for weight, bias in bank.layers]
                    best[i] = replace(now, layers=layers)
        tick(f"{len(best)} decoders, step {step + 1} of {steps}")
    return best


def train(
    train: Source, dev: Source, width: int, budget: DecoderBudget, seed: int = 0,
    device: str = "cpu", progress: Progress | None = None,
) -> Decoders:
    """Train one decoder per lag, with the keep probability and width that are best on dev.

    train, dev: the splits, of one dim and number of lags. width: the base width, see `width_for`;
    `budget.widths` are multiples of it. progress: called with (fraction done, what is going on).
    The same seed and number of threads give the same decoders.
    """
    fit = Split(train, torch.device(device))
    check = Split(dev, fit.device, (fit.mean, fit.scale))
    widths = sorted({max(1, round(width * multiple)) for multiple in budget.widths})
    swept: list[Decoders] = []

    def report(fraction: float, message: str) -> None:
        if progress:
            progress((len(swept) + fraction) / len(widths), message)

    for each in widths:
        swept.append(_sweep(fit, check, each, budget, seed, report))
    return max(swept, key=lambda decoders: sum(decoders.dev_recall))


def _sweep(
    train: Split, dev: Split, width: int, budget: DecoderBudget, seed: int, report: Progress
) -> Decoders:
    """One width: a short run of every keep names two finalists per lag, which run in full.

    The short run is judged by cross-entropy, which says more than recall while both are poor. Of a
    far lag it has learned next to nothing, so one finalist is the best keep of all lags up to this
    one. The other is this lag's own best; if that is the same, the keep below, for dropout pays
    late, when a decoder begins to know its states by heart, and a short run errs toward too little.
    """
    keeps = sorted(set(budget.keeps))
    batch = min(budget.batch, train.n)
    full = max(1, round(budget.epochs * train.n / batch))
    lags = list(range(train.lags))
    short = max(1, round(SHORT * full)) if len(keeps) > 2 else 0
    total = len(lags) * (len(keeps) * short + min(2, len(keeps)) * full)
    done = 0

    def run(keeping: dict[float, list[int]], steps: int, *shares: float) -> list[Candidate]:
        members = {keep: some for keep, some in keeping.items() if some}
        bank = Bank(
            train.dim, train.n_symbols, width, budget.depth, members, batch, seed, train.device
        )

        def tick(message: str) -> None:
            nonlocal done
            done += len(bank.members)
            report(done / total, f"width {width}: {message}")

        return run_bank(bank, train, dev, steps, shares, budget.learning_rate, seed, tick)

    candidates: list[Candidate] = []
    finalists = {lag: keeps for lag in lags}
    if short:
        candidates += run({keep: lags for keep in keeps}, short, 1.0)
        bits = torch.tensor([each.bits for each in candidates]).view(len(keeps), len(lags))
        nearer, own = bits.cumsum(1).argmin(0).tolist(), bits.argmin(0).tolist()
        for lag, (first, second) in enumerate(zip(nearer, own, strict=True)):
            finalists[lag] = [keeps[first], keeps[second if second != first else abs(first - 1)]]
    keeping = {keep: [lag for lag in lags if keep in finalists[lag]] for keep in keeps}
    candidates += run(keeping, full, *CHECKPOINTS)
    # The short run's decoders stay candidates: at lags of which nothing is known, they may win.
    chosen = [max((c for c in candidates if c.lag == lag), key=lambda c: c.merit) for lag in lags]
    return Decoders(
        mean=train.mean,
        scale=train.scale,
        layers=[
            (torch.stack([w for w, _ in layer]), torch.stack([b for _, b in layer]))
            for layer in zip(*(each.layers for each in chosen), strict=True)
        ],
        keeps=tuple(each.keep for each in chosen),
        width=width,
        depth=budget.depth,
        parameters=decoder_parameters(train.dim, train.n_symbols, width, budget.depth),
        dev_recall=tuple(each.recall for each in chosen),
        dev_bits=tuple(each.bits for each in chosen),
    )
