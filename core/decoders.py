"""Decoders: small networks that recall the symbol seen `lag` steps ago from a recurrent state.

One decoder per lag and keep probability. All of them read the same standardised states, so they
train together as one bank: hand-written gradients, in-place buffers, and dropout masks cut out of
a pool of random bits that were drawn in advance (drawing them afresh costs more than the matrix
products themselves). On a CPU the bank works through its decoders one at a time, so that the
activations of one stay in the cache; on a GPU all decoders of one keep probability are stacked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.linear import TILE, Chunk, Progress, Source, Split, train_linear
from core.specs import DecoderBudget

__all__ = [
    "Bank", "Chunk", "Decoders", "Source", "decoder_parameters", "train", "train_linear",
    "width_for",
]

POOL = 1 << 22  # mask elements in a pool: 16 MiB
REFRESH = 64  # a pool is drawn anew once in this many minibatches, a slice at a time
EVALUATIONS = 8  # dev measurements in a full run: the candidates for the best checkpoint
WARM = 0.25  # share of the steps in which the learning rate rises


@dataclass(frozen=True)
class Rung:
    """A step of the keep sweep: a run of `share` of the full steps, after which `survivors` stay."""

    share: float
    survivors: int


RUNGS = (Rung(0.1, 2), Rung(0.25, 1))


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

    mean, scale: [dim], the train statistics that standardise a state.
    layers: (weight [lags, out, in], bias [lags, 1, out]) of each layer, the last one the readout.
    keeps, dev_recall, dev_bits: per lag, as chosen and measured on dev (bits: cross-entropy).
    parameters: of one decoder.
    """

    mean: Tensor
    scale: Tensor
    layers: list[tuple[Tensor, Tensor]]
    keeps: tuple[float, ...]
    width: int
    depth: int
    parameters: int
    dev_recall: tuple[float, ...]
    dev_bits: tuple[float, ...]

    def logits(self, states: np.ndarray | Tensor) -> Tensor:
        """Raw states [N, dim] → unnormalised log probabilities [N, lags, symbols], on the CPU."""
        states = torch.as_tensor(states, dtype=torch.float32).to(self.mean.device)
        inputs = (states - self.mean) / self.scale
        out = torch.empty(len(inputs), len(self.keeps), self.layers[-1][0].shape[1])
        with torch.inference_mode():
            for start in range(0, len(inputs), TILE):
                tile = slice(start, start + TILE)
                for lag in range(len(self.keeps)):
                    out[tile, lag] = read_out(inputs[tile], self.layers, lag)
        return out


def read_out(inputs: Tensor, layers: list[tuple[Tensor, Tensor]], decoder: int) -> Tensor:
    """Standardised states [N, dim] → logits [N, symbols] of one decoder, without dropout."""
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


class Bank:
    """Decoders of one width that train at once: one for each lag of each keep probability.

    members: keep → the lags that have a decoder with it; decoders are numbered in that order.
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
    ) -> None:
        self.members = [(keep, lag) for keep, lags in members.items() for lag in lags]
        self.layers = _initial(dim, n_symbols, width, depth, [lag for _, lag in self.members], seed)
        self.layers = [(weight.to(device), bias.to(device)) for weight, bias in self.layers]
        self.gradients = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in self.layers]
        for values, gradients in zip(self.layers, self.gradients, strict=True):
            for value, gradient in zip(values, gradients, strict=True):
                value.grad = gradient
        self.optimizer = torch.optim.Adam([v for layer in self.layers for v in layer], fused=True)

        # A group is worked through as one stack: a single decoder on a CPU, one keep on a GPU.
        self.groups: list[tuple[int | slice, int | list[int], float]] = []
        if device.type == "cpu":
            self.groups = [(i, lag, keep) for i, (keep, lag) in enumerate(self.members)]
        else:
            start = 0
            for keep, lags in members.items():
                self.groups.append((slice(start, start + len(lags)), lags, keep))
                start += len(lags)
        stack = max(len(lags) if isinstance(lags, list) else 1 for _, lags, _ in self.groups)
        padded = self.layers[0][0].shape[1]

        def buffer(columns: int) -> Tensor:
            return torch.empty(stack, batch, columns, device=device)

        self.ones = torch.ones(stack, 1, batch, device=device)
        self.input = buffer(dim)
        self.hidden = [buffer(padded) for _ in range(depth)]
        self.deltas = [buffer(padded) for _ in range(min(depth, 2))]
        size = max(POOL, 2 * stack * batch * max(padded, dim))
        self.pools = {
            keep: MaskPool(keep, size, seed + round(1e6 * keep), device)
            for keep in members
            if keep < 1
        }

    def step(self, states: Tensor, targets: Tensor, learning_rate: float) -> None:
        """One optimizer step of every decoder.

        states: standardised [batch, dim]. targets: int64 [batch, lags], −1 = no target.
        """
        truth = targets.T.contiguous()
        weights = (truth >= 0).float()
        weights /= weights.sum(1, keepdim=True).clamp_(min=1)
        truth.clamp_(min=0)
        for pool in self.pools.values():
            pool.refresh()
        for index, lags, keep in self.groups:
            self._differentiate(states, truth[lags], weights[lags], index, keep)
        for settings in self.optimizer.param_groups:
            settings["lr"] = learning_rate
        self.optimizer.step()

    def _differentiate(
        self, states: Tensor, truth: Tensor, weights: Tensor, index: int | slice, keep: float
    ) -> None:
        """Gradients of the mean cross-entropy of one group: forward, then backward, by hand."""
        if isinstance(index, slice):
            product, affine = torch.bmm, torch.baddbmm
            states = states.expand(index.stop - index.start, -1, -1)
            some = slice(0, index.stop - index.start)
        else:
            product, affine, some = torch.mm, torch.addmm, 0
        pool = self.pools.get(keep)
        if pool:
            states = torch.mul(states, pool.take(*states.shape), out=self.input[some])
        inputs = [states]
        for (weight, bias), hidden in zip(self.layers, self.hidden, strict=False):
            hidden = affine(bias[index], inputs[-1], weight[index].mT, out=hidden[some])
            if pool:
                hidden.mul_(pool.take(*hidden.shape))
            inputs.append(hidden.relu_())
        weight, bias = self.layers[-1]
        delta = torch.softmax(affine(bias[index], inputs[-1], weight[index].mT), -1)
        delta.mul_(weights.unsqueeze(-1))
        delta.scatter_add_(-1, truth.unsqueeze(-1), -weights.unsqueeze(-1))
        for layer in reversed(range(len(self.layers))):
            weight_gradient, bias_gradient = self.gradients[layer]
            product(delta.mT, inputs[layer], out=weight_gradient[index])
            # The sum over the minibatch as a product: three times as fast as torch.sum.
            product(self.ones[some], delta, out=bias_gradient[index])
            if layer:
                below = self.deltas[layer % len(self.deltas)][some]
                weight = self.layers[layer][0]
                affine(below, delta, weight[index], beta=0, alpha=1 / keep, out=below)
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


def _initial(
    dim: int, n_symbols: int, width: int, depth: int, lags: list[int], seed: int
) -> list[tuple[Tensor, Tensor]]:
    """nn.Linear's initial weights; decoders of one lag start alike whatever their keep."""
    padded = -(-width // 16) * 16
    sizes = [dim] + [width] * depth + [n_symbols]
    shapes = [dim] + [padded] * depth + [n_symbols]
    layers = [
        (torch.zeros(len(lags), outer, inner), torch.zeros(len(lags), 1, outer))
        for inner, outer in zip(shapes, shapes[1:], strict=False)
    ]
    for i, lag in enumerate(lags):
        draws = torch.Generator().manual_seed(1000 * seed + lag)
        for (weight, bias), inner, outer in zip(layers, sizes, sizes[1:], strict=False):
            bound = inner**-0.5
            weight[i, :outer, :inner] = torch.empty(outer, inner).uniform_(
                -bound, bound, generator=draws
            )
            bias[i, 0, :outer] = torch.empty(outer).uniform_(-bound, bound, generator=draws)
    return layers


def one_cycle(step: int, steps: int, peak: float) -> float:
    """The learning rate of a step: a quarter of the steps up to the peak, the rest down to zero."""
    done = (step + 1) / (steps + 1)
    if done < WARM:
        return peak * (0.04 + 0.96 * done / WARM)
    return peak * 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM)))


@dataclass
class Run:
    """The best checkpoint of each decoder of a bank: dev recall, dev bits, and the weights."""

    members: list[tuple[float, int]]
    recall: Tensor
    bits: Tensor
    layers: list[tuple[Tensor, Tensor]]


def run_bank(
    bank: Bank,
    train: Split,
    dev: Split,
    steps: int,
    evaluations: int,
    batch: int,
    learning_rate: float,
    seed: int,
    tick: Callable[[int, str], None],
) -> Run:
    """Train a bank for `steps` minibatches and keep each decoder's best dev checkpoint."""
    size = len(bank.members)
    best = Run(
        bank.members,
        torch.full((size,), -1.0, dtype=torch.float64),
        torch.full((size,), math.inf, dtype=torch.float64),
        [(weight.clone(), bias.clone()) for weight, bias in bank.layers],
    )
    # Later checkpoints are nearly always better: measure in the later half, the end included.
    due = {steps - 1 - (steps * k) // (2 * evaluations) for k in range(evaluations)}
    for step, (states, targets) in enumerate(train.minibatches(batch, seed)):
        bank.step(states, targets, one_cycle(step, steps, learning_rate))
        if step in due:
            recall, bits = bank.measure(dev)
            better = recall > best.recall
            best.recall[better], best.bits[better] = recall[better], bits[better]
            rows = better.to(bank.layers[0][0].device)
            for kept, now in zip(best.layers, bank.layers, strict=True):
                for old, new in zip(kept, now, strict=True):
                    old[rows] = new[rows]
        tick(size, f"step {step + 1} of {steps}")
        if step + 1 == steps:
            break
    return best


def train(
    train: Source,
    dev: Source,
    width: int,
    budget: DecoderBudget,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Decoders:
    """Train one decoder per lag, with the keep probability and width that are best on dev.

    train, dev: the splits, of one dim and number of lags. width: the base width, see `width_for`;
    `budget.widths` are multiples of it. progress: called with (fraction done, what is going on).
    """
    where = torch.device(device)
    fit = Split(train, where)
    check = Split(dev, where, (fit.mean, fit.scale))
    widths = sorted({max(1, round(width * multiple)) for multiple in budget.widths})
    best: Decoders | None = None
    for done, each in enumerate(widths):

        def report(fraction: float, message: str, done: int = done, each: int = each) -> None:
            if progress:
                progress((done + fraction) / len(widths), f"width {each}: {message}")

        found = _sweep(fit, check, each, budget, seed, report)
        if best is None or np.mean(found.dev_recall) > np.mean(best.dev_recall):
            best = found
    assert best is not None
    return best


def _sweep(
    train: Split, dev: Split, width: int, budget: DecoderBudget, seed: int, report: Progress
) -> Decoders:
    """One width: rungs of ever longer runs with ever fewer keeps, the last rung a full run."""
    source = train.source
    batch = min(budget.batch, train.n)
    full = max(1, round(budget.epochs * train.n / batch))
    alive = {lag: sorted(set(budget.keeps)) for lag in range(source.lags)}
    rungs = [rung for rung in RUNGS if rung.survivors < len(set(budget.keeps))]
    planned = [rung.survivors for rung in rungs]
    sizes = [len(set(budget.keeps)), *planned]
    total = sum(
        size * source.lags * max(1, round(share * full))
        for size, share in zip(sizes, [*(rung.share for rung in rungs), 1.0], strict=True)
    )
    done = 0
    run: Run | None = None

    def tick(units: int, message: str) -> None:
        nonlocal done
        done += units
        report(min(1.0, done / total), message)

    for rung in [*rungs, Rung(1.0, 1)]:
        members = {
            keep: [lag for lag in alive if keep in alive[lag]]
            for keep in sorted({keep for keeps in alive.values() for keep in keeps})
        }
        bank = Bank(
            source.dim, source.n_symbols, width, budget.depth, members, batch, seed, train.device
        )
        run = run_bank(
            bank,
            train,
            dev,
            max(1, round(rung.share * full)),
            max(1, round(EVALUATIONS * rung.share)),
            batch,
            budget.learning_rate,
            seed,
            tick,
        )
        scores = {member: float(r) for member, r in zip(run.members, run.recall, strict=True)}
        for lag, keeps in alive.items():
            ranked = sorted(keeps, key=lambda keep: -scores[keep, lag])
            alive[lag] = sorted(ranked[: rung.survivors])
    assert run is not None
    order = torch.tensor([run.members.index((alive[lag][0], lag)) for lag in alive])
    return Decoders(
        mean=train.mean,
        scale=train.scale,
        layers=[(weight[order], bias[order]) for weight, bias in run.layers],
        keeps=tuple(alive[lag][0] for lag in alive),
        width=width,
        depth=budget.depth,
        parameters=decoder_parameters(source.dim, source.n_symbols, width, budget.depth),
        dev_recall=tuple(run.recall[order].tolist()),
        dev_bits=tuple(run.bits[order].tolist()),
    )
