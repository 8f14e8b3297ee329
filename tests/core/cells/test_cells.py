"""What holds for every cell, also for one that is added; and each against a plain recurrence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from core import cells
from core.cells import CELLS
from core.errors import BadInput

Reference = Callable[[nn.Module, Tensor], dict[str, Tensor]]


def torchs_own(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The states by nn.LSTMCell or nn.GRUCell, one step at a time."""
    lstm = isinstance(layer, nn.LSTM)
    cell = (nn.LSTMCell if lstm else nn.GRUCell)(layer.input_size, layer.hidden_size)
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


def mingru(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Equation by equation, as the paper's sequential algorithm has it."""
    hidden = layer.out_features // 2
    (w_z, w_h), (b_z, b_h) = layer.weight.split(hidden), layer.bias.split(hidden)
    h, steps = torch.zeros(x.shape[1], hidden), []
    for now in x:
        z = torch.sigmoid(now @ w_z.T + b_z)
        new = now @ w_h.T + b_h
        g = torch.where(new >= 0, new + 0.5, torch.sigmoid(new))
        h = (1 - z) * h + z * g
        steps.append(h)
    return {"h": torch.stack(steps)}


REFERENCES: dict[str, Reference] = {"gru": torchs_own, "lstm": torchs_own, "mingru": mingru}


def drawn(cell: str, steps: int) -> tuple[nn.Module, Tensor]:
    """A layer far from linear, so that a wrong gate cannot hide, and what it reads."""
    torch.manual_seed(0)
    layer = CELLS[cell].layer(16, 24)
    with torch.no_grad():
        for weights in layer.parameters():
            weights.mul_(2)
    return layer, torch.randn(steps, 5, 16, requires_grad=True)


@pytest.mark.parametrize("cell", REFERENCES)
@pytest.mark.parametrize("steps", [1, 37, 300])
def test_values_and_gradients_equal_a_plain_recurrence(cell: str, steps: int) -> None:
    layer, x = drawn(cell, steps)
    expected = REFERENCES[cell](layer, x)
    with torch.no_grad():
        states = CELLS[cell].unroll(layer, x)
    assert set(states) == set(expected)
    for name, values in expected.items():
        assert (states[name] - values).abs().max() < 1e-5
    weights = [*layer.parameters(), x]
    pull = torch.randn_like(expected["h"])
    wanted = torch.autograd.grad((expected["h"] * pull).mean(), weights)
    output = CELLS[cell].output(layer, x)
    assert (output - expected["h"]).abs().max() < 1e-5
    for mine, theirs in zip(
        torch.autograd.grad((output * pull).mean(), weights), wanted, strict=True
    ):
        assert (mine - theirs).abs().max() < 1e-5 * max(1.0, theirs.abs().max().item())


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
        assert values.shape == (9, 5, 24)
        assert (start[name] - values[:4]).abs().max() < 1e-6
    square = kind.layer(24, 24)
    assert sum(p.numel() for p in square.parameters() if p.dim() == 2) == kind.gates * 24 * 48
    own = {"weight_ih_l0", "weight_hh_l0"} <= {name for name, _ in square.named_parameters()}
    assert own or not kind.factorizes


def test_the_facts_are_read_without_torch() -> None:
    script = "import core.cells, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_cell_that_does_not_fit_is_refused_in_one_sentence() -> None:
    with pytest.raises(BadInput, match=r"^There is no cell 'elman'; choose one of gru, lstm"):
        cells.find("elman")
    with pytest.raises(
        BadInput, match=r"^The cell minGRU has no kernel .*; choose one of gru, lstm\.$"
    ):
        cells.find("mingru", factorizes=True)
