"""The Elman cell, h_t = tanh(W_x x_t + W_h h_{t−1} + b) ("Finding structure in time", 1990)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.cells.cell import Cell, first, first_alone

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.RNN:
    """Torch's own layer."""
    from torch import nn

    return nn.RNN(inputs, hidden)


def step(from_input: Tensor, from_state: Tensor, states: Tensor) -> Tensor:
    """One step of h, of any number of networks at once; see `Cell.step`."""
    return (from_input + from_state).tanh()[None]


CELL = Cell("elman", "Elman", ("h",), 1, layer, first, first_alone, step, rates={32: 4e-2})
