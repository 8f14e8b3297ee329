"""A training step of decoders in torch's operations: gradients by hand, into buffers in place.

`Engine` is what else computes one has (core.probes.fused).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Views = tuple[Tensor, Tensor, Tensor, Tensor]  # of a layer: weight, bias and their gradients


class Sizes(NamedTuple):
    """Of decoders that train together: `stack` of them at once, `depth` hidden layers of `width`,
    minibatches of `batch` states of `dim` numbers."""

    stack: int
    batch: int
    dim: int
    width: int
    n_symbols: int
    depth: int


class Masks(NamedTuple):
    """Dropout: what draws a mask of a given shape, of 0 and 1/keep, valid until the next step."""

    keep: float
    draw: Callable[..., Tensor]


class Examples(NamedTuple):
    """What one decoder, or a stack, learns from in a step.

    states: [batch, dim]. truth: int64 [batch], −1 = no target. offset: [batch, symbols], what is
    added to the logits. Of a stack all but the states have another dimension before these.
    """

    states: Tensor
    truth: Tensor
    offset: Tensor | None
    masks: Masks | None


class Engine(Protocol):
    """What takes training steps.

    It is made for some sizes, all parameters that it is to change, and the arrays that hold their
    gradients.
    """

    def __init__(self, sizes: Sizes, parameters: list[Tensor], gradients: list[Tensor]) -> None: ...

    def differentiate(self, layers: list[Views], examples: Examples) -> None:
        """Writes the gradients of the mean cross-entropy on a minibatch.

        layers: of weights [out, in] and biases [1, out], the readout last; of a stack with another
        dimension before these.
        """

    def update(self, learning_rate: float) -> None:
        """A step of Adam with the gradients that were written last."""


class Operations:
    """An Engine of torch's operations, for any device and depth."""

    def __init__(self, sizes: Sizes, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        for value, gradient in zip(parameters, gradients, strict=True):
            value.grad = gradient
        self.optimizer = torch.optim.Adam(parameters, fused=True)

        def buffer(columns: int) -> Tensor:
            return parameters[0].new_empty(sizes.stack, sizes.batch, columns)

        self.ones = parameters[0].new_ones(sizes.stack, 1, sizes.batch)
        self.input = buffer(sizes.dim)
        self.hidden = [buffer(sizes.width) for _ in range(sizes.depth)]
        self.deltas = [buffer(sizes.width) for _ in range(min(sizes.depth, 2))]

    def differentiate(self, layers: list[Views], examples: Examples) -> None:
        """Writes the gradients of the mean cross-entropy on a minibatch (see Engine)."""
        states, truth, offset, masks = examples
        product: Callable[..., Tensor] = torch.mm
        affine: Callable[..., Tensor] = torch.addmm
        rows: int | slice = 0  # the part of the buffers that the group uses
        if truth.dim() == 2:
            product, affine, rows = torch.bmm, torch.baddbmm, slice(0, len(truth))
            states = states.expand(len(truth), -1, -1)
        if masks:
            states = torch.mul(states, masks.draw(*states.shape), out=self.input[rows])
        inputs = [states]
        for (weight, bias, *_), buffer in zip(layers, self.hidden, strict=False):
            hidden = affine(bias, inputs[-1], weight.mT, out=buffer[rows])
            if masks:
                hidden.mul_(masks.draw(*hidden.shape))
            inputs.append(hidden.relu_())
        weight, bias, *_ = layers[-1]
        logits = affine(bias, inputs[-1], weight.mT)
        delta = torch.softmax(logits if offset is None else logits.add_(offset), -1)
        weights = (truth >= 0).float().unsqueeze(-1)
        weights /= weights.sum(-2, keepdim=True).clamp_(min=1)
        delta.mul_(weights).scatter_add_(-1, truth.clamp(min=0).unsqueeze(-1), -weights)
        for layer in reversed(range(len(layers))):
            weight, _, weight_gradient, bias_gradient = layers[layer]
            product(delta.mT, inputs[layer], out=weight_gradient)
            # The sum over the minibatch as a product: three times as fast as torch.sum.
            product(self.ones[rows], delta, out=bias_gradient)
            if layer:
                # Zeros first bring the buffer into the cache: faster than beta=0 without them.
                below = self.deltas[layer % len(self.deltas)][rows].zero_()
                affine(below, delta, weight, alpha=1 / masks.keep if masks else 1, out=below)
                # A unit passes no gradient where it was dropped or negative: there it is zero.
                delta = torch.ops.aten.threshold_backward.grad_input(
                    below, inputs[layer], 0, grad_input=below
                )

    def update(self, learning_rate: float) -> None:
        """A step of Adam with the gradients that were written last."""
        for settings in self.optimizer.param_groups:
            settings["lr"] = learning_rate
        self.optimizer.step()
