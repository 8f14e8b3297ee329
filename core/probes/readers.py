"""What a module's recurrence computes while the module runs: its states at every step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.cells import lstm
from core.errors import BadInput

LayerStates = list[dict[str, np.ndarray]]  # of each layer: name -> [segments, time, numbers]
CELLS = (nn.LSTMCell, nn.GRUCell, nn.RNNCell)


def reader_of(module: nn.Module, of: str | None) -> StateReader:
    """What reads the states of a module: of its only recurrence, or of the submodule `of`."""
    parts = dict(module.named_modules())
    if of is not None and of not in parts:
        listed = ", ".join(name for name in parts if name)
        raise BadInput(f"The module has no part {of!r}; its parts are {listed[:500]}.")
    if of is not None:
        named = parts[of]
        return WholeSegments(named) if isinstance(named, nn.RNNBase) else Outputs([named])
    networks = [part for part in parts.values() if isinstance(part, nn.RNNBase)]
    cells: list[nn.Module] = [part for part in parts.values() if isinstance(part, CELLS)]
    if len(networks) == 1 and not cells:
        return WholeSegments(networks[0])
    if cells and not networks:
        return Outputs(cells)
    raise BadInput(
        f"The module holds {len(networks)} recurrent networks (nn.LSTM, nn.GRU, nn.RNN) and "
        f"{len(cells)} recurrent cells: name the part whose states are meant, as of='...', give a "
        "function step(symbols, before), or use `measure` with the states."
    )


class StateReader(ABC):
    """Notes what parts of a module read or return inside `with`, and makes states of it."""

    def __init__(self) -> None:
        self.hooks: list[Any] = []

    @abstractmethod
    def attach(self) -> list[Any]:
        """Forgets what was noted, and returns the hooks that note anew."""

    def run(self, module: nn.Module, part: Tensor) -> None:
        """Runs the module over symbols [batch, time]."""
        module(part)

    @abstractmethod
    def states(self, part: Tensor) -> LayerStates:
        """The states of every layer, of the symbols [batch, time] that the module has read."""

    def __enter__(self) -> StateReader:
        self.hooks = self.attach()
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()


class WholeSegments(StateReader):
    """An nn.LSTM, nn.GRU or nn.RNN that the module runs over whole segments."""

    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.rnn = rnn
        self.inputs: list[tuple[Any, Any]] = []

    def attach(self) -> list[Any]:
        self.inputs.clear()
        return [self.rnn.register_forward_pre_hook(self._note, with_kwargs=True)]

    def states(self, part: Tensor) -> LayerStates:
        x, initial = self._read(part)
        return [as_arrays(layer) for layer in _layers(self.rnn, x, initial)]

    def _note(self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        x = given[0] if given else named.get("input")
        self.inputs.append((x, given[1] if len(given) > 1 else named.get("hx")))

    def _read(self, part: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What it read, [time, batch, inputs], and its initial states, [layers, batch, hidden].

        No initial states: it began at zero. Raises BadInput where it cannot be followed.
        """
        x, initial = self.inputs[0] if len(self.inputs) == 1 else (None, None)
        if not isinstance(x, Tensor) or x.dim() != 3:
            raise BadInput(
                "The module does not run its recurrent network once over a padded batch; "
                "use `measure` with the states you choose."
            )
        x = x.transpose(0, 1) if self.rnn.batch_first else x
        if x.shape[:2] != (part.shape[1], part.shape[0]):
            raise BadInput(
                f"The recurrent network reads {list(x.shape[:2])} steps and segments where "
                f"the symbols have {[part.shape[1], part.shape[0]]}; check batch_first."
            )
        begin = () if initial is None else initial if isinstance(initial, tuple) else (initial,)
        if any(not isinstance(h, Tensor) or h.dim() != 3 or len(h[0]) != len(part) for h in begin):
            raise BadInput(
                "The initial state of the recurrent network is not [layers, batch, hidden]; "
                "use `measure` with the states you choose."
            )
        return x.float(), tuple(h.float().contiguous() for h in begin)


class Outputs(StateReader):
    """Parts whose outputs are states, each a layer: of all steps at once, or step by step."""

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = parts
        self.noted: list[list[Any]] = []

    def attach(self) -> list[Any]:
        self.noted = [[] for _ in self.parts]
        return [
            part.register_forward_hook(lambda _, __, output, notes=notes: notes.append(output))
            for part, notes in zip(self.parts, self.noted, strict=True)
        ]

    def states(self, part: Tensor) -> LayerStates:
        return [
            as_arrays(self._layer(module, notes, *part.shape))
            for module, notes in zip(self.parts, self.noted, strict=True)
        ]

    def _layer(
        self, part: nn.Module, notes: list[Any], batch: int, steps: int
    ) -> dict[str, Tensor]:
        """The states of one part, time first."""
        outputs = [note if isinstance(note, tuple) else (note,) for note in notes]
        shapes = {_shape(output[0]) for output in outputs}
        if len(outputs) == 1 and shapes <= {(batch, steps), (steps, batch)}:
            h = outputs[0][0]
            return {"h": h if h.shape[:2] == (steps, batch) else h.transpose(0, 1)}
        if len(outputs) == steps and all(shape[:1] == (batch,) for shape in shapes):
            names = ("h", "c") if isinstance(part, nn.LSTMCell) else ("h",)
            states = zip(names, zip(*outputs, strict=True), strict=False)
            return {name: torch.stack(values).flatten(2) for name, values in states}
        raise BadInput(
            f"{type(part).__name__} gives no states of {steps} steps: it must return [batch, time, "
            "numbers] once, or [batch, numbers] at every step."
        )


def _shape(output: Any) -> tuple[int, ...]:
    """The first two sizes of a tensor; of one that holds no states, of one size."""
    if not isinstance(output, Tensor) or output.dim() < 2:
        return (-1,)
    return tuple(output.shape[: output.dim() - 1][:2])


def as_arrays(layer: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """States [time, batch, numbers] as float32 [batch, time, numbers]."""
    return {name: h.transpose(0, 1).float().cpu().numpy() for name, h in layer.items()}


@torch.no_grad()
def run_steps(step: Callable[[Tensor, Any], Any], part: Tensor) -> LayerStates:
    """The states that a function takes over symbols [batch, time]; those of a tuple, joined."""
    before, collected = None, []
    for symbols in part.T:
        try:
            before = step(symbols, before)
        except Exception as error:  # whatever somebody's function raises
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadInput(f"The function step(symbols, before) cannot run: {reason}") from error
        tensors = before if isinstance(before, tuple) else (before,)
        if not all(isinstance(h, Tensor) and h.dim() and len(h) == len(part) for h in tensors):
            raise BadInput("The function must return a tensor [batch, ...] or a tuple of such.")
        collected.append(torch.cat([h.reshape(len(part), -1).float() for h in tensors], 1))
    return [as_arrays({"h": torch.stack(collected)})]


def _layers(rnn: nn.RNNBase, x: Tensor, initial: tuple[Tensor, ...]) -> list[dict[str, Tensor]]:
    """The states of the forward half of every layer at every step: [time, batch, hidden] each.

    initial: (h,) or, of an LSTM, (h, c), each [layers · directions, batch, hidden]; () is zero.
    """
    if rnn.proj_size:
        raise BadInput("An LSTM with a projection is not supported; use `measure` with its states.")
    directions = ("", "_reverse")[: 1 + rnn.bidirectional]
    result = []
    for number in range(rnn.num_layers):
        outputs = []
        for place, suffix in enumerate(directions):
            layer = _layer(rnn, x.shape[2], f"{number}{suffix}").to(x.device)
            begin = tuple(h[number * len(directions) + place][None] for h in initial)
            read = x.flip(0) if suffix else x
            if isinstance(layer, nn.LSTM):
                states = lstm.unroll(layer, read, begin)
            else:
                states = {"h": layer(read, *begin)[0]}
            outputs.append(states["h"].flip(0) if suffix else states["h"])
            if not suffix:
                result.append(states)
        x = torch.cat(outputs, 2)
    return result


def _layer(rnn: nn.RNNBase, inputs: int, place: str) -> nn.RNNBase:
    """One layer and direction of a network as a network of its own, with the same weights."""
    kind: Any = type(rnn)  # nn.LSTM, nn.GRU or nn.RNN
    options = {"nonlinearity": rnn.nonlinearity} if isinstance(rnn, nn.RNN) else {}
    layer: nn.RNNBase = kind(inputs, rnn.hidden_size, bias=rnn.bias, **options)
    for name in list(dict(layer.named_parameters())):
        theirs = getattr(rnn, f"{name.removesuffix('0')}{place}")
        setattr(layer, name, nn.Parameter(theirs.detach().float()))
    return layer
