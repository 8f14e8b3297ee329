"""What holds for every cell, also for one that is added; and each against a plain recurrence."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from core import cells
from core.cells import CELLS
from core.errors import BadInput
from tests.core.cells.plain import Reference, assert_equal_to, drawn


def torchs_own(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The states by nn.LSTMCell, nn.GRUCell or nn.RNNCell, one step at a time."""
    lstm = isinstance(layer, nn.LSTM)
    kinds = {nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell, nn.RNN: nn.RNNCell}
    cell = kinds[type(layer)](layer.input_size, layer.hidden_size)
    for name, weights in layer.named_parameters():
        setattr(cell, name.removesuffix("_l0"), weights)
    h = c = torch.zeros(x.shape[1], layer.hidden_size)
    steps = []
    for now in x:
        if lstm:
            h, c = cell(now, (h, c))
        else:
            h = cell(now, h)
        steps.append({"h": h, "c": c} if lstm else {"h": h})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


REFERENCES: dict[str, Reference] = {"gru": torchs_own, "lstm": torchs_own, "elman": torchs_own}


@pytest.mark.parametrize("cell", REFERENCES)
@pytest.mark.parametrize("steps", [1, 37, 300])
def test_values_and_gradients_equal_a_plain_recurrence(cell: str, steps: int) -> None:
    assert_equal_to(REFERENCES[cell], cell, steps)


@pytest.mark.parametrize("cell", CELLS)
def test_the_facts_of_a_cell_are_true(cell: str) -> None:
    kind = CELLS[cell]
    layer, x = drawn(cell, 9)
    assert kind.name == cell and kind.label
    with torch.no_grad():
        states = kind.unroll(layer, x)
        assert tuple(sorted(states)) == tuple(sorted(kind.states)) and "h" in states
        assert torch.equal(states["h"], kind.output(layer, x))
        start = kind.unroll(layer, x[:4])  # no state sees what is still to come
    for name, values in states.items():
        assert values.shape == (9, 5, kind.dim(name, 24))
        largest = max(1.0, values.abs().max().item())
        assert (start[name] - values[:4]).abs().max() < 1e-6 * largest
    square = kind.layer(24, 24)
    assert sum(p.numel() for p in square.parameters() if p.dim() == 2) == kind.kernel(24)
    carried = [name for name in kind.states if name == "c" or not kind.memory]
    assert sum(kind.dim(name, 24) for name in carried) == kind.state_size(24)
    own = {"weight_ih_l0", "weight_hh_l0"} <= {name for name, _ in square.named_parameters()}
    assert own or not kind.factorizes


def test_the_facts_are_read_without_torch() -> None:
    script = "import core.cells, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_cell_that_does_not_fit_is_refused_in_one_sentence() -> None:
    with pytest.raises(BadInput, match=r"^There is no cell 'none'; choose one of gru, lstm"):
        cells.find("none")
    with pytest.raises(
        BadInput, match=r"^The cell minGRU has no kernel .*; choose one of gru, lstm, elman\.$"
    ):
        cells.find("mingru", factorizes=True)
