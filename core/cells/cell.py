"""What a recurrent cell must offer to be trained and probed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

# A cell of one's own is any module, so the layer is not narrowed to torch's own here.
Unroll = Callable[[Any, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent layer.

    layer: builds one layer from (inputs, hidden); called with [time, batch, inputs] it
        returns (h [time, batch, hidden], anything).
    unroll: (layer, x [time, batch, inputs]) -> every state of every step by its name,
        each [time, batch, hidden].
    states: the names `unroll` returns, the default one first. 'h' is always among them:
        it is what the next layer reads.
    kernels: how many [hidden x 2·hidden] blocks the recurrent kernel has (paper, section 3).
    """

    name: str
    layer: Callable[[int, int], nn.Module]
    unroll: Unroll
    states: tuple[str, ...]
    kernels: int
