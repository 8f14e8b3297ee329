"""The listener: bidirectional LSTM layers that halve the frame rate on the way (Chan et al. 2015).

Everything is time first. Utterances are padded to the longest of the minibatch, and each half of a
layer reads every utterance from its own first or last frame, so that padding changes nothing. A
packed sequence would say the same, but misses the library's fast path in the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from core.cells import lstm

STACKED = 2  # frames that the first layer reads at once


class Encoder(nn.Module):
    """`layers` bidirectional layers of `units` a direction over frames of `mels` numbers.

    reduction: input frames to a step of the last layer, 4 or 8. Two frames are stacked at the
    input, and a layer above the first reads two steps of the one below at once, until that is
    reached. rates: input frames to a step of each layer.
    """

    def __init__(self, mels: int, layers: int, units: int, reduction: int) -> None:
        super().__init__()
        self.rates = [min(STACKED * 2**layer, reduction) for layer in range(layers)]
        if self.rates[-1] != reduction:
            raise ValueError(f"{layers} layers cannot reduce time {reduction} times")
        widths = [STACKED * mels]
        widths += [2 * units * b // a for a, b in zip(self.rates, self.rates[1:], strict=False)]
        self.layers = nn.ModuleList(Blstm(width, units) for width in widths)

    def forward(self, frames: Tensor, lengths: Tensor) -> list[Tensor]:
        """The output of every layer: float [time / rate, batch, 2 · units].

        frames: float [time, batch, mels], zero where there are none any more, with time a multiple
        of the reduction. lengths: int64 [batch], frames of each utterance, multiples of it, too.
        """
        outputs: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x = outputs[-1] if outputs else frames
            outputs.append(layer(*self._read(x, lengths, number)))
        return outputs

    def states(self, frames: Tensor, lengths: Tensor, layer: int) -> dict[str, Tensor]:
        """c_t and h_t of one layer (1-based): each [time / rate, batch, 2 · units], forward first.

        h_t is what `forward` gives for that layer.
        """
        x = frames
        for number, below in enumerate(self.layers[: layer - 1]):
            x = below(*self._read(x, lengths, number))
        top = self.layers[layer - 1]
        assert isinstance(top, Blstm)
        return top.states(*self._read(x, lengths, layer - 1))

    def _read(self, x: Tensor, lengths: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """What a layer (0-based) reads of the output below it, and how to turn that around."""
        rate = self.rates[number]
        x = stacked(x, rate // (self.rates[number - 1] if number else 1))
        return x, reversal(lengths // rate, len(x))


class Blstm(nn.Module):
    """Two LSTMs, one from the first step of each utterance on, one from its last step back."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.ahead, self.back = nn.LSTM(inputs, units), nn.LSTM(inputs, units)

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        """x: [time, batch, inputs], rows: its `reversal` → [time, batch, 2 · units]."""
        ahead, back = self.ahead(x)[0], self.back(turned(x, rows))[0]
        return torch.cat([ahead, turned(back, rows)], 2)

    def states(self, x: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """c_t and h_t of both halves, each [time, batch, 2 · units]."""
        ahead, back = lstm.unroll(self.ahead, x), lstm.unroll(self.back, turned(x, rows))
        return {name: torch.cat([ahead[name], turned(back[name], rows)], 2) for name in ahead}


def stacked(x: Tensor, times: int) -> Tensor:
    """Every `times` steps as one: [time, batch, width] → [time / times, batch, width · times]."""
    steps, batch, width = x.shape
    together = x.view(steps // times, times, batch, width).transpose(1, 2)
    return together.reshape(steps // times, batch, times * width)


def reversal(lengths: Tensor, steps: int) -> Tensor:
    """Where each step of a [steps · batch] layout comes from when utterances are turned around.

    Each is turned within its own length and padding stays in place: int64 [steps · batch].
    """
    step = torch.arange(steps, device=lengths.device)[:, None]
    source = torch.where(step < lengths, lengths - 1 - step, step)
    batch = torch.arange(len(lengths), device=lengths.device)
    return (source * len(lengths) + batch).flatten()


def turned(x: Tensor, rows: Tensor) -> Tensor:
    """x [time, batch, width] with every utterance turned around in time."""
    return _Turn.apply(x, rows)


class _Turn(torch.autograd.Function):
    """A permutation that is its own inverse, so that backward is one more look-up."""

    @staticmethod
    def forward(context: Any, x: Tensor, rows: Tensor) -> Tensor:
        context.save_for_backward(rows)
        return x.flatten(0, 1).index_select(0, rows).view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = context.saved_tensors
        return gradient.flatten(0, 1).index_select(0, rows).view_as(gradient), None
