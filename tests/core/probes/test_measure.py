"""Known answers: what a signature must say of states whose memory is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import core

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


def test_a_few_long_segments_are_cut_into_blocks() -> None:
    text = skewed_text().reshape(3, -1)
    rows = marginal(core.measure(delay_line(text, 2), text, max_lag=2, decoder="linear"))
    assert rows[1]["accuracy"] == 1.0
    assert rows[1]["low"] > 0.5  # blocks enough for an interval
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
