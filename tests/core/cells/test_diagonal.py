"""The cells whose state goes from step to step number by number: each against its equations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cells import CELLS, scan
from core.cells.cell import READ
from tests.core.cells.plain import Reference, assert_equal_to, drawn


def g(new: Tensor) -> Tensor:
    return torch.where(new >= 0, new + 0.5, torch.sigmoid(new))


def mingru(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    (w_z, w_h), (b_z, b_h) = layer.weight.chunk(2), layer.bias.chunk(2)
    h, steps = torch.zeros(x.shape[1], len(b_z)), []
    for now in x:
        z = torch.sigmoid(now @ w_z.T + b_z)
        h = (1 - z) * h + z * g(now @ w_h.T + b_h)
        steps.append(h)
    return {"h": torch.stack(steps)}


def minlstm(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    (w_f, w_i, w_h), (b_f, b_i, b_h) = layer.weight.chunk(3), layer.bias.chunk(3)
    h, steps = torch.zeros(x.shape[1], len(b_f)), []
    for now in x:
        f, i = torch.sigmoid(now @ w_f.T + b_f), torch.sigmoid(now @ w_i.T + b_i)
        h = f / (f + i) * h + i / (f + i) * g(now @ w_h.T + b_h)
        steps.append(h)
    return {"h": torch.stack(steps)}


def lru(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """In complex numbers, as the paper has it."""
    size, angle = torch.exp(-layer.size.exp()), layer.turn.exp()
    decay = size * torch.exp(1j * angle)
    enter, leave = torch.complex(*layer.enter.weight.chunk(2)), layer.leave.weight.chunk(2, 1)
    leave = torch.complex(leave[0], -leave[1])  # Re(C c) = Re C · Re c − Im C · Im c
    c, steps = torch.zeros(x.shape[1], len(size), dtype=torch.complex64), []
    for now in x:
        c = decay * c + (1 - size**2).sqrt() * (now.to(c.dtype) @ enter.T)
        h = F.gelu((c @ leave.T).real + layer.skip(now))
        steps.append({"c": torch.cat([c.real, c.imag], 1), "h": h})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


def s6(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Unit by unit of the state: exp(Δ A), Δ B u."""
    rank, hidden = layer.pace.in_features, layer.pace.out_features
    c, steps = torch.zeros(x.shape[1], hidden, 16), []
    for now in x:
        u, z = layer.enter(now).chunk(2, 1)
        u = F.silu(u)
        reads = u @ layer.select.weight.T
        pace = F.softplus(layer.pace(reads[:, :rank]))
        b, leave = reads[:, rank : rank + 16], reads[:, rank + 16 :]
        kept = torch.exp(-pace[:, :, None] * layer.decay.exp())
        c = kept * c + torch.einsum("bh,bh,bn->bhn", pace, u, b)
        h = (torch.einsum("bhn,bn->bh", c, leave) + layer.skip * u) * F.silu(z)
        steps.append({"c": c.flatten(1), "h": h})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


REFERENCES: dict[str, Reference] = {"mingru": mingru, "minlstm": minlstm, "lru": lru, "s6": s6}


@pytest.mark.parametrize("cell", REFERENCES)
@pytest.mark.parametrize("steps", [1, 37, 300])
def test_values_and_gradients_equal_a_plain_recurrence(cell: str, steps: int) -> None:
    assert_equal_to(REFERENCES[cell], cell, steps)


def test_a_scan_in_blocks_goes_on_where_the_last_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = drawn("s6", 37)
    whole = CELLS["s6"].unroll(layer, x)
    monkeypatch.setattr("core.cells.s6.NUMBERS", 5 * 24 * 16 * 8)  # eight steps at once
    for name, values in CELLS["s6"].unroll(layer, x).items():
        assert (values - whole[name]).abs().max() < 1e-6


def test_the_scan_s_gradient_is_that_of_its_numbers() -> None:
    torch.manual_seed(0)
    for kind in (torch.float64, torch.complex128):
        keep, new = (torch.randn(7, 3, dtype=kind, requires_grad=True) for _ in range(2))
        assert torch.autograd.gradcheck(lambda k, n: scan.linear(0.5 * k, n), (keep, new))


@torch.no_grad()
def test_a_large_memory_is_projected_to_a_stated_size_and_keeps_its_distances() -> None:
    kind = CELLS["s6"]
    layer, x = kind.layer(8, 80), torch.randn(40, 3, 8)
    states = kind.unroll(layer, x)["c"]
    assert states.shape == (40, 3, READ) and kind.dim("c", 80) == READ
    assert kind.state_size(80) == 16 * 80 and kind.dim("c", 24) == 16 * 24
    memories = torch.randn(30, 1280)
    ratio = torch.pdist(scan.read(memories)) / torch.pdist(memories)
    assert (ratio - 1).abs().max() < 0.15
    assert torch.equal(kind.unroll(layer, x)["c"], states)
