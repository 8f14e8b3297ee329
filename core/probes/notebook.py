"""The memory signature of any network: from its states as arrays, or from a torch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from core import machine
from core.cells import lstm
from core.errors import BadInput
from core.probes import linear
from core.probes import rounds as rounds_of
from core.probes.added import Floors
from core.probes.added import evaluate as evaluate_added
from core.probes.measure import check_countable, evaluate
from core.probes.states import ArrayStates
from core.profiles import DecoderBudget

MIN_BLOCKS = 60  # segments, below which segments are cut into blocks of time
BLOCKS, BLOCK = 200, 10  # so many then, that a tenth give an interval, of so many steps at least
# States are few here, so minibatches are small; 100 of them are about three passes over 300
# segments of 40 steps, and four rounds have fifteen times as many.
BATCH, STEPS, LEARNING_RATE = 256, 100, 2e-2


def measure(
    states: np.ndarray | Tensor,
    symbols: np.ndarray | Tensor,
    max_lag: int = 10,
    decoder: Literal["mlp", "linear"] = "mlp",
    *,
    width: int | None = None,
    keeps: Sequence[float] = (1.0,),
    rounds: int = 4,
    seed: int = 0,
    by: Literal["symbol", "place"] = "symbol",
) -> pl.DataFrame:
    """The memory signature of a network from its states: how well they recall earlier symbols.

    states: float [segments, time, dim], the state after reading each symbol. symbols: int
    [segments, time], what was read, 0 or more; -1 = padding. A NumPy memory map is read piecewise.
    max_lag: Δ, the deepest lag. decoder: 'mlp', with a hidden layer, or 'linear', without one.
    width: hidden units of a decoder (None: 4 × dim, at least 128); keeps: keep probabilities of
    dropout tried, selected per lag on dev; rounds: of training, at most, each twice as long as the
    one before. A decoder whose recall has stopped rising is trained no longer.

    80 % of the segments train the decoders, 10 % choose among them, 10 % are measured. Fewer than
    60 segments are cut into blocks of time first. Below 20 test segments there is no interval.

    Returns one row per lag (0..Δ, 0 = the symbol just read) and symbol, and one per lag with
    symbol null over all symbols: lag, symbol, n, correct, accuracy, low, high (95 %, bootstrap
    over segments), bits, majority, current (floors), precision, rising (what the last doubling of
    the training added to accuracy: a recall is at least what it says). See docs/method.md.
    by='place' returns rows by where in its segment the recalled symbol stands instead: lag, place
    (1, 2, 3, 4 to 5, 6 to 10, 11 to 20, 21 and later, by the first), n, correct, accuracy.

    Raises BadInput with one sentence if the arrays do not fit together or hold too little.
    """
    if decoder not in ("mlp", "linear"):
        raise BadInput(f"There is no decoder {decoder!r}; choose 'mlp' or 'linear'.")
    if by not in ("symbol", "place"):
        raise BadInput(f"Rows are by 'symbol' or by 'place', not by {by!r}.")
    budget = _budget(max_lag, width, keeps, rounds, seed)
    ids, train, dev, test = _sources(states, symbols, max_lag, seed)
    device = machine.settle()
    if decoder == "linear":
        training = linear.train(train, dev, budget, seed, device)
    else:
        width = width or max(128, 4 * train.dim)
        training = rounds_of.train(train, dev, width, budget, seed, device)
    found = evaluate(training.decoders, train, test, seed, training.before)
    return found.positions if by == "place" else _with_ids(found.recall, ids)


def added(
    states: np.ndarray | Tensor,
    symbols: np.ndarray | Tensor,
    max_lag: int = 10,
    *,
    width: int | None = None,
    keeps: Sequence[float] = (1.0,),
    rounds: int = 4,
    seed: int = 0,
) -> pl.DataFrame:
    """Memory beyond inference: what the states say of earlier symbols that later ones do not.

    Arguments and errors are those of `measure`. Decoders start from the recent floor, the
    distribution of g_{t-δ} given g_{t-δ+1}..g_t, and add to it what they find in the state. The
    floor is cross-fitted on two halves of the segments that train the decoders.

    Returns one row per lag (0..Δ; at 0, the symbol just read, the floor is how frequent symbols
    are) and symbol, and one per lag with symbol null over all symbols: lag, symbol, n, floor
    (accuracy of the floor's best guess), floor_bits, bits (cross-entropy of floor and decoders),
    added (floor_bits - bits), low, high (95 %, bootstrap over segments), rising (what the last
    doubling of the training added, in bits). The added bits of the rows over all symbols, summed
    over lags 0..Δ, are what the state tells of the last Δ + 1 symbols together. See docs/method.md.
    """
    budget = _budget(max_lag, width, keeps, rounds, seed)
    ids, train, dev, test = _sources(states, symbols, max_lag, seed)
    device = machine.settle()
    width = width or max(128, 4 * train.dim)
    floors = Floors.crossed(train, seed)
    training = rounds_of.train(train, dev, width, budget, seed, device, floor=floors)
    rows = evaluate_added(training.decoders, floors, test, seed, training.before)
    return _with_ids(rows, ids)


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
    _whole("batch", batch, 1)
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


def _budget(
    max_lag: int, width: int | None, keeps: object, rounds: int, seed: int
) -> DecoderBudget:
    """The budget of the decoders. Refuses options that are none."""
    for name, number, least in (("max_lag", max_lag, 0), ("rounds", rounds, 1), ("seed", seed, 0)):
        _whole(name, number, least)
    if width is not None:
        _whole("width", width, 1)
    return DecoderBudget(
        states=None,
        dev_states=None,
        test_states=None,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        keeps=_keeps(keeps),
        widths=(1.0,),
        depth=1,
        rounds=rounds,
        steps=STEPS,
    )


def _sources(
    states: Any, symbols: Any, max_lag: int, seed: int
) -> tuple[np.ndarray, ArrayStates, ArrayStates, ArrayStates]:
    """The symbols that occur, ascending, and the train, dev and test source.

    Ids are of any size; in the sources a symbol is its place among those that occur.
    """
    states, symbols = _arrays(states, symbols)
    valid = symbols >= 0
    ids, codes = np.unique(symbols[valid], return_inverse=True)
    symbols = np.full(valid.shape, -1, dtype=np.int64)
    symbols[valid] = codes
    train, dev, test = _split(states, symbols, max_lag, seed)
    check_countable(len(test.rows), test.lags, test.n_symbols)  # before hours of training
    return ids, train, dev, test


def _with_ids(rows: pl.DataFrame, ids: np.ndarray) -> pl.DataFrame:
    """The rows with the ids of symbols instead of their places among `ids`."""
    names = pl.Series("symbol", ids[rows["symbol"].fill_null(0)], dtype=pl.Int64)
    return rows.with_columns(pl.when(pl.col("symbol").is_not_null()).then(names).alias("symbol"))


def _whole(name: str, number: object, least: int) -> None:
    """Refuses what is no whole number of at least `least`."""
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or int(number) < least:  # type: ignore[call-overload]
        raise BadInput(f"Give {name} as a whole number of {least} or more, not {number!r}.")


def _keeps(keeps: object) -> tuple[float, ...]:
    """Keep probabilities as they should be."""
    try:
        given = tuple(float(keep) for keep in keeps)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        given = ()
    if not given or not all(0 < keep <= 1 for keep in given):
        raise BadInput(f"Give keeps as probabilities above 0 and up to 1, not {keeps!r}.")
    return given


def _numpy(name: str, values: Any) -> np.ndarray:
    """An array of whatever holds numbers; a NumPy memory map stays one."""
    if isinstance(values, Tensor):
        if values.layout != torch.strided:
            raise BadInput(f"Give {name} as a dense tensor, not a sparse one.")
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    if isinstance(values, np.ma.MaskedArray):
        raise BadInput(f"Give {name} without a mask; padding is -1 in the symbols.")
    try:
        return values if isinstance(values, np.ndarray) else np.asarray(values)
    except ValueError as error:
        raise BadInput(f"Give {name} as one array; pad segments to one length.") from error


def _arrays(states: Any, symbols: Any) -> tuple[np.ndarray, np.ndarray]:
    states, symbols = _numpy("states", states), _numpy("symbols", symbols)
    if states.ndim != 3 or symbols.ndim != 2 or states.shape[:2] != symbols.shape:
        raise BadInput(
            "Give states as [segments, time, dim] and symbols as [segments, time]; these are "
            f"{list(states.shape)} and {list(symbols.shape)}."
        )
    if not states.shape[2]:
        raise BadInput("The states have no dimension: [segments, time, 0].")
    if not np.issubdtype(symbols.dtype, np.integer):
        raise BadInput(f"Give symbols as integers, not {symbols.dtype}.")
    if symbols.size and symbols.min() < -1:
        raise BadInput("Give symbols of 0 or more, and -1 where a segment is padded.")
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
    if pieces > 1:
        pieces = max(pieces, min(-(-BLOCKS // count), symbols.shape[1] // BLOCK))
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
    """Symbols as int64 [segments, time], padded with -1."""
    wrong = BadInput("Give segments as non-empty sequences of symbol numbers, 0 or more.")
    whole = isinstance(segments, Tensor | np.ndarray) and segments.ndim == 2
    try:
        rows = [_numpy("segments", row) for row in ([segments] if whole else segments)]
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
