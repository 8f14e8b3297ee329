"""The gated DeltaNet cell, whose memory is a matrix that unlearns what it held under a key.

S_t = α S_{t−1} (I − β k kᵀ) + β v kᵀ and h_t = norm(S_t q) ∘ SiLU(o), where q, k and v go through a
SiLU, q and k have length 1, β = σ(b) and α = exp(−exp(a) softplus(d)) (Yang, Kautz and
Hatamizadeh, "Gated delta networks", 2024, equation 10 and section 3.4, without the convolutions
over time, which would be a memory of their own). A head has keys of 16 numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from core.cells.cell import KEYS, Cell, heads

if TYPE_CHECKING:
    from torch import Tensor, nn


class _Reading(NamedTuple):
    """What a layer reads: q, k, v [batch, heads, time, size]; log α, β [batch, heads, time]."""

    q: Tensor
    k: Tensor
    v: Tensor
    keep: Tensor
    write: Tensor

    def part(self, steps: slice) -> _Reading:
        """That of some steps."""
        return _Reading(*(values[:, :, steps] for values in self))


def layer(inputs: int, hidden: int) -> nn.Module:
    """`read`: rows of q, k, v, b and d; `leave`: of o; `rate`: a of each head (as Mamba's)."""
    import math

    import torch
    from torch import nn

    one, count = nn.Module(), heads(hidden)
    one.read = nn.Linear(inputs, 2 * count * KEYS + hidden + 2 * count)
    one.leave = nn.Linear(inputs, hidden)
    one.rate = nn.Parameter(torch.empty(count).uniform_(1, 16).log())
    with torch.no_grad():  # softplus(d) between .001 and .1 at the start
        start = torch.empty(count).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        one.read.bias[-count:] = start + (-torch.expm1(-start)).log()  # the inverse of softplus
    return one


def _reading(layer: Any, x: Tensor) -> _Reading:
    from torch.nn.functional import normalize, silu, softplus

    hidden = layer.leave.out_features
    count = heads(hidden)
    sizes = [count * KEYS, count * KEYS, hidden, count, count]
    q, k, v, write, pace = (
        part.unflatten(-1, (count, -1)).permute(1, 2, 0, 3)
        for part in layer.read(x).split(sizes, -1)
    )
    keep = -layer.rate.exp()[:, None] * softplus(pace[..., 0])
    q, k = (normalize(silu(part), dim=-1) for part in (q, k))
    return _Reading(q, k, silu(v), keep, write[..., 0].sigmoid())


def _empty(reading: _Reading) -> Tensor:
    """The memory before the first step: Sᵀ [batch, heads, columns, rows]."""
    k, v = reading.k, reading.v
    return k.new_zeros(*k.shape[:2], k.shape[3], v.shape[3])


def _chunk(reading: _Reading, before: Tensor) -> tuple[Tensor, Tensor]:
    """S q [batch, heads, time, rows] of some steps, and the memory behind them.

    What step t writes, u_t = β (v − α S_{t−1} k), depends on what the steps before it wrote: one
    triangular system gives it for all steps (the paper, section 3.3).
    """
    import torch

    q, k, v, keep, write = reading
    kept = keep.cumsum(-1)
    past = torch.ones_like(kept[0, 0]).diag().logical_not().tril()
    since = (kept[..., :, None] - kept[..., None, :]).masked_fill(past.mT, -torch.inf).exp()
    own = (k @ k.mT * since * write[..., None]).masked_fill(~past, 0.0)
    wanted = v - kept.exp()[..., None] * (k @ before)
    written = torch.linalg.solve_triangular(
        own, write[..., None] * wanted, upper=False, unitriangular=True
    )
    answer = (q @ k.mT * since) @ written + kept.exp()[..., None] * (q @ before)
    last = since[..., -1, :, None] * k
    return answer, last.mT @ written + kept[..., -1, None, None].exp() * before


def output(layer: Any, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden]."""
    import torch
    from torch.nn.functional import rms_norm, silu

    from core.cells.scan import chunks

    reading = _reading(layer, x)
    memory, answers = _empty(reading), []
    for steps in chunks(len(x)):
        answer, memory = _chunk(reading.part(steps), memory)
        answers.append(rms_norm(answer, answer.shape[-1:], eps=1e-5))
    return torch.cat(answers, 2).permute(2, 0, 1, 3).flatten(2) * silu(layer.leave(x))


def unroll(layer: Any, x: Tensor) -> dict[str, Tensor]:
    """{"c": [time, batch, at most READ], "h": [time, batch, hidden]}."""
    import torch

    from core.cells import scan

    reading = _reading(layer, x)
    memory, memories = _empty(reading), []
    for step in range(len(x)):
        _, memory = _chunk(reading.part(slice(step, step + 1)), memory)
        memories.append(scan.read(memory.flatten(1)))
    return {"c": torch.stack(memories), "h": output(layer, x)}


def state_size(hidden: int) -> int:
    """A matrix of 16 numbers a unit."""
    return KEYS * hidden


def weights(hidden: int) -> int:
    """Of q, k, v, b, d and o."""
    return 2 * hidden**2 + 2 * (KEYS + 1) * heads(hidden) * hidden


CELL = Cell(
    "deltanet",
    "Gated DeltaNet",
    ("c", "h"),
    0,
    layer,
    output,
    unroll,
    memory=state_size,
    weights=weights,
)
