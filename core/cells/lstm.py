"""The LSTM cell, and its memory c_t at every step without a step-by-step recurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.cells.cell import Cell, fastest

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.LSTM:
    """Torch's own layer."""
    from torch import nn

    return nn.LSTM(inputs, hidden)


def unroll(layer: nn.LSTM, x: Tensor, begin: tuple[Tensor, ...] = ()) -> dict[str, Tensor]:
    """c_t and h_t of every step of one unidirectional layer (paper, equation 1).

    `nn.LSTM` returns c only of the last step. Its h of all steps, though, gives every gate by
    one matrix product, and c follows by the scan c_t = f·c_{t-1} + i·g: the same numbers as
    `nn.LSTMCell` step by step, without its price.

    x: [time, batch, inputs] -> {"c", "h"}: [time, batch, hidden]. begin: (h_0, c_0), each
    [1, batch, hidden]; () is zero.
    """
    import torch

    weights = dict(layer.named_parameters())
    h, _ = layer(x, begin or None)
    steps, _, hidden = h.shape
    rows = 3 * hidden  # torch stacks i, f, g, o; c needs no output gate
    gates = x @ weights["weight_ih_l0"][:rows].T
    gates[1:] += h[:-1] @ weights["weight_hh_l0"][:rows].T
    if begin:
        gates[0] += begin[0][0] @ weights["weight_hh_l0"][:rows].T
    if layer.bias:
        gates += (weights["bias_ih_l0"] + weights["bias_hh_l0"])[:rows]
    c = torch.empty_like(h)
    for t in range(steps):  # one step's gates stay in the processor's cache
        i, f, g = gates[t].chunk(3, 1)
        gates[t, :, : 2 * hidden].sigmoid_()
        torch.mul(i, g.tanh_(), out=c[t])
        if t or begin:
            c[t].addcmul_(f, c[t - 1] if t else begin[1][0])
    return {"c": c, "h": h}


def fastest_states(layer: nn.LSTM, x: Tensor) -> dict[str, Tensor]:
    """The same by the loop of `core.cells.loops`, which has c at hand, where it can be compiled and
    nothing is to be differentiated."""
    import torch

    from core.cells import loops

    if not torch.is_grad_enabled() and loops.available(layer, x):
        return loops.memories(layer, x)
    return unroll(layer, x)


def step(from_input: Tensor, from_state: Tensor, states: Tensor) -> Tensor:
    """One step of c and h, of any number of networks at once; see `Cell.step`."""
    import torch

    i, f, g, o = from_input.add_(from_state).chunk(4, -1)
    c = f.sigmoid() * states[0]
    c.addcmul_(i.sigmoid(), g.tanh())
    return torch.stack([c, o.sigmoid() * c.tanh()])


CELL = Cell("lstm", "LSTM", ("c", "h"), 4, layer, fastest, fastest_states, step, rates={16: 4e-2})
