"""The GRU cell: memory and output are one vector, h_t."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.cells.cell import Cell, fastest, fastest_alone

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.GRU:
    """Torch's own layer."""
    from torch import nn

    return nn.GRU(inputs, hidden)


def step(from_input: Tensor, from_state: Tensor, states: Tensor) -> Tensor:
    """One step of h, of any number of networks at once; see `Cell.step`."""
    reset, update, new = from_input.chunk(3, -1)
    reset_h, update_h, new_h = from_state.chunk(3, -1)
    fresh = new.addcmul((reset + reset_h).sigmoid(), new_h).tanh()
    return fresh.lerp(states[0], (update + update_h).sigmoid())[None]


CELL = Cell(
    "gru", "GRU", ("h",), 3, layer, fastest, fastest_alone, step, rates={18: 4e-2, 32: 4e-2}
)
