"""The GRU's recurrence for training on a processor: torch's own, with a backward pass by hand.

Torch differentiates its GRU step by step, operation by operation, and takes 1.3 to 1.4 times as
long (`python -m core bench networks`). Here the gradient's factors of all steps are computed at
once, so that a step back is four products and one matrix product. Values and gradients are torch's
within rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def output(layer: nn.GRU, x: Tensor) -> Tensor:
    """h of every step from zero. x: [time, batch, inputs] -> [time, batch, hidden].

    layer: of one direction and with biases.
    """
    weights = dict(layer.named_parameters())
    of_rz, of_n = weights["bias_hh_l0"].split([2 * layer.hidden_size, layer.hidden_size])
    gates = functional.linear(x, weights["weight_ih_l0"], weights["bias_ih_l0"])
    gates = gates + functional.pad(of_rz, (0, layer.hidden_size))
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
        kernel = weight.T.contiguous()
        h = gates.new_zeros(steps + 1, batch, hidden)
        rz = gates.new_empty(steps, batch, 2 * hidden)
        n, recalled = (gates.new_empty(steps, batch, hidden) for _ in range(2))
        product = gates.new_empty(batch, width)
        for t in range(steps):
            torch.mm(h[t], kernel, out=product)
            torch.add(gates[t, :, : 2 * hidden], product[:, : 2 * hidden], out=rz[t]).sigmoid_()
            torch.add(product[:, 2 * hidden :], bias, out=recalled[t])
            new = gates[t, :, 2 * hidden :]
            torch.addcmul(new, rz[t, :, :hidden], recalled[t], out=n[t]).tanh_()
            torch.lerp(n[t], h[t], rz[t, :, hidden:], out=h[t + 1])
        ctx.save_for_backward(weight, h, rz, n, recalled)
        return h[1:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """gradients: one tensor, of h of every step."""
        weight, h, rz, n, recalled = ctx.saved_tensors
        steps, batch, hidden = n.shape
        r, z = rz.chunk(2, 2)
        # The derivatives of h_t by what is in the tanh and in the σ of z, and of the first by r's.
        by_n = (1 - n * n).mul_(1 - z)
        by_z = (h[:-1] - n).mul_(z).mul_(1 - z)
        by_r = (recalled * r).mul_(1 - r)
        into = n.new_empty(steps, batch, 3 * hidden)  # the gradients of W_h h, r above z above n
        of_n = torch.empty_like(n)
        later: Tensor | float = 0.0
        for t in reversed(range(steps)):
            of_h = gradients[0][t] + later
            torch.mul(of_h, by_n[t], out=of_n[t])
            torch.mul(of_n[t], by_r[t], out=into[t, :, :hidden])
            torch.mul(of_h, by_z[t], out=into[t, :, hidden : 2 * hidden])
            torch.mul(of_n[t], r[t], out=into[t, :, 2 * hidden :])
            later = torch.addmm(of_h.mul_(z[t]), into[t], weight)
        of_weight = into.flatten(0, 1).T @ h[:-1].flatten(0, 1)
        of_gates = torch.cat([into[:, :, : 2 * hidden], of_n], 2)
        return of_gates, of_weight, into[:, :, 2 * hidden :].sum((0, 1))
