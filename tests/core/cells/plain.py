"""How a cell is held against a plain recurrence, one step at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.cells import CELLS

Reference = Callable[[nn.Module, Tensor], dict[str, Tensor]]


def drawn(
    cell: str, steps: int, times: int = 2, kind: torch.dtype = torch.float32
) -> tuple[nn.Module, Tensor]:
    """A layer far from linear, so that a wrong gate cannot hide, and what it reads.

    times: by which its initial weights are multiplied; kind: of all numbers.
    """
    torch.manual_seed(0)
    layer = CELLS[cell].layer(16, 24).to(kind)
    with torch.no_grad():
        for weights in layer.parameters():
            weights.mul_(times)
    return layer, torch.randn(steps, 5, 16, dtype=kind, requires_grad=True)


def assert_equal_to(
    reference: Reference, cell: str, steps: int, times: int = 2, kind: torch.dtype = torch.float32
) -> None:
    """Values and gradients are the reference's within 1e-5; times, kind: of `drawn`."""
    layer, x = drawn(cell, steps, times, kind)
    expected = reference(layer, x)
    with torch.no_grad():
        states = CELLS[cell].unroll(layer, x)
    assert set(states) == set(expected)
    for name, values in expected.items():
        assert states[name].shape == values.shape
        assert (states[name] - values).abs().max() < 1e-5 * max(1.0, values.abs().max().item())
    weights = [*layer.parameters(), x]
    pull = torch.randn_like(expected["h"])
    wanted = torch.autograd.grad((expected["h"] * pull).mean(), weights)
    output = CELLS[cell].output(layer, x)
    assert (output - expected["h"]).abs().max() < 1e-5
    for mine, theirs in zip(
        torch.autograd.grad((output * pull).mean(), weights), wanted, strict=True
    ):
        assert (mine - theirs).abs().max() < 1e-5 * max(1.0, theirs.abs().max().item())
