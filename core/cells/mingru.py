"""The minGRU cell (Feng et al., "Were RNNs All We Needed?", 2024, appendix B).

h_t = (1 − z_t) h_{t−1} + z_t g(W_h x_t) with z_t = σ(W_z x_t), where g(x) = x + ½ from zero up and
σ(x) below. No gate reads the state before, so all steps are computed at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.cells.cell import Cell

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.Linear:
    """W_z above W_h, with biases."""
    from torch import nn

    return nn.Linear(inputs, 2 * hidden)


def output(layer: nn.Linear, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden].

    The paper scans in log space, which the scan here does not need.
    """
    import torch

    from core.cells import scan

    update, new = layer(x).chunk(2, -1)
    new = torch.where(new >= 0, new + 0.5, torch.sigmoid(new))
    return scan.linear(torch.sigmoid(-update), torch.sigmoid(update) * new)


def unroll(layer: nn.Linear, x: Tensor) -> dict[str, Tensor]:
    """The same by its name: {"h": [time, batch, hidden]}."""
    return {"h": output(layer, x)}


CELL = Cell("mingru", "minGRU", ("h",), 1, layer, output, unroll, rates={32: 8e-2})
