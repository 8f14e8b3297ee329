"""The GRU's recurrence for training on a processor: its steps, and the gradient's, in C++.

Torch runs a GRU step by step and differentiates it operation by operation, for which it takes
several times as long (`python -m core bench networks`). In gru_loop.cpp a step is one matrix
product and one pass over its result, forward and back, and the gradient of the weights is one
product over all steps. Values and gradients are torch's within rounding.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from core.cells import compiled

NAME = "gru_loop"


def available(layer: nn.GRU, x: Tensor) -> bool:
    """Whether `output` computes this: on a processor, in float32, with biases, and compiled."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and layer.bias
    return fits and compiled.library(NAME) is not None


def output(layer: nn.GRU, x: Tensor) -> Tensor:
    """h of every step from zero. x: [time, batch, inputs] -> [time, batch, hidden].

    layer: of one direction.
    """
    weights = dict(layer.named_parameters())
    of_rz, of_n = weights["bias_hh_l0"].split([2 * layer.hidden_size, layer.hidden_size])
    # Only n's second bias is multiplied by r, so the others are added once, to the first.
    bias = weights["bias_ih_l0"] + functional.pad(of_rz, (0, layer.hidden_size))
    gates = functional.linear(x, weights["weight_ih_l0"], bias)
    h: Tensor = _Recurrence.apply(gates, weights["weight_hh_l0"], of_n)
    return h


class _Recurrence(torch.autograd.Function):
    """From what the inputs give the gates r, z, n (biases included) to h of every step.

    With a = W_h h_{t-1}: r = σ(gates + a), z = σ(gates + a), n = tanh(gates + r (a + bias)) and
    h_t = n + z (h_{t-1} - n); a in each of them is its own third.
    """

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """gates: [time, batch, 3 · hidden]; weight: [3 · hidden, hidden]; bias: [hidden], of n."""
        steps, batch, width = gates.shape
        hidden = width // 3
        h = gates.new_zeros(steps + 1, batch, hidden)
        saved = gates.new_empty(steps, batch, 4 * hidden)
        weight = weight.contiguous()
        _call("gru_forward", h, gates.contiguous(), weight, bias.contiguous(), h, saved)
        ctx.save_for_backward(weight, h, saved)
        return h[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """of_h: the gradient of h of every step."""
        weight, h, saved = ctx.saved_tensors
        steps, batch, hidden = of_h.shape
        of_gates = h.new_empty(steps, batch, 3 * hidden)
        into = torch.empty_like(of_gates)  # the gradients of W_h h (+ bias)
        _call("gru_backward", h, of_h.contiguous(), weight, h, saved, of_gates, into)
        of_weight = into.flatten(0, 1).T @ h[:-1].flatten(0, 1)
        return of_gates, of_weight, into[:, :, 2 * hidden :].sum((0, 1))


def _call(function: str, h: Tensor, *arrays: Tensor) -> None:
    """Calls a function of the library on contiguous arrays; h: [time + 1, batch, hidden]."""
    steps, batch, hidden = h.shape
    sizes = (torch.get_num_threads(), steps - 1, batch, hidden)
    pointers = (ctypes.c_void_p(array.data_ptr()) for array in arrays)
    getattr(compiled.library(NAME), function)(*map(ctypes.c_size_t, sizes), *pointers)
