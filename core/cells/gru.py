"""The GRU cell: memory and output are one vector, h_t."""

from __future__ import annotations

from torch import Tensor, nn

from core.cells.cell import Cell


def unroll(layer: nn.GRU, x: Tensor) -> dict[str, Tensor]:
    """h_t of every step. x: [time, batch, inputs] -> {"h": [time, batch, hidden]}."""
    return {"h": layer(x)[0]}


CELL = Cell("gru", nn.GRU, unroll, states=("h",), kernels=3)
