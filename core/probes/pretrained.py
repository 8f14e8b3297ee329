"""The recurrent states of models of the package transformers: Mamba, RWKV, xLSTM, RecurrentGemma.

A short convolution over time and RWKV's shift by one symbol are left out, as everywhere here: each
is a memory of its own, of the last symbols as they are. transformers is imported by whoever has
such a model, and here only then.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from core.cells import scan
from core.errors import BadInput
from core.probes.readers import LayerStates, Outputs, StateReader, as_arrays

OLDEST = (5, 24)  # earlier versions name the cache, and what is in it, differently
RECURRENT = {"linear_attention", "hybrid", "hybrid_sliding"}  # layers, as transformers calls them


def reader_of(module: nn.Module) -> StateReader | None:
    """What reads the states of a transformers model; None of what is none or has no recurrence.

    Raises BadInput with one sentence if the version of transformers is too old.
    """
    if not any(kind.__module__.startswith("transformers.") for kind in type(module).__mro__):
        return None
    import transformers

    if not isinstance(module, transformers.PreTrainedModel):
        return None
    if tuple(map(int, transformers.__version__.split(".")[:2])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise BadInput(
            f"transformers {transformers.__version__} is installed, and the states of its models "
            f"are read from {needed} on: pip install 'transformers>={needed}'."
        )
    kind = module.config.model_type
    if kind == "rwkv":
        return Rwkv([part for part in module.modules() if _is(part, "RwkvSelfAttention")])
    if kind == "recurrent_gemma":
        return Gemma([part for part in module.modules() if _is(part, "RecurrentGemmaRglru")])
    layers = getattr(module.config.get_text_config(decoder=True), "layer_types", None) or ()
    return Cached() if kind == "xlstm" or RECURRENT & set(layers) else None


def _is(part: nn.Module, name: str) -> bool:
    return type(part).__name__ == name


class Cached(StateReader):
    """A model whose cache holds the states: it is run step by step, and the cache read after each.

    So its steps cost one run each, which is slower than one run over whole segments, and exact.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[Tensor]] = []  # of each step and layer: [batch, at most READ]

    def attach(self) -> list[Any]:
        self.steps.clear()
        return []

    def run(self, module: Any, part: Tensor) -> None:
        cache = None
        for symbols in part.split(1, dim=1):
            cache = module.base_model(symbols, cache=cache, use_cache=True, return_dict=True).cache
            self.steps.append([_joined(tensors) for tensors in _held(cache)])

    def states(self, part: Tensor) -> LayerStates:
        if not self.steps[0]:
            raise BadInput("The cache of this model holds no recurrent state.")
        layers = zip(*self.steps, strict=True)
        return [as_arrays({"h": torch.stack(states)}) for states in layers]


def _held(cache: Any) -> list[list[Tensor]]:
    """The tensors of the state of each layer that has one, [batch, ...] each."""
    if hasattr(cache, "rnn_state"):  # xLSTM's own kind of cache: C, n and m
        return [list(tensors) for tensors in cache.rnn_state.values()]
    states = [getattr(layer, "recurrent_states", {}).values() for layer in cache.layers]
    layers = [[tensor for tensor in layer if tensor is not None] for layer in states]
    return [layer for layer in layers if layer]


def _joined(tensors: list[Tensor]) -> Tensor:
    """A copy of the numbers of a state, as decoders read them: [batch, at most READ]."""
    return scan.read(torch.cat([tensor.flatten(1).float() for tensor in tensors], 1))


class Gemma(Outputs):
    """RecurrentGemma's linear recurrences, whose outputs are their states, in one run."""

    def run(self, module: Any, part: Tensor) -> None:
        module.base_model(part, use_cache=False)  # without the readout, of 256,000 symbols


class Rwkv(StateReader):
    """RWKV's recurrences, from the keys and values of all steps, in one run.

    Its cache cannot be read step by step: given one symbol of each of several segments, the library
    adds the shifted symbol of every segment to every other (it broadcasts [batch, hidden] to
    [batch, batch, hidden]).
    """

    def __init__(self, parts: list[Any]) -> None:
        super().__init__()
        self.inputs = [Outputs([part.key, part.value]) for part in parts]
        self.decays = [part.time_decay for part in parts]

    def attach(self) -> list[Any]:
        return [hook for inputs in self.inputs for hook in inputs.attach()]

    def run(self, module: Any, part: Tensor) -> None:
        module.base_model(part, use_cache=False)

    def states(self, part: Tensor) -> LayerStates:
        result = []
        for inputs, decay in zip(self.inputs, self.decays, strict=True):
            key, value = (torch.from_numpy(read["h"]) for read in inputs.states(part))
            result.append(as_arrays({"h": _weighted(key, value, -decay.float().exp().cpu())}))
        return result


def _weighted(key: Tensor, value: Tensor, decay: Tensor) -> Tensor:
    """RWKV's state at every step, from key and value [batch, time, hidden]: time first.

    The sums a_t = e^d a_{t−1} + e^k v and b_t = e^d b_{t−1} + e^k, divided by e^m, and m, which
    keeps the exponentials in range: m_t = max(m_{t−1} + d, k).
    """
    top, above, below = decay.new_full((), -torch.inf), decay.new_zeros(()), decay.new_zeros(())
    states = []
    for k, v in zip(key.unbind(1), value.unbind(1), strict=True):
        before = top + decay
        top = torch.maximum(before, k)
        old, new = (before - top).exp(), (k - top).exp()
        above, below = old * above + new * v, old * below + new
        states.append(_joined([above, below, top]))
    return torch.stack(states)
