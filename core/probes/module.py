"""The states and the signature of any torch module with a recurrence inside, for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.probes import pretrained
from core.probes.notebook import as_numpy, check_whole, measure
from core.probes.readers import LayerStates, StateReader, reader_of, run_steps

Step = Callable[[Tensor, Any], Any]


def probe(
    module: nn.Module | Step,
    segments: Sequence[Sequence[int]] | np.ndarray | Tensor,
    max_lag: int = 10,
    decoder: Literal["mlp", "linear"] = "mlp",
    *,
    of: str | None = None,
    state: Literal["c", "h"] | None = None,
    batch: int = 64,
    **options: Any,
) -> pl.DataFrame:
    """The memory signature of every layer of a torch module with a recurrence inside.

    module, segments, of, batch: as in `states`. state: 'c' or 'h' (None: c_t of an LSTM, else
    h_t). options: as in `measure`.

    Returns the rows of `measure` with a column `layer` (1-based) in front.

    Raises BadInput with one sentence if there is no such recurrence in the module, or the module
    cannot read the segments.
    """
    if state not in (None, "c", "h"):
        raise BadInput(f"There is no state {state!r}; choose 'c' or 'h'.")
    symbols = _padded(segments)
    layers = states(module, symbols, of=of, batch=batch)
    if state == "c" and any("c" not in layer for layer in layers):
        raise BadInput("Only an LSTM has a state 'c'; ask for 'h'.")
    tables = [
        measure(
            layer[state or ("c" if "c" in layer else "h")], symbols, max_lag, decoder, **options
        )
        for layer in layers
    ]
    return pl.concat(
        table.select(pl.lit(layer + 1, dtype=pl.Int32).alias("layer"), pl.all())
        for layer, table in enumerate(tables)
    )


def states(
    module: nn.Module | Step,
    segments: Sequence[Sequence[int]] | np.ndarray | Tensor,
    *,
    of: str | None = None,
    batch: int = 64,
) -> list[dict[str, np.ndarray]]:
    """Every state of every layer of a torch module at every step, exactly as it computes them.

    module: called as module(symbols) with int64 [batch, time]. Somewhere inside it runs one
    nn.LSTM, nn.GRU or nn.RNN over the whole segment, from zero or from whatever initial state the
    module gives it, or nn.LSTMCell, nn.GRUCell or nn.RNNCell step by step, each a layer. Or a
    function step(symbols, before) of a step's symbols, int64 [batch], and of the state before
    (None at the first step), which returns the next state: a tensor [batch, ...] or a tuple. Or a
    recurrent model of the package transformers, whose states are read from its cache.
    segments: sequences of symbols 0 or more, or an int array [segments, time] padded with -1.
    of: the name of a submodule, as `named_modules` has it: the only recurrent network that is read,
    or, of another kind, one whose outputs are states, of the whole segment or step by step.
    batch: segments read at once.

    Returns for each layer {"h": float32 [segments, time, hidden]}, of an LSTM with "c" too; of a
    bidirectional network the forward half. What stands at padding means nothing. Of a transformers
    model, the layers that have a recurrent state; a memory of more than 512 numbers is projected to
    512, by the same random matrix for every memory of its size.

    Raises BadInput with one sentence where it cannot be done.
    """
    check_whole("batch", batch, 1)
    symbols = _padded(segments)
    if isinstance(module, nn.Module):
        reader = pretrained.reader_of(module) if of is None else None
        parts = _by_module(module, reader or reader_of(module, of), symbols, batch)
    elif callable(module) and of is None:
        parts = (run_steps(module, part) for part in _batches(symbols, batch))
    else:
        kind = type(module).__name__
        raise BadInput(f"Give a torch module or a function step(symbols, before), not {kind}.")
    batches = list(parts)
    return [
        {
            name: np.concatenate([part[layer][name] for part in batches])
            for name in batches[0][layer]
        }
        for layer in range(len(batches[0]))
    ]


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


def _batches(symbols: np.ndarray, batch: int) -> Iterator[Tensor]:
    """The segments as int64 [batch, time], padding read as symbol 0."""
    for start in range(0, len(symbols), batch):
        yield torch.from_numpy(symbols[start : start + batch].clip(min=0))


@torch.no_grad()
def _by_module(
    module: nn.Module, reader: StateReader, symbols: np.ndarray, batch: int
) -> Iterator[LayerStates]:
    """The states of every layer, batch by batch, with dropout off."""
    steps = symbols.shape[1]
    # As many segments as steps would hide a network that takes time first.
    batch += batch == steps
    first = next(module.parameters(), None)
    training = module.training
    module.eval()
    try:
        for part in _batches(symbols, batch):
            count = len(part)
            rows = torch.cat([part, part[:1]]) if count == steps else part  # see above
            rows = rows if first is None else rows.to(first.device)
            with reader:
                try:
                    reader.run(module, rows)
                except Exception as error:  # whatever somebody's module raises
                    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                    raise BadInput(
                        f"The module cannot read int64 [batch, time]: {reason}"
                    ) from error
            layers = reader.states(rows)
            yield [{name: values[:count] for name, values in layer.items()} for layer in layers]
    finally:
        module.train(training)
