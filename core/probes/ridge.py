"""Ridge regression of one-hot symbols, in closed form: the decoders of very many kernels.

The atlas of a factorized network fits thousands of linear decoders (core.models.factorized.ruler),
for which softmax regression (core.probes.linear) takes too long. Ridge regression finds less.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Ridge strengths tried, in units of the number of states: the squares of a standardized dimension
# add up to that number.
RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


def one_hot_targets(targets: Tensor, n_symbols: int, dtype: torch.dtype) -> Tensor:
    """One-hot targets of every lag side by side: int64 [n, lags] -> [n, lags · symbols].

    A missing target is all zeros.
    """
    columns = torch.arange(targets.shape[1], device=targets.device) * n_symbols
    hot = torch.zeros(len(targets), len(columns) * n_symbols, dtype=dtype, device=targets.device)
    return hot.scatter_(1, targets.clamp(min=0) + columns, (targets >= 0).to(dtype))


def solve(gram: Tensor, cross: Tensor, ridges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Ridge weights [ridges, dim, symbols] and free intercepts [ridges, symbols] of one lag.

    Minimizes the squared error plus ridge · n · |weights|², with n states that have a target.
    gram: [dim + 1, dim + 1], the sum over these states of x xᵀ, where x is the state with a 1
    behind it; cross: [dim + 1, symbols], of x and the one-hot target. One eigendecomposition serves
    all strengths. A lag without any target gets zeros.
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
