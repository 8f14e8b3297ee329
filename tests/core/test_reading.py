"""A sentence read by a network that is a delay line: what its decoders must say is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from core import sentence, signature_spec
from core.cli import main
from core.errors import BadInput
from core.models.language import char_lm
from core.models.language.sentence import read
from core.probes.mlp import Decoders
from core.reading import MOST, ready, table, to_symbols
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec
from core.store import Store
from core.text import BOS, N_SYMBOLS, encode
from core.training.checkpoints import pack

SLOTS, LAGS = 2, 4  # symbols that the line holds, and decoders
SURE, LIKELY = 8.0, 5.0  # logits of the decoders and of the network
OF_HELD = math.exp(SURE) / (math.exp(SURE) + N_SYMBOLS - 1)


def delay_line(symbols: int = N_SYMBOLS) -> char_lm.CharLM:
    """A GRU whose state is the last symbols, one-hot, slot by slot; it expects the first one."""
    hidden = SLOTS * symbols
    network = char_lm.CharLM("gru", 1, hidden, symbols=symbols).requires_grad_(False)
    for parameter in network.parameters():
        parameter.zero_()
    layer = network.layers[0]
    new, below = slice(2 * hidden, None), symbols
    network.embedding.weight[:, :below] = torch.eye(symbols)
    layer.bias_ih_l0[:hidden] = 30.0  # what was held goes on
    layer.bias_ih_l0[hidden : 2 * hidden] = -30.0  # and is moved on at every step
    layer.weight_ih_l0[new] = 20 * torch.eye(hidden)
    layer.weight_hh_l0[new][below:, :-below] = 20 * torch.eye(hidden - below)
    network.projection.bias[0] = LIKELY
    return network.eval()


def readers(symbols: int = N_SYMBOLS) -> Decoders:
    """The decoder of each lag reads its slot, and knows nothing where there is none."""
    hidden = SLOTS * symbols
    weight = torch.zeros(LAGS, symbols, hidden)
    for lag in range(SLOTS):
        weight[lag, :, lag * symbols :][:, :symbols] = SURE * torch.eye(symbols)
    return Decoders(
        mean=torch.zeros(hidden),
        scale=torch.ones(hidden),
        layers=[(weight, torch.zeros(LAGS, 1, symbols))],
        keeps=(1.0,) * LAGS,
        width=0,
        depth=0,
        parameters=0,
        dev_recall=(1.0,) * LAGS,
        dev_bits=(0.0,) * LAGS,
    )


@pytest.fixture
def spec() -> SignatureSpec:
    corpus = CorpusSpec(name="any", content="1" * 64)
    return signature_spec(corpus, hidden=SLOTS * N_SYMBOLS, profile="smoke")


@pytest.fixture
def stored(spec: SignatureSpec, store: Store) -> Store:
    store.artifacts.put(spec.model.key, pack(delay_line().state_dict(), {}))
    store.artifacts.put(spec.key, readers().to_bytes())
    return store


def test_a_delay_line_holds_what_it_holds() -> None:
    found = read(delay_line(), readers(), 1, "h", "abba.")
    expected, recalled = found["expected"], found["recalled"]
    assert expected.shape == (6, N_SYMBOLS) and recalled.shape == (5, LAGS, N_SYMBOLS)
    likely = math.exp(LIKELY) / (math.exp(LIKELY) + N_SYMBOLS - 1)
    assert expected[:, 0] == pytest.approx(likely, abs=1e-5)
    symbols = [BOS, *encode("abba.")]  # before the first symbol, the line holds <s>
    for position in range(1, 6):
        held = recalled[position - 1]
        for lag in range(SLOTS):
            assert held[lag, symbols[position - lag]] == pytest.approx(OF_HELD, abs=1e-4)
        assert held[SLOTS:] == pytest.approx(1 / N_SYMBOLS, abs=1e-6)


@pytest.mark.parametrize(("cell", "state"), [("gru", "h"), ("lstm", "c"), ("lstm", "h")])
def test_states_are_those_of_one_step_after_another(cell: str, state: str) -> None:
    torch.manual_seed(0)
    network = char_lm.CharLM(cell, 1, 12).requires_grad_(False).eval()
    sizes = [(12, 9), (9, N_SYMBOLS)]
    layers = [(torch.randn(3, out, size), torch.randn(3, 1, out)) for size, out in sizes]
    facts = {"width": 9, "depth": 1, "parameters": 0, "dev_recall": (), "dev_bits": ()}
    mean, scale = torch.randn(12), torch.rand(12) + 0.5
    decoders = Decoders(mean, scale, layers, keeps=(1.0,) * 3, **facts)
    found = read(network, decoders, 1, state, "zoe")
    step = (torch.nn.GRUCell if cell == "gru" else torch.nn.LSTMCell)(12, 12).requires_grad_(False)
    step.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in network.layers[0].state_dict().items()}
    )
    memory = None
    for position, symbol in enumerate([BOS, *encode("zoe")]):
        memory = step(network.embedding.weight[int(symbol)][None], memory)
        h, c = (memory, memory) if cell == "gru" else memory
        following = network.projection(h)[0].softmax(0)
        assert found["expected"][position] == pytest.approx(following.numpy(), abs=1e-5)
        inputs = ((c if state == "c" else h) - mean) / scale
        for lag in range(3) if position else ():
            (first, bias), (last, end) = layers
            hidden = (inputs @ first[lag].T + bias[lag]).relu()
            given = (hidden @ last[lag].T + end[lag])[0].softmax(0)
            assert found["recalled"][position - 1, lag] == pytest.approx(given.numpy(), abs=1e-5)


@pytest.mark.slow
def test_a_stored_signature_reads_in_a_process_of_its_own(
    spec: SignatureSpec, stored: Store
) -> None:
    found = sentence("Abba?", spec)
    assert found.columns[:4] == ["position", "lag", "truth", "probability"]
    rows = {(row["position"], row["lag"]): row for row in found.iter_rows(named=True)}
    # The first position has read nothing; no lag goes back behind the sentence's start.
    assert [key for key in rows if key[0] == 0] == [(0, -1)]
    assert [lag for position, lag in rows if position == 3] == [-1, 0, 1, 2]
    assert max(lag for _, lag in rows) == LAGS - 1
    assert rows[4, 1]["truth"] == "b" and rows[4, 1]["guesses"][0] == "b"
    assert rows[4, 1]["probability"] == pytest.approx(OF_HELD, abs=1e-3)
    assert rows[4, 1]["chances"][0] == rows[4, 1]["probability"]
    assert rows[4, 3]["probability"] == pytest.approx(1 / N_SYMBOLS, abs=1e-6)
    assert rows[0, -1]["truth"] == "a" and rows[1, -1]["truth"] == "b"
    assert rows[4, -1]["truth"] is None and rows[4, -1]["guesses"][0] == "a"


def test_guesses_are_the_most_probable() -> None:
    given = np.full((1, 1, N_SYMBOLS), 0.01, dtype=np.float32)
    given[0, 0, [4, 7, 19]] = 0.2, 0.3, 0.1
    row = table("a", given[:0, 0], given).row(0, named=True)
    assert (row["truth"], row["guesses"]) == ("a", ["h", "e", "t"])
    assert row["chances"] == pytest.approx([0.3, 0.2, 0.1])


def test_without_decoders_it_says_so(spec: SignatureSpec, store: Store) -> None:
    assert not ready(spec)
    with pytest.raises(BadInput, match="not stored: compute it again"):
        sentence("to be", spec)
    store.artifacts.put(spec.model.key, b"no weights")
    store.artifacts.put(spec.key, b"no decoders")
    assert ready(spec)
    with pytest.raises(BadInput, match="not weights this program wrote"):
        sentence("to be", spec)
    linear = spec.preview()
    assert not ready(linear, store)


@pytest.mark.parametrize(
    ("text", "symbols", "note"),
    [
        ("To be", "to be", ""),
        ("In 1603", "in ####", "Every digit is read as #."),
        ("who? me!", "who me", "A space stands for ? !."),
        ("a\x00b\x1bc\ud800", "a b c", "Control characters are dropped."),
        ("быть, or not", ", or not", "A space stands for б ы т ь."),
        ("x" * 10_000_000, "x" * MOST, f"Only the first {MOST} symbols are read."),
        ("\u0301" * 10_000_000 + "a", None, ""),
        ("Быть или не быть", None, ""),
        (" \n\t", None, ""),
    ],
)
def test_any_text_becomes_symbols(text: str, symbols: str | None, note: str) -> None:
    if symbols is None:
        with pytest.raises(BadInput, match="type Latin letters"):
            to_symbols(text)
    else:
        assert to_symbols(text) == (symbols, note)


@pytest.mark.slow
def test_the_command_prints_what_is_held(
    spec: SignatureSpec,
    stored: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("core.cli.measuring.find_corpus", lambda name, **_: spec.corpus)
    arguments = ["sentence", "Ab, 7", "--hidden", str(spec.model.hidden), "--profile", "smoke"]
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["key"], answer["text"]) == (spec.key, "ab, #")
    assert answer["changes"] == "Every digit is read as #."
    assert len(answer["rows"]) == 6 + sum(min(n, LAGS) for n in range(1, 6))
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "│ b    ┆" in printed and "1 ago" in printed and "Every digit" in printed
    assert main(["sentence", "Быть"]) == 2
    assert "type Latin letters" in capsys.readouterr().err
