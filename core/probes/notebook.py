"""The memory signature of any network: from its states as arrays, or from a torch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from core import machine
from core.cells import gru, lstm
from core.errors import BadInput
from core.probes import mlp
from core.probes.measure import Recaller, evaluate
from core.probes.ridge import train_linear
from core.probes.states import ArrayStates
from core.profiles import DecoderBudget

MIN_BLOCKS = 60  # so that dev and test hold enough segments for an interval


def measure(
    states: np.ndarray | Tensor,
    symbols: np.ndarray | Tensor,
    max_lag: int = 10,
    decoder: Literal["mlp", "linear"] = "mlp",
    *,
    width: int | None = None,
    keeps: Sequence[float] = (0.8, 0.9, 1.0),
    epochs: int = 8,
    seed: int = 0,
) -> pl.DataFrame:
    """The memory signature of a network from its states: how well they recall earlier symbols.

    states: float [segments, time, dim], the state after reading each symbol. symbols: int
    [segments, time], what was read, 0 or more; -1 = padding. A NumPy memory map is read piecewise.
    max_lag: Δ, the deepest lag. decoder: 'mlp', trained, or 'linear', closed form within seconds.
    width: hidden units of a decoder (None: 4 × dim, at least 128); keeps: keep probabilities
    tried, selected per lag on dev; epochs: passes over the training states.

    80 % of the segments train the decoders, 10 % choose among them, 10 % are measured. Fewer than
    60 segments are cut into blocks of time first.

    Returns one row per lag (0..Δ, 0 = the symbol just read) and symbol, and one per lag with
    symbol null over all symbols: lag, symbol, n, correct, accuracy, low, high (95 %, bootstrap
    over segments), bits, majority, current (floors), precision. See docs/method.md.

    Raises BadInput with one sentence if the arrays do not fit together or hold too little.
    """
    if decoder not in ("mlp", "linear"):
        raise BadInput(f"There is no decoder {decoder!r}; choose 'mlp' or 'linear'.")
    if max_lag < 0:
        raise BadInput("Choose a max_lag of 0 or more.")
    states, symbols = _arrays(states, symbols)
    device = machine.settle()
    train, dev, test = _split(states, symbols, max_lag, seed)
    budget = DecoderBudget(
        states=None,
        dev_states=None,
        test_states=None,
        epochs=epochs,
        batch=512,
        learning_rate=3e-3,
        keeps=tuple(keeps),
        widths=(1.0,),
        depth=1,
    )
    decoders: Recaller
    if decoder == "linear":
        decoders = train_linear(train, dev, device)
    else:
        width = width or max(128, 4 * train.dim)
        decoders = mlp.train(train, dev, width, budget, seed, device)
    return evaluate(decoders, train, test, seed).recall


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
    nn.LSTM, nn.GRU or nn.RNN over the whole segment. segments: sequences of symbols 0 or more, or
    an int array [segments, time] padded with -1. state: 'c' or 'h' (None: c_t of an LSTM, else
    h_t). Of a bidirectional network the forward half is probed. batch: segments read at once.
    options: as in `measure`.

    Returns the rows of `measure` with a column `layer` (1-based) in front.

    Raises BadInput with one sentence if there is no such network in the module, or the module
    cannot read the segments.
    """
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


def _arrays(states: Any, symbols: Any) -> tuple[np.ndarray, np.ndarray]:
    states = states.detach().cpu().numpy() if isinstance(states, Tensor) else states
    symbols = symbols.detach().cpu().numpy() if isinstance(symbols, Tensor) else symbols
    states = states if isinstance(states, np.ndarray) else np.asarray(states)
    symbols = np.asarray(symbols)
    if states.ndim != 3 or symbols.ndim != 2 or states.shape[:2] != symbols.shape:
        raise BadInput(
            "Give states as [segments, time, dim] and symbols as [segments, time]; these are "
            f"{list(states.shape)} and {list(symbols.shape)}."
        )
    if not np.issubdtype(symbols.dtype, np.integer):
        raise BadInput(f"Give symbols as integers, not {symbols.dtype}.")
    if not np.issubdtype(states.dtype, np.floating):
        raise BadInput(f"Give states as floating-point numbers, not {states.dtype}.")
    return states, symbols


def _split(
    states: np.ndarray, symbols: np.ndarray, max_lag: int, seed: int
) -> tuple[ArrayStates, ArrayStates, ArrayStates]:
    """Train, dev and test sources by segment, or by block of time where segments are few."""
    count = len(symbols)
    if (symbols >= 0).sum() < 10 * MIN_BLOCKS:
        raise BadInput(
            f"A signature needs at least {10 * MIN_BLOCKS} states; give longer segments."
        )
    pieces = -(-MIN_BLOCKS // count)
    rows = np.random.default_rng(seed).permutation(count * pieces)
    held_out = max(len(rows) // 10, 1)
    parts = np.split(rows, [held_out, 2 * held_out])
    size = int(symbols.max()) + 1
    test, dev, train = (
        ArrayStates(states, symbols, np.sort(part), max_lag, size, pieces) for part in parts
    )
    return train, dev, test


def _recurrent(module: nn.Module) -> nn.RNNBase:
    networks = [part for part in module.modules() if isinstance(part, nn.RNNBase)]
    if len(networks) != 1:
        raise BadInput(
            f"The module holds {len(networks)} recurrent networks (nn.LSTM, nn.GRU, nn.RNN) and "
            "`probe` reads one; use `measure` with the states you choose."
        )
    return networks[0]


def _padded(segments: Any) -> np.ndarray:
    if isinstance(segments, Tensor):
        segments = segments.cpu().numpy()
    if isinstance(segments, np.ndarray) and segments.ndim == 2:
        return segments.astype(np.int64)
    rows = [np.asarray(segment, dtype=np.int64) for segment in segments]
    if not rows or any(row.ndim != 1 or not len(row) for row in rows):
        raise BadInput("Give segments as non-empty sequences of symbol numbers.")
    padded = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int64)
    for row, target in zip(rows, padded, strict=True):
        target[: len(row)] = row
    return padded


@torch.no_grad()
def _states(
    module: nn.Module, rnn: nn.RNNBase, symbols: np.ndarray, state: str, batch: int
) -> list[np.ndarray]:
    """The states of every layer, each float32 [segments, time, hidden], with dropout off."""
    seen: list[Tensor] = []
    hook = rnn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    place = next(module.parameters()).device
    training, collected = module.training, []
    module.eval()
    try:
        for start in range(0, len(symbols), batch):
            part = torch.from_numpy(symbols[start : start + batch].clip(min=0)).to(place)
            seen.clear()
            try:
                module(part)
            except (RuntimeError, IndexError, TypeError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise BadInput(f"The module cannot read int64 [batch, time]: {reason}") from error
            if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].dim() != 3:
                raise BadInput(
                    "The module does not run its recurrent network once over a padded batch; "
                    "use `measure` with the states you choose."
                )
            x = seen[0].transpose(0, 1) if rnn.batch_first else seen[0]
            if x.shape[:2] != (part.shape[1], part.shape[0]):
                raise BadInput(
                    f"The recurrent network reads {list(x.shape[:2])} steps and segments where "
                    f"the symbols have {[part.shape[1], part.shape[0]]}; check batch_first."
                )
            collected.append([h.transpose(0, 1).cpu().numpy() for h in _layers(rnn, x, state)])
    finally:
        hook.remove()
        module.train(training)
    return [np.concatenate(parts) for parts in zip(*collected, strict=True)]


def _layers(rnn: nn.RNNBase, x: Tensor, state: str) -> list[Tensor]:
    """One state of the forward half of every layer at every step: [time, batch, hidden] each."""
    if rnn.proj_size:
        raise BadInput("An LSTM with a projection is not supported; use `measure` with its states.")
    kind: Any = type(rnn)  # nn.LSTM, nn.GRU or nn.RNN
    unroll: Any = lstm.unroll if isinstance(rnn, nn.LSTM) else gru.unroll
    options = {"nonlinearity": rnn.nonlinearity} if isinstance(rnn, nn.RNN) else {}
    result = []
    for number in range(rnn.num_layers):
        outputs = []
        for suffix in ("", "_reverse")[: 1 + rnn.bidirectional]:
            layer = kind(x.shape[2], rnn.hidden_size, bias=rnn.bias, **options).to(x.device)
            for name in list(dict(layer.named_parameters())):
                theirs = getattr(rnn, f"{name.removesuffix('0')}{number}{suffix}")
                setattr(layer, name, nn.Parameter(theirs.detach()))
            states = unroll(layer, x.flip(0) if suffix else x)
            outputs.append(states["h"].flip(0) if suffix else states["h"])
            if not suffix:
                result.append(states[state])
        x = torch.cat(outputs, 2)
    return result
