"""The signature of any torch module with a recurrent network inside, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from core.cells import lstm
from core.errors import BadInput
from core.probes.notebook import as_numpy, check_whole, measure


def probe(
    module: nn.Module,
    segments: Sequence[Sequence[int]] | np.ndarray | Tensor,
    max_lag: int = 10,
    decoder: Literal["mlp", "linear"] = "mlp",
    *,
    state: Literal["c", "h"] | None = None,
    batch: int = 64,
    **options: Any,
) -> pl.DataFrame:
    """The memory signature of every layer of a torch module with one recurrent network inside.

    module: called as module(symbols) with int64 [batch, time]; somewhere inside it runs one
    nn.LSTM, nn.GRU or nn.RNN over the whole segment, from zero or from whatever initial state the
    module gives it. segments: sequences of symbols 0 or more, or
    an int array [segments, time] padded with -1. state: 'c' or 'h' (None: c_t of an LSTM, else
    h_t). Of a bidirectional network the forward half is probed. batch: segments read at once.
    options: as in `measure`.

    Returns the rows of `measure` with a column `layer` (1-based) in front.

    Raises BadInput with one sentence if there is no such network in the module, or the module
    cannot read the segments.
    """
    if not isinstance(module, nn.Module):
        raise BadInput(f"Give a torch module, not {type(module).__name__}; see `measure`.")
    if state not in (None, "c", "h"):
        raise BadInput(f"There is no state {state!r}; choose 'c' or 'h'.")
    check_whole("batch", batch, 1)
    rnn = _recurrent(module)
    symbols = _padded(segments)
    if state == "c" and not isinstance(rnn, nn.LSTM):
        raise BadInput("Only an LSTM has a state 'c'; ask for 'h'.")
    name = state or ("c" if isinstance(rnn, nn.LSTM) else "h")
    layers = _states(module, rnn, symbols, name, batch)
    tables = [measure(states, symbols, max_lag, decoder, **options) for states in layers]
    return pl.concat(
        table.select(pl.lit(layer + 1, dtype=pl.Int32).alias("layer"), pl.all())
        for layer, table in enumerate(tables)
    )


def _recurrent(module: nn.Module) -> nn.RNNBase:
    networks = [part for part in module.modules() if isinstance(part, nn.RNNBase)]
    if len(networks) != 1:
        raise BadInput(
            f"The module holds {len(networks)} recurrent networks (nn.LSTM, nn.GRU, nn.RNN) and "
            "`probe` reads one; use `measure` with the states you choose."
        )
    return networks[0]


def _padded(segments: Any) -> np.ndarray:
    """Symbols as int64 [segments, time], padded with -1."""
    wrong = BadInput("Give segments as non-empty sequences of symbol numbers, 0 or more.")
    whole = isinstance(segments, Tensor | np.ndarray) and segments.ndim == 2
    try:
        rows = [as_numpy("segments", row) for row in ([segments] if whole else segments)]
    except TypeError:
        raise wrong from None
    if not rows or any(not np.issubdtype(row.dtype, np.integer) for row in rows):
        raise wrong
    if whole:
        padded = rows[0].astype(np.int64)
    elif any(row.ndim != 1 or not len(row) or row.min() < 0 for row in rows):
        raise wrong
    else:
        padded = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int64)
        for row, target in zip(rows, padded, strict=True):
            target[: len(row)] = row
    if not padded.size or padded.min() < -1:
        raise wrong
    if ((padded[:, :-1] < 0) & (padded[:, 1:] >= 0)).any():
        raise BadInput(
            "Pad segments with -1 at their end only: the module reads all that comes before."
        )
    return padded


@torch.no_grad()
def _states(
    module: nn.Module, rnn: nn.RNNBase, symbols: np.ndarray, state: str, batch: int
) -> list[np.ndarray]:
    """The states of every layer, each float32 [segments, time, hidden], with dropout off."""
    # As many segments as steps would hide a network that takes time first.
    batch += batch == symbols.shape[1]
    call = _Call()
    hook = rnn.register_forward_pre_hook(call.note, with_kwargs=True)
    place = next(module.parameters()).device
    training, collected = module.training, []
    module.eval()
    try:
        for start in range(0, len(symbols), batch):
            rows = symbols[start : start + batch].clip(min=0)
            if len(rows) == symbols.shape[1]:
                rows = np.concatenate([rows, rows[:1]])  # see above; the last is left out again
            part = torch.from_numpy(rows).to(place)
            call.inputs.clear()
            try:
                module(part)
            except Exception as error:  # whatever somebody's module raises
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise BadInput(f"The module cannot read int64 [batch, time]: {reason}") from error
            x, initial = call.read(rnn, part)
            states = _layers(rnn, x, initial, state)
            count = min(batch, len(symbols) - start)
            collected.append([h.transpose(0, 1)[:count].float().cpu().numpy() for h in states])
    finally:
        hook.remove()
        module.train(training)
    return [np.concatenate(parts) for parts in zip(*collected, strict=True)]


class _Call:
    """What a recurrent network was called with, noted while the module runs."""

    def __init__(self) -> None:
        self.inputs: list[tuple[Any, Any]] = []

    def note(self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        x = given[0] if given else named.get("input")
        self.inputs.append((x, given[1] if len(given) > 1 else named.get("hx")))

    def read(self, rnn: nn.RNNBase, part: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What it read, [time, batch, inputs], and its initial states, [layers, batch, hidden].

        No initial states: it began at zero. Raises BadInput where it cannot be followed.
        """
        x, initial = self.inputs[0] if len(self.inputs) == 1 else (None, None)
        if not isinstance(x, Tensor) or x.dim() != 3:
            raise BadInput(
                "The module does not run its recurrent network once over a padded batch; "
                "use `measure` with the states you choose."
            )
        x = x.transpose(0, 1) if rnn.batch_first else x
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


def _layers(rnn: nn.RNNBase, x: Tensor, initial: tuple[Tensor, ...], state: str) -> list[Tensor]:
    """One state of the forward half of every layer at every step: [time, batch, hidden] each.

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
                result.append(states[state])
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
