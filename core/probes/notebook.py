"""The memory signature of any network from its states as arrays, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor

from core import machine
from core.errors import BadInput
from core.probes import linear, seen
from core.probes import rounds as rounds_of
from core.probes.added import Floors
from core.probes.added import evaluate as evaluate_added
from core.probes.intervals import SEGMENTS
from core.probes.measure import check_countable, evaluate
from core.probes.states import ArrayStates
from core.probes.targets import OTHER, target_of
from core.profiles import DecoderBudget

MIN_BLOCKS = 60  # segments, below which segments are cut into blocks of time
BLOCKS, BLOCK = 200, 10  # so many then, of so many steps at least
# States are few here, so minibatches are small; 100 of them are about three passes over 300
# segments of 40 steps, four rounds have fifteen times as many, and six 63 times: what a hidden
# layer needs to find what scikit-learn's finds in 200 passes (docs/performance.md).
BATCH, STEPS, LEARNING_RATE = 256, 100, 2e-2
ROUNDS = {"mlp": 6, "linear": 4}


def measure(
    states: np.ndarray | Tensor,
    symbols: np.ndarray | Tensor,
    max_lag: int = 10,
    decoder: Literal["mlp", "linear"] = "mlp",
    *,
    width: int | None = None,
    keeps: Sequence[float] = (1.0,),
    rounds: int | None = None,
    seed: int = 0,
    by: Literal["symbol", "place"] = "symbol",
    target: Literal["symbol", "class", "bigram", "trigram", "word"] = "symbol",
    alphabet: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The memory signature of a network from its states: how well they recall earlier symbols.

    states: float [segments, time, dim], the state after reading each symbol. symbols: int
    [segments, time], what was read, 0 or more; -1 = padding. A NumPy memory map is read piecewise.
    max_lag: Δ, the deepest lag. decoder: 'mlp', with a hidden layer, or 'linear', without one.
    width: hidden units of a decoder (None: 4 × dim, at least 128); keeps: keep probabilities of
    dropout tried, selected per lag on dev; rounds: of training, at most, each twice as long as the
    one before (None: 6, of linear decoders 4). A decoder with a hidden layer whose recall has
    stopped rising is trained no longer.

    10 % of the segments, but at least 20, are measured, so that there is an interval; 10 % choose
    among decoders, and the others train them. Fewer than 60 segments are cut into blocks of time.

    Returns one row per lag (0..Δ, 0 = the symbol just read) and symbol, and one per lag with
    symbol null over all symbols: lag, symbol, n, correct, accuracy, low, high (95 %, bootstrap
    over segments), bits, majority, current (floors), precision, rising (what the last doubling of
    the training added to accuracy: a recall is at least what it says). See docs/method.md.
    by='place' returns rows by where in its segment the recalled symbol stands instead: lag, place
    (1, 2, 3, 4 to 5, 6 to 10, 11 to 20, 21 and later, by the first), n, correct, accuracy.

    target: what is recalled: the symbol; its class; the bigram or trigram that ended δ symbols ago;
    or, from the states at the symbols that end a word, the word that ended δ words before (see
    core.probes.targets). alphabet: the character that each symbol number stands for, without which
    there are no classes and words. The column symbol then holds names; the rare ones are 'other'.

    Raises BadInput with one sentence if the arrays do not fit together or hold too little.
    """
    if decoder not in ("mlp", "linear"):
        raise BadInput(f"There is no decoder {decoder!r}; choose 'mlp' or 'linear'.")
    if by not in ("symbol", "place"):
        raise BadInput(f"Rows are by 'symbol' or by 'place', not by {by!r}.")
    rounds = ROUNDS[decoder] if rounds is None else rounds
    budget = _budget(max_lag, width, keeps, rounds, seed)
    names: Sequence[str] | None = None
    if target != "symbol":
        states, symbols, names = _labelled(states, symbols, target, alphabet)
    ids, train, dev, test = _sources(states, symbols, max_lag, seed)
    device = machine.settle()
    if decoder == "linear":
        training = linear.train(train, dev, budget, seed, device)
    else:
        width = width or max(128, 4 * train.dim)
        training = rounds_of.train(train, dev, width, budget, seed, device)
    found = evaluate(training.decoders, train, test, seed, training.before)
    if by == "place":
        return found.positions
    rows = _with_ids(found.recall, ids)
    if names is None:
        return rows
    named = dict(enumerate(names))
    return rows.with_columns(pl.col("symbol").replace_strict(named, return_dtype=pl.String))


def _labelled(
    states: Any, symbols: Any, target: str, alphabet: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """The states that have a label, the labels, -1 behind the last, and the labels' names."""
    states, symbols = _arrays(states, symbols)
    if alphabet is None and target in ("class", "word"):
        raise BadInput(f"Give the alphabet, the character of each symbol number, for {target!r}.")
    valid = symbols >= 0
    read = symbols[valid]
    numbered = alphabet is None
    if alphabet is None:
        alphabet = [f"{symbol} " for symbol in range(int(read.max(initial=0)) + 1)]
    if len(read) and read.max() >= len(alphabet):
        raise BadInput(f"Symbol {read.max()} is not in the alphabet of {len(alphabet)}.")
    places = (valid.cumsum(1) - 1)[valid]
    chosen = target_of(target, read, places, alphabet)
    labels = np.full(valid.shape, -1, dtype=np.int64)
    labels[valid] = chosen.labels(read, places)
    if (labels[valid] < 0).any():
        order = np.argsort(labels < 0, axis=1, kind="stable")
        order = order[:, : max(1, int((labels >= 0).sum(1).max()))]
        labels = np.take_along_axis(labels, order, 1)
        states = np.take_along_axis(states, order[:, :, None], 1)
    names = [name.strip() for name in chosen.names] if numbered else chosen.names
    return states, labels, names


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
    over lags 0..Δ, are what the state tells of the last Δ + 1 symbols together, as far as the five
    symbols go that the floor reads. See docs/method.md.
    """
    budget = _budget(max_lag, width, keeps, rounds, seed)
    ids, train, dev, test = _sources(states, symbols, max_lag, seed)
    device = machine.settle()
    width = width or max(128, 4 * train.dim)
    floors = Floors.crossed(train, seed)
    training = rounds_of.train(train, dev, width, budget, seed, device, floor=floors)
    rows = evaluate_added(training.decoders, floors, test, seed, training.before)
    return _with_ids(rows, ids)


def detect(
    states: np.ndarray | Tensor,
    symbols: np.ndarray | Tensor,
    alphabet: Sequence[str],
    max_age: int = 10,
    *,
    width: int | None = None,
    rounds: int = 4,
    seed: int = 0,
) -> pl.DataFrame:
    """Which words the states tell that they have read, whether or not they tell when.

    states, symbols: as `measure` has them, of 60 segments or more. alphabet: the character that
    each symbol number stands for. The most frequent words, 100 at most and 60 % of all that are
    read, have a detector each, all with one hidden layer of `width` units (None: 4 × dim, at least
    128), whose threshold gives 5 % false alarms on dev. max_age: words between reading and asking,
    at most. rounds: of training, each twice as long as the one before. A tenth of the segments, but
    at least 20, are measured, as many choose, the others train.

    Returns word (null: all of them), ago (words since it was read last, 0 = just now; null: it was
    not read, so that these are false alarms), n (positions at the ends of words), yes, rate, low,
    high (95 %, bootstrap over segments), guess (the rate of detectors that know only the word just
    read and how many there were).

    Raises BadInput with one sentence if the arrays do not fit together or hold too little.
    """
    budget = _budget(max_age, width, (1.0,), rounds, seed)
    states, symbols = _arrays(states, symbols)
    if len(symbols) < 3 * SEGMENTS:
        raise BadInput(f"Give at least {3 * SEGMENTS} segments; these are {len(symbols)}.")
    states, labels, names = _labelled(states, symbols, "word", alphabet)
    words = [name for name in names if name != OTHER][: seen.WORDS]
    order = np.random.default_rng(seed).permutation(len(labels))
    part = max(SEGMENTS, len(labels) // 10)
    test, dev, train = (
        _reading(states[rows], labels[rows], len(words))
        for rows in np.split(order, [part, 2 * part])
    )
    if not words or not min(map(len, (train.states, dev.states, test.states))):
        raise BadInput("The segments hold too few whole words; give longer ones, or more.")
    machine.settle()
    width = width or max(128, 4 * states.shape[2])
    found, guess = (
        seen.fit(*parts, width, budget, seed, lambda done, what: None)
        for parts in ((train, dev), (seen.without_states(train), seen.without_states(dev)))
    )
    return seen.evaluate(found, guess, test, words, max_age, seed)


def _reading(states: np.ndarray, labels: np.ndarray, words: int) -> seen.WordStates:
    """The states of some segments that have a label, and how long ago each word was read there."""
    segments, places = np.nonzero(labels >= 0)
    ages = seen.ages_of(labels[segments, places], segments, words)
    return seen.WordStates(states[segments, places].astype(np.float32), ages, segments)


def measurement(
    states: np.ndarray, symbols: np.ndarray, max_lag: int
) -> tuple[tuple[ArrayStates, ArrayStates, ArrayStates], dict[str, DecoderBudget]]:
    """What `measure` makes of such arrays: the sources of train, dev and test, and the budgets.

    The budgets are by decoder, as `ROUNDS`.
    """
    _, *sources = _sources(states, symbols, max_lag, 0)
    train, dev, test = sources
    budgets = {name: _budget(max_lag, None, (1.0,), most, 0) for name, most in ROUNDS.items()}
    return (train, dev, test), budgets


def _budget(
    max_lag: int, width: int | None, keeps: object, rounds: int, seed: int
) -> DecoderBudget:
    """The budget of the decoders. Refuses options that are none."""
    for name, number, least in (("max_lag", max_lag, 0), ("rounds", rounds, 1), ("seed", seed, 0)):
        check_whole(name, number, least)
    if width is not None:
        check_whole("width", width, 1)
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


def check_whole(name: str, number: object, least: int) -> None:
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


def as_numpy(name: str, values: Any) -> np.ndarray:
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
    states, symbols = as_numpy("states", states), as_numpy("symbols", symbols)
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
    tenth = len(rows) // 10
    measured = max(tenth, SEGMENTS)
    parts = np.split(rows, [measured, measured + tenth])
    size = int(symbols.max()) + 1
    test, dev, train = (
        ArrayStates(states, symbols, np.sort(part), max_lag, size, pieces) for part in parts
    )
    return train, dev, test
