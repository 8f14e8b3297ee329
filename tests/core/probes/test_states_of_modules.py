"""`core.states`: what a module computes while it runs, whatever kind of recurrence it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

import core
from core.errors import BadInput

SYMBOLS = np.random.default_rng(0).integers(0, 6, (70, 9))


class Stepwise(nn.Module):
    """Two layers of cells, run symbol by symbol."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(6, 8)
        self.cells = nn.ModuleList(getattr(nn, f"{kind}Cell")(size, 12) for size in (8, 12))

    def forward(self, symbols: Tensor) -> Tensor:
        states: list[Any] = [None, None]
        for now in symbols.T:
            x = self.embedding(now)
            for number, cell in enumerate(self.cells):
                states[number] = cell(x, states[number])
                x = states[number][0] if isinstance(cell, nn.LSTMCell) else states[number]
        return x


class Whole(nn.Module):
    """The same as one network over the whole segment, its weights those of the other."""

    def __init__(self, kind: str, other: Stepwise, first: bool) -> None:
        super().__init__()
        self.embedding, self.first = other.embedding, first
        self.rnn = getattr(nn, kind)(8, 12, num_layers=2, batch_first=first)
        for number, cell in enumerate(other.cells):
            for name, weights in cell.named_parameters():
                getattr(self.rnn, f"{name}_l{number}").data = weights.data

    def forward(self, symbols: Tensor) -> Tensor:
        x = self.embedding(symbols)
        return self.rnn(x if self.first else x.transpose(0, 1))[0]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_cells_and_networks_of_equal_weights_have_equal_states(kind: str) -> None:
    stepwise = Stepwise(kind)
    one = core.states(stepwise, SYMBOLS)
    for first in (True, False):
        other = core.states(Whole(kind, stepwise, first), SYMBOLS, batch=9)
        assert len(one) == len(other) == 2
        for mine, theirs in zip(one, other, strict=True):
            assert set(mine) == set(theirs) == ({"h", "c"} if kind == "LSTM" else {"h"})
            for name in mine:
                assert mine[name].shape == (70, 9, 12) and mine[name].dtype == np.float32
                assert np.allclose(mine[name], theirs[name], atol=1e-6)
    assert core.probe(stepwise, SYMBOLS, 1, "linear")["layer"].max() == 2


class Decay(nn.Module):
    """A recurrence of one's own: a state that fades."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.recurrence = nn.Embedding(6, 8), Fading()
        self.head = nn.Linear(8, 6)

    def forward(self, symbols: Tensor) -> Tensor:
        return self.head(self.recurrence(self.embedding(symbols)))


class Fading(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        states = [torch.zeros_like(x[:, 0])]
        for now in x.transpose(0, 1):
            states.append(0.5 * states[-1] + now)
        return torch.stack(states[1:], 1)


def test_a_named_part_and_a_function_of_a_step_give_the_same_states() -> None:
    module = Decay()
    (named,) = core.states(module, SYMBOLS, of="recurrence")

    def step(symbols: Tensor, before: Any) -> Any:
        now = module.embedding(symbols)
        return now[:, :3], now[:, 3:] if before is None else 0.5 * before[1] + now[:, 3:]

    (stepped,) = core.states(step, SYMBOLS, batch=30)
    assert np.allclose(stepped["h"][..., 3:], named["h"][..., 3:], atol=1e-6)
    table = core.probe(module, SYMBOLS, 2, "linear", of="recurrence")
    now = table.filter(pl.col("symbol").is_null(), pl.col("lag") == 0)
    assert now["accuracy"].item() > 0.9


def test_one_of_several_networks_is_named() -> None:
    torch.manual_seed(0)
    pair = nn.Sequential(nn.Embedding(6, 8), nn.ModuleDict({"a": nn.GRU(8, 5), "b": nn.GRU(8, 7)}))

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read, self.both = pair

        def forward(self, symbols: Tensor) -> list[Tensor]:
            return [rnn(self.read(symbols.T))[0] for rnn in self.both.values()]

    with pytest.raises(BadInput, match="2 recurrent networks"):
        core.states(Two(), SYMBOLS)
    (layer,) = core.states(Two(), SYMBOLS, of="both.b")
    assert layer["h"].shape == (70, 9, 7)
    with pytest.raises(BadInput, match=r"no part 'c'; its parts are read, both, both\.a, both\.b"):
        core.states(Two(), SYMBOLS, of="c")
