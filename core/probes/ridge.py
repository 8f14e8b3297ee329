"""The linear preview: a ridge regression of one-hot symbols for every lag, in closed form.

The Gram matrix of the states is the same for every lag but for the positions that have no
target at that lag. Those are few (a segment's first symbols), so each lag's matrix is the shared
one minus the products of its missing rows: exact, and far cheaper than one matrix per lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.probes.data import Split, StateSource
from core.step import Progress

# Ridge strengths tried, in units of the number of states (a standardized dimension's own square).
RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
# A ridge output estimates a probability. Cross-entropy reads it as (max(output, floor))^power,
# both fitted on dev. The floors are small, below 1/34, so that the largest output stays largest.
FLOORS = (1e-4, 1e-3, 3e-3, 1e-2, 2e-2)
POWERS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0)


@dataclass
class LinearDecoders:
    """Ridge decoders of one-hot symbols, one per lag.

    mean, scale: [dim], the train statistics that standardize a state.
    weights: [lags, dim, symbols]; biases: [lags, symbols]; floors, powers: [lags], the
    calibration (see FLOORS). parameters: of one decoder. keeps, width and depth: as of a network
    without dropout and hidden layers.
    """

    mean: Tensor
    scale: Tensor
    weights: Tensor
    biases: Tensor
    floors: Tensor
    powers: Tensor
    parameters: int
    width: int = 0
    depth: int = 0

    @property
    def keeps(self) -> tuple[float, ...]:
        return (1.0,) * len(self.floors)

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


def one_hot_targets(targets: Tensor, n_symbols: int, dtype: torch.dtype) -> Tensor:
    """One-hot targets of every lag side by side: int64 [n, lags] -> [n, lags · symbols].

    A missing target is all zeros.
    """
    columns = torch.arange(targets.shape[1], device=targets.device) * n_symbols
    hot = torch.zeros(len(targets), len(columns) * n_symbols, dtype=dtype, device=targets.device)
    return hot.scatter_(1, targets.clamp(min=0) + columns, (targets >= 0).to(dtype))


def _moments(split: Split, progress: Progress | None) -> _Moments:
    lags, n_symbols = split.lags, split.n_symbols
    dim = split.dim + 1
    double, where = torch.float64, split.device
    shared = torch.zeros(dim, dim, dtype=double, device=where)
    gram = torch.zeros(lags, dim, dim, dtype=double, device=where)
    cross = torch.zeros(dim, lags * n_symbols, dtype=double, device=where)
    done = 0
    for states, targets in split.tiles():
        rows = functional.pad(states.double(), (0, 1), value=1.0)
        cross.addmm_(rows.T, one_hot_targets(targets, n_symbols, double))
        shared.addmm_(rows.T, rows)
        for lag in range(lags):
            without = rows[targets[:, lag] < 0]
            gram[lag].addmm_(without.T, without, alpha=-1)
        done += len(rows)
        if progress:
            progress(0.7 * done / split.n, "linear preview: adding up the states")
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
    rotated = vectors.T @ (cross[:-1] - n * torch.outer(mean, prior))
    strengths = torch.tensor(ridges, dtype=gram.dtype, device=gram.device)[:, None, None] * n
    weights = vectors @ (rotated / (values.clamp(min=0)[:, None] + strengths))
    return weights, prior - mean @ weights


def count_correct(inputs: Tensor, targets: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Positions that the decoders of one lag get right, one count per strength: int64 [ridges].

    inputs: standardized [n, dim]; targets: int64 [n]; weights, biases: as `solve` returns them.
    """
    wide = weights.transpose(0, 1).reshape(inputs.shape[1], -1)
    outputs = (inputs @ wide).view(len(inputs), *biases.shape) + biases
    return (outputs.argmax(2) == targets[:, None]).sum(0)


def train_linear(
    train: StateSource, dev: StateSource, device: str = "cpu", progress: Progress | None = None
) -> LinearDecoders:
    """The exact ridge decoder of each lag, its strength and calibration selected on dev.

    progress: called with (fraction done, what is being done).
    """
    fit = Split(train, torch.device(device))
    check = Split(dev, fit.device, fit.inputs)
    moments = _moments(fit, progress)
    solved = [solve(moments.gram[lag], moments.cross[lag], RIDGES) for lag in range(train.lags)]
    weights = torch.stack([w for w, _ in solved]).float()
    biases = torch.stack([b for _, b in solved]).float()

    correct = torch.zeros(train.lags, len(RIDGES), dtype=torch.int64, device=fit.device)
    for states, targets in check.tiles():
        for lag in range(train.lags):
            correct[lag] += count_correct(states, targets[:, lag], weights[lag], biases[lag])
    lags, selected = torch.arange(train.lags, device=fit.device), correct.argmax(1)
    weights, biases = weights[lags, selected], biases[lags, selected]
    if progress:
        progress(0.8, "linear preview: calibrating")
    floors, powers = _calibration(check, weights, biases)
    if progress:
        progress(1.0, "linear preview: done")
    return LinearDecoders(
        mean=fit.inputs.mean,
        scale=fit.inputs.scale,
        weights=weights,
        biases=biases,
        floors=floors,
        powers=powers,
        parameters=(train.dim + 1) * train.n_symbols,
    )


def _calibration(dev: Split, weights: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
    """The floor and power, [lags] each, under which dev has the smallest cross-entropy."""
    lags = len(weights)
    # The largest of V outputs that sum to one is at least 1/V, and must stay above every floor.
    scale = min(1.0, 50 / dev.n_symbols)
    nats = torch.zeros(lags, len(FLOORS), len(POWERS), device=dev.device)
    powers = torch.tensor(POWERS, device=dev.device)
    for states, targets in dev.tiles():
        for lag in range(lags):
            outputs = states @ weights[lag] + biases[lag]
            for i, floor in enumerate(FLOORS):
                logs = outputs.clamp(min=scale * floor).log()
                nats[lag, i] += _cross_entropy(logs, targets[:, lag], powers)
    best = nats.view(lags, -1).argmin(1)
    floors = scale * torch.tensor(FLOORS, device=dev.device)
    return floors[best // len(POWERS)], powers[best % len(POWERS)]


def _cross_entropy(logs: Tensor, truth: Tensor, powers: Tensor) -> Tensor:
    """Summed cross-entropy in nats of softmax(power · logs) for each power, targets only."""
    scaled = logs * powers[:, None, None]
    of_truth = scaled.gather(2, truth.clamp(min=0).expand(len(powers), -1).unsqueeze(2))
    return ((torch.logsumexp(scaled, 2) - of_truth.squeeze(2)) * (truth >= 0)).sum(1)
