"""The GRU cell: memory and output are one vector, h_t."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.cells.cell import Cell, first

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.GRU:
    """Torch's own layer."""
    from torch import nn

    return nn.GRU(inputs, hidden)


def output(layer: nn.GRU, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden]."""
    import torch

    if torch.is_grad_enabled():
        from core.cells import loops

        if loops.available(layer, x):
            return loops.gru(layer, x)
    return first(layer, x)


def unroll(layer: nn.GRU, x: Tensor) -> dict[str, Tensor]:
    """h_t of every step. x: [time, batch, inputs] -> {"h": [time, batch, hidden]}."""
    return {"h": first(layer, x)}


def step(from_input: Tensor, from_state: Tensor, states: Tensor) -> Tensor:
    """One step of h, of any number of networks at once; see `Cell.step`."""
    reset, update, new = from_input.chunk(3, -1)
    reset_h, update_h, new_h = from_state.chunk(3, -1)
    fresh = new.addcmul((reset + reset_h).sigmoid(), new_h).tanh()
    return fresh.lerp(states[0], (update + update_h).sigmoid())[None]


CELL = Cell("gru", "GRU", ("h",), 3, layer, output, unroll, step)
