"""The recurrences of a GRU and of an LSTM on a processor, in C++.

Torch takes several times as long to train a GRU, which it differentiates operation by operation,
longer for some LSTMs (`python -m core bench networks`), and several times as long for the states of
either where it has more than one thread. In loops.cpp a step is one matrix product and one pass
over its result, forward and back, and the gradient of the weights is one product over all steps.
Values and gradients are torch's within rounding.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from core import compiled, machine

NAME = "cells/loops"
# Units for which torch's LSTM, one call of a library, is slower (docs/scaling.md).
LSTM_TRAINING, LSTM_READING = range(81, 640), range(640)  # with gradients, and without


def available(layer: nn.GRU | nn.LSTM, x: Tensor) -> bool:
    """Whether they compute this: on a processor, in float32, with biases, and compiled."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and layer.bias
    return fits and compiled.library(NAME) is not None


def faster(layer: nn.GRU | nn.LSTM) -> bool:
    """Whether torch's layer takes longer."""
    of_lstm = LSTM_TRAINING if torch.is_grad_enabled() else LSTM_READING
    return isinstance(layer, nn.GRU) or layer.hidden_size in of_lstm


def run(layer: nn.GRU | nn.LSTM, x: Tensor) -> Tensor:
    """h of every step of a layer from zero. x: [time, batch, inputs] -> [time, batch, hidden]."""
    return gru(layer, x) if isinstance(layer, nn.GRU) else lstm(layer, x)


def gru(layer: nn.GRU, x: Tensor) -> Tensor:
    """h of every step of a GRU from zero. x: [time, batch, inputs] -> [time, batch, hidden].

    layer: of one direction.
    """
    weights = dict(layer.named_parameters())
    of_rz, of_n = weights["bias_hh_l0"].split([2 * layer.hidden_size, layer.hidden_size])
    # Only n's second bias is multiplied by r, so the others are added once, to the first.
    bias = weights["bias_ih_l0"] + functional.pad(of_rz, (0, layer.hidden_size))
    gates = functional.linear(x, weights["weight_ih_l0"], bias)
    h: Tensor = _Gru.apply(gates, weights["weight_hh_l0"], of_n)
    return h


def lstm(layer: nn.LSTM, x: Tensor) -> Tensor:
    """h of every step of an LSTM from zero. x: [time, batch, inputs] -> [time, batch, hidden].

    layer: of one direction.
    """
    h: Tensor = _Lstm.apply(*_lstm_gates(layer, x))
    return h


@torch.no_grad()
def memories(layer: nn.LSTM, x: Tensor) -> dict[str, Tensor]:
    """{"c", "h"} of every step of an LSTM from zero, without gradients.

    x: [time, batch, inputs]; each state: [time, batch, hidden]. layer: of one direction.
    """
    gates, weight = _lstm_gates(layer, x)
    h, c, _ = _lstm_forward(gates, weight)
    return {"c": c[1:], "h": h[1:]}


def _lstm_gates(layer: nn.LSTM, x: Tensor) -> tuple[Tensor, Tensor]:
    """What the inputs give the gates, [time, batch, 4 · hidden], and W_h."""
    weights = dict(layer.named_parameters())
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    return functional.linear(x, weights["weight_ih_l0"], bias), weights["weight_hh_l0"]


def _lstm_forward(gates: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """h and c, each [time + 1, batch, hidden] from zero, and what backward needs."""
    steps, batch, width = gates.shape
    h, c = gates.new_zeros(2, steps + 1, batch, width // 4)
    saved = gates.new_empty(steps, batch, 5 * (width // 4))
    _call("lstm_forward", h, gates.contiguous(), weight.contiguous(), h, c, saved)
    return h, c, saved


class _Gru(torch.autograd.Function):
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


class _Lstm(torch.autograd.Function):
    """From what the inputs give the gates i, f, g, o (biases included) to h of every step.

    With a = gates + W_h h_{t-1}, of which each gate has its own quarter, c_t = σ(a_f) c_{t-1} +
    σ(a_i) tanh(a_g) and h_t = σ(a_o) tanh(c_t).
    """

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor) -> Tensor:
        """gates: [time, batch, 4 · hidden]; weight: [4 · hidden, hidden]."""
        weight = weight.contiguous()
        h, c, saved = _lstm_forward(gates, weight)
        ctx.save_for_backward(weight, h, c, saved)
        return h[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_h: Tensor) -> tuple[Tensor, Tensor]:
        """of_h: the gradient of h of every step."""
        weight, h, c, saved = ctx.saved_tensors
        steps, batch, hidden = of_h.shape
        of_gates = h.new_empty(steps, batch, 4 * hidden)
        _call("lstm_backward", h, of_h.contiguous(), weight, c, saved, of_gates)
        return of_gates, of_gates.flatten(0, 1).T @ h[:-1].flatten(0, 1)


def _call(function: str, h: Tensor, *arrays: Tensor) -> None:
    """Calls a function of the library on contiguous arrays; h: [time + 1, batch, hidden]."""
    steps, batch, hidden = h.shape
    sizes = (machine.threads(), steps - 1, batch, hidden)
    pointers = (ctypes.c_void_p(array.data_ptr()) for array in arrays)
    getattr(compiled.library(NAME), function)(*map(ctypes.c_size_t, sizes), *pointers)
