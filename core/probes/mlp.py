"""Decoders: small networks that recall the symbol seen `lag` steps ago from a recurrent state.

One decoder per lag and keep probability, all trained on the same standardized states as one bank
(core.probes.bank). The keep probability and the width with the best recall on dev are selected.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from core.probes.bank import Bank, Layers, read_out
from core.probes.data import TILE, Split, StateSource
from core.profiles import DecoderBudget
from core.step import Progress
from core.training.checkpoints import pack, unpack
from core.training.schedule import one_cycle

SHORT = 0.05  # share of the full steps that the first run of the keep sweep takes
# Shares of the steps after which dev is measured: the candidates for the best checkpoint.
CHECKPOINTS = (0.04, 0.1, 0.25, 0.45, 0.6, 0.75, 0.9, 1.0)


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
    """Weights and biases of one decoder; one of depth 0 is linear."""
    if not depth:
        return (dim + 1) * n_symbols
    return (dim + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * n_symbols


@dataclass
class Decoders:
    """Trained decoders, one per lag, all of one width.

    mean, scale: [dim], the train statistics that standardize a state.
    layers: (weight [lags, out, in], bias [lags, 1, out]) of each layer, the last one the readout.
    keeps, dev_recall, dev_bits: per lag, as selected and measured on dev (bits: cross-entropy).
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


@dataclass(frozen=True)
class _Candidate:
    """A trained decoder: its recall and cross-entropy (bits) on dev, and its layers."""

    keep: float
    lag: int
    recall: float = -1.0
    bits: float = math.inf
    layers: Layers = field(default_factory=list)

    @property
    def score(self) -> tuple[float, float]:
        """Greater is better: by recall, then by cross-entropy."""
        return self.recall, -self.bits


def run_bank(
    bank: Bank,
    train: Split,
    dev: Split,
    steps: int,
    checkpoints: tuple[float, ...],
    learning_rate: float,
    seed: int,
    tick: Callable[[str], None],
) -> list[_Candidate]:
    """Train a bank for `steps` minibatches; returns the best checkpoint of each decoder.

    checkpoints: shares of the steps after which dev is measured.
    """
    best = [_Candidate(keep, lag) for keep, lag in bank.members]
    due = {max(1, round(share * steps)) for share in checkpoints}
    minibatches = train.minibatches(bank.batch, seed)
    for step, (states, targets) in enumerate(itertools.islice(minibatches, steps)):
        bank.step(states, targets, one_cycle((step + 1) / (steps + 1), learning_rate))
        if step + 1 in due:
            recall, bits = (values.tolist() for values in bank.measure(dev))
            for i, (keep, lag) in enumerate(bank.members):
                now = _Candidate(keep, lag, recall[i], bits[i])
                if now.score > best[i].score:
                    layers = [(weight[i].clone(), bias[i].clone()) for weight, bias in bank.layers]
                    best[i] = replace(now, layers=layers)
        tick(f"{len(best)} decoders, step {step + 1} of {steps}")
    return best


def train(
    train: StateSource,
    dev: StateSource,
    width: int,
    budget: DecoderBudget,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Decoders:
    """Train one decoder per lag, with the keep probability and width that are best on dev.

    train, dev: the splits, of one dim and number of lags. width: the base width, see `width_for`;
    `budget.widths` are multiples of it. progress: called with (fraction done, what is being done).
    The same seed and number of threads give the same decoders.
    """
    fit = Split(train, torch.device(device))
    check = Split(dev, fit.device, fit.inputs)
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
    """One width: a short run of every keep selects two finalists per lag, which run in full.

    The short run is judged by cross-entropy, which says more than recall while both are poor. It
    has learned next to nothing about far lags, so one finalist is the keep that is best over all
    lags up to this one. The other is the best keep of this lag; if that is the same, the next
    lower keep, because dropout pays late, when a decoder overfits, and a short run prefers too
    little of it.
    """
    keeps = sorted(set(budget.keeps))
    batch = min(budget.batch, train.n)
    full = max(1, round(budget.epochs * train.n / batch))
    lags = list(range(train.lags))
    short = max(1, round(SHORT * full)) if len(keeps) > 2 else 0
    total = len(lags) * (len(keeps) * short + min(2, len(keeps)) * full)
    done = 0

    def run(lags_of: dict[float, list[int]], steps: int, *shares: float) -> list[_Candidate]:
        members = {keep: some for keep, some in lags_of.items() if some}
        bank = Bank(
            train.dim, train.n_symbols, width, budget.depth, members, batch, seed, train.device
        )

        def tick(message: str) -> None:
            nonlocal done
            done += len(bank.members)
            report(done / total, f"width {width}: {message}")

        return run_bank(bank, train, dev, steps, shares, budget.learning_rate, seed, tick)

    candidates: list[_Candidate] = []
    finalists = {lag: keeps for lag in lags}
    if short:
        candidates += run({keep: lags for keep in keeps}, short, 1.0)
        bits = torch.tensor([each.bits for each in candidates]).view(len(keeps), len(lags))
        shared, own = bits.cumsum(1).argmin(0).tolist(), bits.argmin(0).tolist()
        for lag, (first, second) in enumerate(zip(shared, own, strict=True)):
            finalists[lag] = [keeps[first], keeps[second if second != first else abs(first - 1)]]
    lags_of = {keep: [lag for lag in lags if keep in finalists[lag]] for keep in keeps}
    candidates += run(lags_of, full, *CHECKPOINTS)
    # The short run's decoders stay candidates: at lags that nothing can recall they may be best.
    best = [max((c for c in candidates if c.lag == lag), key=lambda c: c.score) for lag in lags]
    return _stacked(best, train, width, budget.depth)


def _stacked(best: list[_Candidate], train: Split, width: int, depth: int) -> Decoders:
    """The best decoder of each lag as one set."""
    return Decoders(
        mean=train.inputs.mean,
        scale=train.inputs.scale,
        layers=[
            (torch.stack([w for w, _ in layer]), torch.stack([b for _, b in layer]))
            for layer in zip(*(each.layers for each in best), strict=True)
        ],
        keeps=tuple(each.keep for each in best),
        width=width,
        depth=depth,
        parameters=decoder_parameters(train.dim, train.n_symbols, width, depth),
        dev_recall=tuple(each.recall for each in best),
        dev_bits=tuple(each.bits for each in best),
    )
