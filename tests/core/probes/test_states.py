"""States on the way from networks and arrays to decoders; `tests/core/cells` has the cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.cells import CELLS
from core.corpora import Segments
from core.models.language.char_lm import CharLM
from core.models.language.states import ModelStates
from core.probes import states
from core.probes.states import ArrayStates, lagged
from core.text import BOS, decode


@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_a_layer_reads_the_output_of_the_layer_below(cell: str) -> None:
    model = CharLM(cell, layers=3, hidden=24)
    read = torch.randint(0, 34, (37, 5))
    x = model.embedding(read)
    for number, layer in enumerate(model.layers, start=1):
        expected, got = CELLS[cell].unroll(layer, x), model.states(read, number)
        assert set(got) == set(CELLS[cell].states)
        assert all(torch.equal(got[name], expected[name]) for name in got)
        x = expected["h"]
    assert torch.allclose(model(read), model.projection(x), atol=1e-6)


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
