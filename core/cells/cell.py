"""What a recurrent cell must offer to be trained and probed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the facts of a cell are read where torch is not loaded
    from torch import Tensor, nn


READ = 512  # numbers of a memory that decoders read; a larger one is projected to so many


def first(layer: Any, x: Tensor) -> Tensor:
    """h of every step, which torch's own layers return first: the `output` of their cells."""
    h: Tensor = layer(x)[0]
    return h


def fastest(layer: Any, x: Tensor) -> Tensor:
    """The same of a GRU or LSTM, by a loop of `core.cells.loops` where that is faster."""
    from core.cells import loops

    if loops.available(layer, x) and loops.faster(layer):
        return loops.run(layer, x)
    return first(layer, x)


def fastest_alone(layer: Any, x: Tensor) -> dict[str, Tensor]:
    """{"h": [time, batch, hidden]} by `fastest`: the `unroll` of a GRU."""
    return {"h": fastest(layer, x)}


def first_alone(layer: Any, x: Tensor) -> dict[str, Tensor]:
    """{"h": [time, batch, hidden]}: the `unroll` of torch's layers that have no other state."""
    return {"h": first(layer, x)}


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent layer: its facts, and how it is computed.

    name: what specs and tables call it; label: what people call it.
    states: the names of its states, the default one first. 'h' is always among them: it is what
        the next layer reads.
        Where it is not what is carried from step to step, that is the memory 'c'.
    gates: how many [hidden x 2·hidden] blocks of weights it has (paper, section 3); 0 where its
        weights are of other shapes.
    layer: builds the module of one layer from (inputs, hidden).
    output: (layer, x [time, batch, inputs]) -> h of every step [time, batch, hidden], for training.
    unroll: (layer, x) -> every state of every step by its name, each [time, batch, `dim`]. A
        memory above `READ` numbers is projected step by step, so that it is never held whole.
    step: for a cell whose gates read x_t and h_{t-1} through one kernel, kept as torch's own layers
        keep theirs: one step from what x_t and what h_{t-1} contribute to the gates, both
        [..., gates · hidden], and the states [states, ..., hidden], to the next states.
    memory: hidden -> numbers of the memory c, where it is all that is carried from step to step.
    weights: hidden -> weights of the matrices of a layer between layers of its size, without gates.
    rates: by hidden units the peak learning rate that is best on dev in the study that compares the
        cells, of `core.profiles.TRIED_RATES` (`python -m core bench rates`); empty: not searched.
    """

    name: str
    label: str
    states: tuple[str, ...]
    gates: int
    layer: Callable[[int, int], nn.Module]
    output: Callable[[Any, Tensor], Tensor]
    unroll: Callable[[Any, Tensor], dict[str, Tensor]]
    step: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    memory: Callable[[int], int] | None = None
    weights: Callable[[int], int] | None = None
    rates: Mapping[int, float] = field(default_factory=dict)

    def state_size(self, hidden: int) -> int:
        """Numbers that a layer of that size carries from one step to the next."""
        return self.memory(hidden) if self.memory else len(self.states) * hidden

    def dim(self, state: str, hidden: int) -> int:
        """Numbers of one of its states that decoders read."""
        return min(self.memory(hidden), READ) if self.memory and state == "c" else hidden

    def kernel(self, hidden: int) -> int:
        """Weights of the matrices of a layer between layers of its size."""
        return self.weights(hidden) if self.weights else 2 * self.gates * hidden**2

    @property
    def factorizes(self) -> bool:
        """Whether it has one kernel over [x_t; h_{t-1}], which can be written as a sum of parts."""
        return self.step is not None
