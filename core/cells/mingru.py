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

    The paper scans in log space. By doubling, no number leaves the range of the states: after each
    round, h_t holds what the last 2, 4, 8, … steps gave it.
    """
    import torch

    update, new = layer(x).chunk(2, -1)
    keep = torch.sigmoid(-update)
    h = torch.sigmoid(update) * torch.where(new >= 0, new + 0.5, torch.sigmoid(new))
    reach = 1
    while reach < len(h):
        h = torch.cat([h[:reach], h[reach:] + keep[reach:] * h[:-reach]])
        keep = torch.cat([keep[:reach], keep[reach:] * keep[:-reach]])
        reach *= 2
    return h


def unroll(layer: nn.Linear, x: Tensor) -> dict[str, Tensor]:
    """The same by its name: {"h": [time, batch, hidden]}."""
    return {"h": output(layer, x)}


CELL = Cell("mingru", "minGRU", ("h",), 1, layer, output, unroll)
