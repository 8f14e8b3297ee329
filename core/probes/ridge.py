"""States as decoders read them, and the linear preview: a ridge decoder for every lag.

The Gram matrix of the states is the same for every lag but for the positions that have no
target at that lag. Those are few (a segment's first symbols), so each lag's matrix is the shared
one minus the products of its missing rows: exact, and far cheaper than one matrix per lag.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.probes.data import Progress, Source, Split

# Ridge strengths tried, in units of the number of states (a standardized dimension's own square).
RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
# A ridge output estimates a probability. Cross-entropy reads it as (max(output, floor))^power,
# both fitted on dev. Every floor is below 1/34, so the best guess stays the largest output.
FLOORS = (1e-4, 1e-3, 3e-3, 1e-2, 2e-2)
POWERS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0)


@dataclass
class LinearDecoders:
    """Ridge decoders of one-hot symbols, one per lag.

    mean, scale: [dim], the train statistics that standardize a state.
    weights: [lags, dim, symbols]; biases: [lags, symbols]; floors, powers: [lags].
    ridges: the strength chosen per lag. keeps, width and depth as for a network without dropout
    or hidden layers. dev_recall, dev_bits (cross-entropy): per lag. parameters: of one decoder.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor
    biases: Tensor
    floors: Tensor
    powers: Tensor
    ridges: tuple[float, ...]
    dev_recall: tuple[float, ...]
    dev_bits: tuple[float, ...]
    parameters: int
    width: int = 0
    depth: int = 0

    @property
    def keeps(self) -> tuple[float, ...]:
        return (1.0,) * len(self.ridges)

    def logits(self, states: np.ndarray | Tensor) -> Tensor:
        """Raw states [N, dim] → unnormalized log probabilities [N, lags, symbols], on the CPU."""
        states = torch.as_tensor(states, dtype=torch.float32).to(self.mean.device)
        inputs = (states - self.mean) / self.scale
        outputs = torch.einsum("nd,lds->nls", inputs, self.weights) + self.biases
        floors, powers = self.floors[:, None], self.powers[:, None]
        return (outputs.clamp_(min=floors).log_() * powers).cpu()


@dataclass
class _Moments:
    """Sums over the train split in float64, a row of ones included as the last dimension.

    gram: [lags, dim + 1, dim + 1]. cross: [lags, dim + 1, symbols].
    """

    gram: Tensor
    cross: Tensor


def _moments(split: Split, progress: Progress | None) -> _Moments:
    lags, n_symbols = split.lags, split.n_symbols
    dim = len(split.mean) + 1
    double, where = torch.float64, split.device
    shared = torch.zeros(dim, dim, dtype=double, device=where)
    gram = torch.zeros(lags, dim, dim, dtype=double, device=where)
    cross = torch.zeros(dim, lags * n_symbols, dtype=double, device=where)
    columns = torch.arange(lags, device=where) * n_symbols
    seen = 0
    for states, targets in split.tiles():
        rows = functional.pad(states.double(), (0, 1), value=1.0)
        missing = targets < 0
        # One-hot targets of every lag side by side; a missing one stays all zero.
        hot = torch.zeros(len(rows), lags * n_symbols, dtype=double, device=where)
        hot.scatter_(1, targets.clamp(min=0) + columns, (~missing).double())
        cross.addmm_(rows.T, hot)
        shared.addmm_(rows.T, rows)
        for lag in range(lags):
            without = rows[missing[:, lag]]
            gram[lag].addmm_(without.T, without, alpha=-1)
        seen += len(rows)
        if progress:
            progress(0.7 * seen / split.n, "linear preview: adding up the states")
    return _Moments(gram + shared, cross.view(dim, lags, n_symbols).transpose(0, 1).contiguous())


def solve(gram: Tensor, cross: Tensor, ridges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Ridge weights [ridges, dim, symbols] and free intercepts [ridges, symbols] of one lag.

    Minimizes the squared error plus ridge · n · |weights|². One eigendecomposition serves all
    strengths. A lag without any target gets zeros.
    """
    n = gram[-1, -1].clamp(min=1)
    mean, prior = gram[-1, :-1] / n, cross[-1] / n
    centered = gram[:-1, :-1] - n * torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(centered)
    turned = vectors.T @ (cross[:-1] - n * torch.outer(mean, prior))
    strengths = torch.tensor(ridges, dtype=gram.dtype, device=gram.device)[:, None, None] * n
    weights = vectors @ (turned / (values.clamp(min=0)[:, None] + strengths))
    return weights, prior - mean @ weights


def train_linear(
    train: Source, dev: Source, device: str = "cpu", progress: Progress | None = None
) -> LinearDecoders:
    """The exact ridge decoder of each lag, its strength and calibration chosen on dev.

    progress: called with (fraction done, what is going on).
    """
    fit = Split(train, torch.device(device))
    check = Split(dev, fit.device, (fit.mean, fit.scale))
    moments = _moments(fit, progress)
    solved = [solve(moments.gram[lag], moments.cross[lag], RIDGES) for lag in range(train.lags)]
    weights = torch.stack([w for w, _ in solved]).float()
    biases = torch.stack([b for _, b in solved]).float()

    right = torch.zeros(train.lags, len(RIDGES), device=fit.device)
    for states, targets in check.tiles():
        for lag in range(train.lags):
            outputs = states @ weights[lag] + biases[lag, :, None]
            right[lag] += (outputs.argmax(-1) == targets[:, lag]).sum(1)
    chosen = right.argmax(1)
    lags = torch.arange(train.lags, device=fit.device)
    weights, biases = weights[lags, chosen], biases[lags, chosen]
    if progress:
        progress(0.8, "linear preview: calibrating")

    # Cross-entropy of every (floor, power) pair, all on one pass over dev.
    nats = torch.zeros(train.lags, len(FLOORS), len(POWERS), device=fit.device)
    powers = torch.tensor(POWERS, device=fit.device)
    for states, targets in check.tiles():
        for lag in range(train.lags):
            outputs = states @ weights[lag] + biases[lag]
            for i, floor in enumerate(FLOORS):
                nats[lag, i] += _cross_entropy(
                    outputs.clamp(min=floor).log(), targets[:, lag], powers
                )
    count = torch.zeros(train.lags, device=fit.device)
    for _, targets in check.tiles():
        count += (targets >= 0).sum(0)
    count.clamp_(min=1)
    best = nats.view(train.lags, -1).min(1)
    if progress:
        progress(1.0, "linear preview: done")
    return LinearDecoders(
        mean=fit.mean,
        scale=fit.scale,
        weights=weights,
        biases=biases,
        floors=torch.tensor(FLOORS, device=fit.device)[best.indices // len(POWERS)],
        powers=powers[best.indices % len(POWERS)],
        ridges=tuple(RIDGES[i] for i in chosen.tolist()),
        dev_recall=tuple((right[lags, chosen] / count).tolist()),
        dev_bits=tuple((best.values / count / math.log(2)).tolist()),
        parameters=(train.dim + 1) * train.n_symbols,
    )


def _cross_entropy(logs: Tensor, truth: Tensor, powers: Tensor) -> Tensor:
    """Summed cross-entropy in nats of softmax(power · logs) for each power; −1 counts nothing."""
    scaled = logs * powers[:, None, None]
    told = scaled.gather(2, truth.clamp(min=0).expand(len(powers), -1).unsqueeze(2)).squeeze(2)
    return ((torch.logsumexp(scaled, 2) - told) * (truth >= 0)).sum(1)
