"""The fast route to every state, against torch's cells step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from core.cells import CELLS
from core.corpora import Segments
from core.models.language.char_lm import CharLM
from core.models.language.states import ModelStates
from core.probes import states
from core.probes.states import ArrayStates, lagged
from core.text import BOS, decode


def step_by_step(model: CharLM, read: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """Every layer's states from nn.LSTMCell or nn.GRUCell, one step at a time."""
    x, found = model.embedding(read), []
    for layer in model.layers:
        lstm = isinstance(layer, nn.LSTM)
        cell = (nn.LSTMCell if lstm else nn.GRUCell)(layer.input_size, layer.hidden_size)
        cell.load_state_dict({n.removesuffix("_l0"): p for n, p in layer.state_dict().items()})
        h = torch.zeros(read.shape[1], layer.hidden_size)
        c, steps = h, []
        for step in x:
            if lstm:
                h, c = cell(step, (h, c))
            else:
                h = cell(step, h)
            steps.append({"h": h, "c": c} if lstm else {"h": h})
        found.append({name: torch.stack([s[name] for s in steps]) for name in steps[0]})
        x = found[-1]["h"]
    return found


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("steps", [1, 37])
@torch.no_grad()
def test_every_state_of_every_layer_equals_the_cell_step_by_step(cell: str, steps: int) -> None:
    torch.manual_seed(0)
    model = CharLM(cell, layers=3, hidden=24)
    for weights in model.parameters():
        weights.mul_(2)  # far from linear, so that a wrong gate cannot hide
    read = torch.randint(0, 34, (steps, 5))
    for number, expected in enumerate(step_by_step(model, read), start=1):
        got = model.states(read, number)
        assert set(got) == set(CELLS[cell].states) == set(expected)
        for name in expected:
            assert (got[name] - expected[name]).abs().max() < 1e-5


def test_lagged_targets_look_back_within_the_segment() -> None:
    symbols = np.array([[7, 8, 9, -1], [3, 4, 5, 6]])
    targets = lagged(symbols, lags=3)
    assert targets[0].tolist() == [[7, -1, -1], [8, 7, -1], [9, 8, 7], [-1, 9, 8]]
    assert targets[1, 3].tolist() == [6, 5, 4]


TEXTS = ["to be, or not to be", "that is", "the question", "a", "whether 'tis nobler in the mind"]


@torch.no_grad()
def test_model_states_pair_each_state_with_the_symbols_before_it() -> None:
    model = CharLM("lstm", layers=2, hidden=8).eval()
    segments = Segments.of(TEXTS)
    source = ModelStates(model, segments, 2, "c", max_lag=3)
    (chunk,) = source.chunks()
    assert len(chunk.states) == source.size == segments.total
    for number, text in enumerate(TEXTS):
        mine = chunk.segments == number
        assert decode(chunk.targets[mine, 0].astype(np.uint8)) == text
        assert decode(chunk.targets[mine, 2][2:].astype(np.uint8)) == text[:-2]
        assert (chunk.targets[mine, 2][:2] == -1).all()
        read = torch.tensor([[BOS, *segments[number]]]).T
        alone = model.states(read, 2)["c"][1:, 0]  # without the step that reads <s>
        assert np.abs(chunk.states[mine] - alone.numpy()).max() < 1e-5


def test_small_chunks_hold_the_same_states_and_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(50, 12, 4)).astype(np.float32)
    symbols = generator.integers(0, 9, (50, 12))
    symbols[:, 9:] = -1
    source = ArrayStates(values, symbols, np.arange(50), max_lag=2, n_symbols=9)
    (whole,) = source.chunks()
    monkeypatch.setattr(states, "CHUNK_BYTES", 4 * 4 * 100)  # a hundred states
    for order in (None, 1):
        parts = list(source.chunks(order))
        assert len(parts) > 3
        assert max(len(part.states) for part in parts) <= 100 + 9
        rows = {tuple(row) for part in parts for row in np.c_[part.segments, part.states]}
        assert rows == {tuple(row) for row in np.c_[whole.segments, whole.states]}
    assert len(whole.states) == 50 * 9


def test_blocks_of_time_look_back_into_the_block_before() -> None:
    symbols = np.arange(20)[None]
    values = symbols[:, :, None].astype(np.float32)
    source = ArrayStates(values, symbols, np.array([3]), max_lag=2, n_symbols=20, pieces=4)
    (chunk,) = source.chunks()
    assert chunk.targets.tolist() == [[t, t - 1, t - 2] for t in range(15, 20)]
    assert chunk.states[:, 0].tolist() == [15, 16, 17, 18, 19]
