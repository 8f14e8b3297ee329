"""The cells whose memory is a matrix: each against its equations, one step at a time."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cells import CELLS
from core.cells.matrix import KEYS, HeadInputs, heads
from tests.core.cells.plain import Reference, assert_equal_to


def read(layer: nn.Module, now: Tensor) -> list[Tensor]:
    """The five parts of what a layer reads from one step: [batch, heads, size] each."""
    hidden = layer.leave.out_features
    count = heads(hidden)
    rows = now @ layer.read.weight.T + layer.read.bias
    ends = [0, count * KEYS, 2 * count * KEYS, 2 * count * KEYS + hidden]
    ends += [ends[-1] + count, ends[-1] + 2 * count]
    parts = [rows[:, start:end] for start, end in pairwise(ends)]
    return [part.reshape(len(now), count, -1) for part in parts]


def mlstm(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """xLSTM's equations 19 to 27, kept in range as its equations 15 to 17 say."""
    hidden, steps = layer.leave.out_features, []
    count = heads(hidden)
    matrix = x.new_zeros(x.shape[1], count, hidden // count, KEYS)
    norm, scale = matrix[:, :, 0], x.new_full((x.shape[1], count, 1), -1e30)
    for now in x:
        q, k, v, forget, enter = read(layer, now)
        k = k / KEYS**0.5
        kept = F.logsigmoid(forget) + scale
        scale = torch.maximum(kept, enter).detach()
        f, i = torch.exp(kept - scale), torch.exp(enter - scale)
        matrix = f[..., None] * matrix + i[..., None] * v[..., :, None] * k[..., None, :]
        norm = f * norm + i * k
        match = (norm * q).sum(-1, keepdim=True).abs()
        answer = (matrix @ q[..., None])[..., 0] / torch.maximum(match, torch.exp(-scale))
        h = torch.sigmoid(layer.leave(now)) * answer.flatten(1)
        scale = scale + 0 * forget  # its gradient is nought
        c = torch.cat([matrix.mT.flatten(1), norm.flatten(1), scale.flatten(1)], 1)
        steps.append({"c": c, "h": h})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


def deltanet(layer: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Equation 10 of the paper on gated delta networks, term by term."""
    hidden, steps = layer.leave.out_features, []
    count = heads(hidden)
    memory = x.new_zeros(x.shape[1], count, hidden // count, KEYS)
    for now in x:
        q, k, v, write, pace = read(layer, now)
        q, k, v = F.normalize(F.silu(q), dim=-1), F.normalize(F.silu(k), dim=-1), F.silu(v)
        keep = torch.exp(-layer.rate.exp()[:, None] * F.softplus(pace))[..., None]
        beta = torch.sigmoid(write)[..., None]
        without = torch.eye(KEYS, dtype=x.dtype) - beta * k[..., :, None] * k[..., None, :]
        memory = keep * memory @ without + beta * v[..., :, None] * k[..., None, :]
        answer = (memory @ q[..., None])[..., 0]
        answer = answer / (answer.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        h = answer.flatten(1) * F.silu(layer.leave(now))
        steps.append({"c": memory.mT.flatten(1), "h": h})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


REFERENCES: dict[str, Reference] = {"mlstm": mlstm, "deltanet": deltanet}


@pytest.mark.parametrize("cell", REFERENCES)
@pytest.mark.parametrize("steps", [1, 37, 150])
@pytest.mark.parametrize(("kind", "times"), [(torch.float32, 1), (torch.float64, 2)])
def test_values_and_gradients_equal_a_plain_recurrence(
    cell: str, steps: int, kind: torch.dtype, times: int
) -> None:
    """With large weights mLSTM divides by sums of terms that cancel: hence double numbers."""
    assert_equal_to(REFERENCES[cell], cell, steps, times, kind)


@pytest.mark.parametrize("hidden", [1, 7, 20, 40, 47, 80])
def test_every_hidden_size_is_cut_into_heads(hidden: int) -> None:
    assert hidden % heads(hidden) == 0
    for cell in REFERENCES:
        kind = CELLS[cell]
        with torch.no_grad():
            states = kind.unroll(kind.layer(5, hidden), torch.randn(4, 2, 5))
        assert states["c"].shape == (4, 2, kind.dim("c", hidden))


def test_a_delta_rule_replaces_what_is_stored_under_a_key() -> None:
    """With β = 1 and no decay, the second value under a key is all that the memory answers."""
    from core.cells.deltanet import _chunk

    key = torch.zeros(1, 1, 3, KEYS)
    key[..., 0, 0] = key[..., 1, 1] = key[..., 2, 0] = 1
    v = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])[None, None]
    reading = HeadInputs(key, key, v, torch.ones(1, 1, 3), torch.zeros(1, 1, 3))
    answers, memory = _chunk(reading, torch.zeros(1, 1, KEYS, 2))
    assert torch.allclose(answers, v)
    assert torch.allclose(memory[0, 0, :2], torch.tensor([[5.0, 6.0], [3.0, 4.0]]))
