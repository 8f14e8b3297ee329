"""The minLSTM cell (Feng et al., "Were RNNs All We Needed?", 2024, appendix B).

h_t = f h_{t−1} + i g(W_h x_t), f and i being σ(W_f x_t) and σ(W_i x_t) over their sum, where
g(x) = x + ½ from zero up and σ(x) below. No gate reads the state before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.cells.cell import Cell

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.Linear:
    """W_f above W_i above W_h, with biases."""
    from torch import nn

    return nn.Linear(inputs, 3 * hidden)


def output(layer: nn.Linear, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden]."""
    import torch
    from torch.nn.functional import softplus

    from core.cells import scan

    forget, enter, new = layer(x).chunk(3, -1)
    # σ(f) over σ(f) + σ(i) by the logarithm of σ(i) / σ(f), which never divides zero by zero.
    ratio = softplus(-forget) - softplus(-enter)
    new = torch.where(new >= 0, new + 0.5, torch.sigmoid(new))
    return scan.linear(torch.sigmoid(-ratio), torch.sigmoid(ratio) * new)


def unroll(layer: nn.Linear, x: Tensor) -> dict[str, Tensor]:
    """The same by its name: {"h": [time, batch, hidden]}."""
    return {"h": output(layer, x)}


CELL = Cell(
    "minlstm",
    "minLSTM",
    ("h",),
    0,
    layer,
    output,
    unroll,
    weights=lambda hidden: 3 * hidden**2,
    rates={26: 4e-2, 32: 4e-2},
)
