"""A training step of decoders with one hidden layer on a processor, in C++.

Each of torch's operations is too little work to be shared among threads, and what one leaves in the
cache is gone before the next reads it. In decoder.cpp some states at a time go forward and back,
then some hidden units at a time get their gradients, so threads meet twice a minibatch. Values are
torch's within rounding, whatever the number of threads (`python -m core bench decoders`).
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from core import compiled, machine
from core.probes.operations import Examples, Sizes, Views

NAME = "probes/decoder"
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam, as torch has them
SHARE = 2.5e7  # operations of a minibatch that are worth a thread: less ends before it has begun


def available() -> bool:
    """Whether it is compiled here."""
    return compiled.library(NAME) is not None


class Fused:
    """An Engine (core.probes.operations) for single decoders of depth 1 on a processor.

    A dropout mask of the hidden layer is drawn as [panels, width, panel], a panel of states along
    the last dimension. All arrays are contiguous.
    """

    def __init__(self, sizes: Sizes, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        library = compiled.library(NAME)
        assert library
        library.decoder_panel.restype = library.decoder_work.restype = ctypes.c_size_t
        self.library, self.sizes, self.panel = library, sizes, library.decoder_panel()
        _, batch, dim, width, n_symbols, _ = sizes
        operations = 2 * batch * width * (2 * dim + 3 * n_symbols)
        self.threads = min(machine.threads(), 1 + int(operations / SHARE))
        self.workspace = torch.empty(library.decoder_work(*_sizes(self.threads, *sizes[1:5])))
        # The arguments of `adam` for each array: where it lies does not change.
        self.moments = [torch.zeros(2, *each.shape) for each in parameters]
        self.changed = [
            (ctypes.c_size_t(value.numel()), *_pointers(value, gradient, *moments))
            for value, gradient, moments in zip(parameters, gradients, self.moments, strict=True)
        ]
        self.steps = 0

    def differentiate(self, layers: list[Views], examples: Examples) -> None:
        """Writes the gradients of the mean cross-entropy on a minibatch (see Engine).

        Raises IndexError, and writes nothing, if a target is no symbol.
        """
        states, truth, offset, masks = examples
        _, batch, _, width, *_ = self.sizes
        of_states = of_units = None
        if masks:
            of_states = masks.draw(*states.shape)
            of_units = masks.draw(-(-batch // self.panel), width, self.panel)
        (hidden, hidden_bias, *of_hidden), (readout, readout_bias, *of_readout) = layers
        weights = hidden, hidden_bias, readout, readout_bias
        done = self.library.decoder_gradient(
            *_sizes(self.threads, *self.sizes[1:5]),
            ctypes.c_float(masks.keep if masks else 1),
            *_pointers(states, of_states, of_units, truth, offset, *weights),
            *_pointers(*of_hidden, *of_readout, self.workspace),
        )
        if not done:
            raise IndexError("A target is no symbol.")

    def update(self, learning_rate: float) -> None:
        """A step of Adam with the gradients that were written last."""
        self.steps += 1
        corrections = (1 - beta**self.steps for beta in BETAS)
        settings = [ctypes.c_float(each) for each in (learning_rate, *BETAS, EPSILON, *corrections)]
        threads = ctypes.c_size_t(self.threads)
        for size, *pointers in self.changed:
            self.library.adam(threads, size, *settings, *pointers)


def _sizes(*numbers: int) -> list[ctypes.c_size_t]:
    return [ctypes.c_size_t(number) for number in numbers]


def _pointers(*arrays: Tensor | None) -> list[ctypes.c_void_p]:
    assert all(each is None or each.is_contiguous() for each in arrays)
    return [ctypes.c_void_p(None if each is None else each.data_ptr()) for each in arrays]
