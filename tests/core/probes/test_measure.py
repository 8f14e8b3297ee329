"""Known answers: what a signature must say of states whose memory is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import core
from core.errors import BadInput
from core.probes.measure import PairCounts, evaluate
from core.probes.states import ArrayStates

SYMBOLS, SEGMENTS, STEPS = 12, 300, 40


def skewed_text(seed: int = 0) -> np.ndarray:
    """Symbols with unequal frequencies, each depending on the one before it."""
    generator = np.random.default_rng(seed)
    table = generator.dirichlet(np.full(SYMBOLS, 0.4), SYMBOLS).cumsum(1)
    text = np.zeros((SEGMENTS, STEPS), dtype=np.int64)
    for t in range(1, STEPS):
        draws = generator.random((SEGMENTS, 1))
        text[:, t] = (draws > table[text[:, t - 1]]).sum(1).clip(max=SYMBOLS - 1)
    return text


def delay_line(text: np.ndarray, slots: int) -> np.ndarray:
    """The last `slots` symbols, one-hot, newest first."""
    hot = np.eye(SYMBOLS, dtype=np.float32)[text]
    states = np.zeros((*text.shape, slots, SYMBOLS), dtype=np.float32)
    for slot in range(slots):
        states[:, slot:, slot] = hot[:, : text.shape[1] - slot]
    return states.reshape(*text.shape, -1)


def marginal(table: pl.DataFrame) -> dict[int, dict[str, float]]:
    return {row["lag"]: row for row in table.filter(pl.col("symbol").is_null()).to_dicts()}


@pytest.mark.parametrize("decoder", ["mlp", "linear"])
def test_delay_line_recalls_what_it_holds_and_nothing_else(decoder: str) -> None:
    generator = np.random.default_rng(1)
    weights = np.array([0.3] + [0.7 / (SYMBOLS - 1)] * (SYMBOLS - 1))
    text = generator.choice(SYMBOLS, (SEGMENTS, STEPS), p=weights)  # independent draws
    rows = marginal(core.measure(delay_line(text, 3), text, max_lag=5, decoder=decoder))
    for lag in (0, 1, 2):
        assert rows[lag]["accuracy"] == 1.0
        assert rows[lag]["bits"] > 2
    for lag in (3, 4, 5):
        assert rows[lag]["low"] <= rows[lag]["majority"] <= rows[lag]["high"]
        assert rows[lag]["bits"] < 0.05  # below zero where the decoder is too sure of itself


def test_noise_is_nothing_above_the_majority_floor() -> None:
    text = skewed_text()
    noise = np.random.default_rng(2).normal(size=(SEGMENTS, STEPS, 16)).astype(np.float32)
    for row in marginal(core.measure(noise, text, max_lag=4)).values():
        assert row["low"] <= row["majority"]
        assert row["bits"] < 0.01


def test_the_current_symbol_alone_gives_the_current_symbol_floor() -> None:
    text = skewed_text()
    rows = marginal(core.measure(delay_line(text, 1), text, max_lag=4))
    assert rows[0]["accuracy"] == rows[0]["current"] == 1.0
    for lag in (1, 2, 3, 4):
        assert rows[lag]["low"] <= rows[lag]["current"] <= rows[lag]["high"]
    assert rows[1]["current"] > rows[1]["majority"] + 0.05  # the two floors are different things


class Stored:
    """Decoders that answer what the state holds, whatever the lag."""

    def logits(self, states: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(states)[:, None].expand(-1, 5, -1)


def test_only_the_first_symbol_is_recalled_where_nothing_else_is_stored() -> None:
    text = np.random.default_rng(4).integers(0, SYMBOLS, (SEGMENTS, STEPS))
    first = np.eye(SYMBOLS, dtype=np.float32)[text[:, :1]].repeat(STEPS, 1)
    source = ArrayStates(first, text, np.arange(SEGMENTS), 4, SYMBOLS)
    table = evaluate(Stored(), source, source).positions
    assert table.columns == ["lag", "place", "n", "correct", "accuracy"]
    for row in table.rows(named=True):
        if row["place"] == 1:
            assert row["accuracy"] == 1.0
        else:
            assert abs(row["accuracy"] - 1 / SYMBOLS) < 4 * np.sqrt(1 / SYMBOLS / row["n"])
    widths = {1: 1, 2: 1, 3: 1, 4: 2, 6: 5, 11: 10, 21: 20}
    for lag in range(5):  # the last four symbols are never four steps back
        counts = {place: SEGMENTS * n for place, n in (widths | {21: 20 - lag}).items()}
        assert dict(table.filter(lag=lag).select("place", "n").rows()) == counts


def test_measure_gives_recall_by_place() -> None:
    text = skewed_text()
    options = {"max_lag": 2, "decoder": "linear", "rounds": 1}
    table = core.measure(delay_line(text, 1), text, by="place", **options)
    assert table["lag"].unique().to_list() == [0, 1, 2]
    assert table.filter(lag=0)["accuracy"].to_list() == [1.0] * 7
    with pytest.raises(BadInput, match="by 'lag'"):
        core.measure(delay_line(text, 1), text, by="lag", **options)


def test_places_are_counted_from_the_start_of_a_segment_that_is_cut_into_blocks() -> None:
    text = np.full((6, 200), -1)
    text[:, 20:] = np.arange(180) % 3  # padded in front: place 1 is the symbol at step 20
    source = ArrayStates(np.zeros((6, 200, 1)), text, np.arange(60), 2, 3, pieces=10)
    (chunk,) = source.chunks()
    assert np.array_equal(chunk.targets[:, 0], (chunk.places - 1) % 3)
    assert np.array_equal(np.bincount(chunk.places), [0, *[6] * 180])


def test_rows_add_up() -> None:
    text = skewed_text()
    table = core.measure(delay_line(text, 2), text, max_lag=3, decoder="linear")
    assert table.columns[:8] == ["lag", "symbol", "n", "correct", "accuracy", "low", "high", "bits"]
    symbols = table.filter(pl.col("symbol").is_not_null())
    for lag, row in marginal(table).items():
        mine = symbols.filter(pl.col("lag") == lag)
        assert mine["n"].sum() == row["n"]
        assert mine["correct"].sum() == row["correct"]
        assert mine["n"].max() / row["n"] == pytest.approx(row["majority"])
        assert (mine["n"] * mine["bits"]).sum() / row["n"] == pytest.approx(row["bits"])
        assert mine.filter(pl.col("majority") == 1)["n"].item() == mine["n"].max()
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


@pytest.mark.parametrize("segments", [3, 60, 100])  # few: cut into blocks of time
def test_some_segments_are_enough_for_an_interval(segments: int) -> None:
    text = skewed_text().reshape(3, -1)
    text = text[:, : text.shape[1] // segments * segments].reshape(segments, -1)
    rows = marginal(core.measure(delay_line(text, 2), text, max_lag=2, decoder="linear"))
    assert rows[1]["accuracy"] == 1.0
    assert rows[1]["low"] > 0.5
    assert rows[1]["low"] < 1.0


@pytest.mark.parametrize(
    ("states", "symbols", "says"),
    [
        (np.zeros((3, 4)), np.zeros((3, 4), int), r"\[segments, time, dim\]"),
        (np.zeros((3, 4, 2)), np.zeros((3, 5), int), r"\[segments, time, dim\]"),
        (np.zeros((300, 4, 2)), np.zeros((300, 4)), "integers"),
        (np.zeros((300, 4, 2), int), np.zeros((300, 4), int), "floating"),
        (np.zeros((3, 4, 2)), np.zeros((3, 4), int), "at least"),
        (np.full((300, 4, 2), np.nan), np.zeros((300, 4), int), "finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_sentence(
    states: np.ndarray, symbols: np.ndarray, says: str
) -> None:
    with pytest.raises(core.BadInput, match=says):
        core.measure(states, symbols)


def test_choices_that_do_not_exist_are_refused() -> None:
    text = skewed_text()
    with pytest.raises(core.BadInput, match="no decoder"):
        core.measure(delay_line(text, 1), text, decoder="tree")
    with pytest.raises(core.BadInput, match="max_lag"):
        core.measure(delay_line(text, 1), text, max_lag=-1)


class Tagger(nn.Module):
    """Somebody else's module: an embedding, a recurrent network somewhere inside, a head."""

    def __init__(self, kind: type[nn.RNNBase], **options: object) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, 16)
        self.inner = nn.ModuleDict({"rnn": kind(16, 24, **options)})
        self.batch_first = bool(options.get("batch_first"))
        self.head = nn.LazyLinear(3)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        x = self.embedding(symbols)
        h, _ = self.inner["rnn"](x if self.batch_first else x.transpose(0, 1))
        return self.head(h)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.LSTM, {"batch_first": True, "num_layers": 2, "dropout": 0.5}),
        (nn.GRU, {"batch_first": False, "bias": False}),
        (nn.RNN, {"batch_first": True, "nonlinearity": "relu"}),
        (nn.LSTM, {"batch_first": True, "bidirectional": True, "num_layers": 2}),
    ],
)
def test_probe_reads_any_module_with_a_recurrent_network(
    kind: type[nn.RNNBase], options: dict[str, object]
) -> None:
    torch.manual_seed(0)
    module, text = Tagger(kind, **options), skewed_text()
    module(torch.from_numpy(text[:2]))  # the lazy head takes shape
    module.train()
    table = core.probe(module, text, max_lag=2, decoder="linear")
    layers = options.get("num_layers", 1)
    assert table["layer"].unique().sort().to_list() == list(range(1, layers + 1))
    first = marginal(table.filter(pl.col("layer") == 1))
    assert first[0]["accuracy"] > 0.95
    assert first[1]["accuracy"] > first[1]["current"]
    assert module.training  # left as it was


def test_probe_takes_segments_of_unequal_length_and_the_output_state() -> None:
    torch.manual_seed(0)
    module = Tagger(nn.LSTM, batch_first=True)
    text = [list(row[: 10 + i % 20]) for i, row in enumerate(skewed_text())]
    module(torch.tensor([text[0]]))
    c, h = (core.probe(module, text, max_lag=1, decoder="linear", state=s) for s in ("c", "h"))
    assert c["n"].to_list() == h["n"].to_list()
    assert c["accuracy"].to_list() != h["accuracy"].to_list()


def test_probe_says_what_it_cannot_read() -> None:
    with pytest.raises(core.BadInput, match="0 recurrent networks"):
        core.probe(nn.Linear(3, 3), skewed_text())
    with pytest.raises(core.BadInput, match="Only an LSTM"):
        core.probe(Tagger(nn.GRU, batch_first=True), skewed_text(), state="c")
    with pytest.raises(core.BadInput, match="cannot read"):
        core.probe(Tagger(nn.GRU, batch_first=True), skewed_text() + SYMBOLS)


class Begun(nn.Module):
    """A network that begins at a learned state, given in one of two ways."""

    def __init__(self, kind: str, named: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.named = nn.Embedding(6, 8), named
        self.rnn = getattr(nn, kind)(8, 12, num_layers=2, batch_first=True)
        self.begin = nn.Parameter(3 * torch.randn(2, 2, 1, 12))

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        states = tuple(h.expand(-1, len(symbols), -1).contiguous() for h in self.begin)
        hx = states if isinstance(self.rnn, nn.LSTM) else states[0]
        x = self.embedding(symbols)
        return (self.rnn(input=x, hx=hx) if self.named else self.rnn(x, hx))[0]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_network_is_probed_from_the_state_it_begins_at(kind: str, named: bool) -> None:
    symbols = np.random.default_rng(0).integers(0, 6, (70, 9))
    module = Begun(kind, named).eval()
    own = module(torch.from_numpy(symbols)).detach().numpy()
    states = core.states(module, symbols)
    assert np.allclose(states[-1]["h"], own, atol=1e-6)
    if kind == "LSTM":
        cells, h = nn.LSTMCell(8, 12), [s[0, 0] for s in module.begin]
        for name, value in dict(cells.named_parameters()).items():
            value.data = getattr(module.rnn, f"{name}_l0").data
        state = tuple(part[None] for part in h)
        for t in range(9):
            state = cells(module.embedding(torch.from_numpy(symbols[:1, t])), state)
        assert np.allclose(states[0]["c"][0, -1], state[1][0].detach().numpy(), atol=1e-6)


class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(5, 8), nn.GRU(8, 12)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        return self.rnn(self.embedding(symbols))[0]


@pytest.mark.parametrize("steps", [7, 63, 64, 65, 128])
def test_a_module_that_takes_time_first_is_refused_at_every_length(steps: int) -> None:
    symbols = np.random.default_rng(0).integers(0, 5, (128, steps))
    with pytest.raises(BadInput, match="check batch_first"):
        core.probe(TimeFirst(), symbols, max_lag=1, decoder="linear")


def test_half_precision_states_and_modules_are_read() -> None:
    text = torch.randint(0, 4, (80, 20), generator=torch.Generator().manual_seed(0))
    for kind in (torch.bfloat16, torch.float16):
        states = nn.functional.one_hot(text, 4).to(kind)
        rows = marginal(core.measure(states, text, 1, decoder="linear"))
        assert rows[0]["accuracy"] == 1
    module = Begun("LSTM", named=False).to(torch.bfloat16)
    assert core.probe(module, text.numpy(), 1, "linear")["layer"].max() == 2


def test_ids_may_be_of_any_size_and_memory_goes_by_those_that_occur() -> None:
    chance = np.random.default_rng(0)
    few = chance.integers(0, 4, (80, 20))
    ids = np.array([3, 7, 50_256, 2**40])
    states = chance.normal(size=(80, 20, 5))
    plain = core.measure(states, few, 2, decoder="linear")
    large = core.measure(states, ids[few], 2, decoder="linear")
    assert large.drop("symbol").equals(plain.drop("symbol"))
    names = dict(enumerate(ids.tolist()))
    assert large["symbol"].to_list() == [names.get(s) for s in plain["symbol"]]
    many = chance.integers(0, 5000, (100, 30))
    held = states[:, :1].repeat(30, 1).repeat(2, 0)[:100]
    table = core.measure(held, many, 3, decoder="linear", rounds=1)
    assert table["n"].max() > 0
    with pytest.raises(BadInput, match="more than can be counted"):
        core.measure(np.zeros((2000, 120, 1), "f4"), np.arange(240_000).reshape(2000, 120), 3)


def test_pairs_are_counted_as_a_dense_table_counts_them() -> None:
    chance = torch.Generator().manual_seed(0)
    counts, dense = PairCounts(2, 9), torch.zeros(2, 9, 9, dtype=torch.int64)
    for _ in range(5):
        for column in range(2):
            one, other = torch.randint(0, 9, (2, 40), generator=chance)
            counts.add(column, one, other)
            dense[column].index_put_((one, other), torch.ones(40).long(), accumulate=True)
    for column in range(2):
        one, other, n = counts.counts(column)
        assert (dense[column][one, other].numpy() == n).all() and n.sum() == dense[column].sum()


STATES, TEXT = np.zeros((80, 20, 3)), np.zeros((80, 20), dtype=int)


@pytest.mark.parametrize(
    "options",
    [
        *({"max_lag": value} for value in (2.5, None, "3", -1, True)),
        *({"keeps": value} for value in ((), (0,), 0.8, (1.5,), "ab", None)),
        *({name: value} for name in ("seed", "width", "rounds") for value in (-5, 1.5, "x")),
        *({"width": 0}, {"rounds": 0}, {"decoder": "tree"}),
        *({"states": value} for value in (STATES[:, :, :0], STATES[0], [[[1.0]], [[1.0], [2.0]]])),
        *({"states": value} for value in (torch.zeros(80, 20, 3).to_sparse(), np.ma.array(STATES))),
        *({"symbols": value} for value in (TEXT - 2, TEXT + 0.5, TEXT.astype(str), TEXT[:9])),
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_measure_cannot_use_is_refused_in_a_sentence(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        core.measure(**{"states": STATES, "symbols": TEXT} | options)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)


class Raises(TimeFirst):
    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        raise AssertionError("no such\nthing")


@pytest.mark.parametrize(
    ("module", "segments", "options"),
    [
        (lambda symbols: symbols, TEXT, {}),
        (lambda symbols, before: 3, TEXT, {}),
        (5, TEXT, {}),
        (Begun("GRU", True), TEXT, {"of": "nothing"}),
        (Begun("GRU", True), TEXT, {"state": "H"}),
        (Begun("GRU", True), TEXT, {"state": "c"}),
        (Begun("GRU", True), TEXT, {"batch": 0}),
        (Begun("GRU", True), TEXT + 0.7, {}),
        (Begun("GRU", True), np.full((80, 20), np.nan), {}),
        (Begun("GRU", True), TEXT - 3, {}),
        (Begun("GRU", True), ["some", "words"], {}),
        (Begun("GRU", True), "words", {}),
        (Begun("GRU", True), 5, {}),
        (Begun("GRU", True), [[0, 1], [-4]], {}),
        (Begun("GRU", True), TEXT + 99, {}),
        (Raises(), TEXT, {}),
        (nn.Linear(2, 2), TEXT, {}),
    ],
)
def test_what_probe_cannot_use_is_refused_in_a_sentence(
    module: Any, segments: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(BadInput) as refused:
        core.probe(module, segments, max_lag=1, decoder="linear", **options)
    assert "\n" not in str(refused.value)


def test_probe_refuses_padding_that_the_network_would_read_before_a_symbol() -> None:
    padded = skewed_text()
    padded[3, 0] = -1
    with pytest.raises(core.BadInput, match="at their end only"):
        core.probe(Tagger(nn.GRU, batch_first=True), padded)
