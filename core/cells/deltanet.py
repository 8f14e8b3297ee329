"""The gated DeltaNet cell, whose memory is a matrix that unlearns what it held under a key.

S_t = α S_{t−1} (I − β k kᵀ) + β v kᵀ and h_t = norm(S_t q) ∘ SiLU(o), where q, k and v go through a
SiLU, q and k have length 1, β = σ(b) and α = exp(−exp(a) softplus(d)) (Yang, Kautz and
Hatamizadeh, "Gated delta networks", 2024, equation 10 and section 3.4, without the convolutions
over time, which would be a memory of their own). A head has keys of 16 numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.cells import matrix
from core.cells.cell import Cell
from core.cells.matrix import KEYS, HeadInputs, heads

if TYPE_CHECKING:
    from torch import Tensor, nn


def layer(inputs: int, hidden: int) -> nn.Module:
    """`read`: rows of q, k, v, b and d; `leave`: of o; `rate`: a of each head (as Mamba's)."""
    import math

    import torch
    from torch import nn

    one, count = matrix.layer(inputs, hidden), heads(hidden)
    one.rate = nn.Parameter(torch.empty(count).uniform_(1, 16).log())
    with torch.no_grad():  # softplus(d) between .001 and .1 at the start
        start = torch.empty(count).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        one.read.bias[-count:] = start + (-torch.expm1(-start)).log()  # the inverse of softplus
    return one


def _reading(layer: Any, x: Tensor) -> HeadInputs:
    """q, k and v of every step; its first gate is β, its second log α."""
    from torch.nn.functional import normalize, silu, softplus

    q, k, v, write, pace = matrix.reading(layer, x)
    decay = -layer.rate.exp()[:, None] * softplus(pace)
    q, k = (normalize(silu(part), dim=-1) for part in (q, k))
    return HeadInputs(q, k, silu(v), write.sigmoid(), decay)


def _empty(reading: HeadInputs) -> Tensor:
    """The memory before the first step: Sᵀ [batch, heads, columns, rows]."""
    k, v = reading.k, reading.v
    return k.new_zeros(*k.shape[:2], k.shape[3], v.shape[3])


def _chunk(reading: HeadInputs, before: Tensor) -> tuple[Tensor, Tensor]:
    """S q [batch, heads, time, rows] of some steps, and the memory behind them.

    What step t writes, u_t = β (v − α S_{t−1} k), depends on what the steps before it wrote: one
    triangular system gives it for all steps (the paper, section 3.3).
    """
    import torch

    q, k, v, write, decay = reading
    total = decay.cumsum(-1)  # since the chunk began
    past = torch.ones_like(total[0, 0]).diag().logical_not().tril()
    since = (total[..., :, None] - total[..., None, :]).masked_fill(past.mT, -torch.inf).exp()
    own = (k @ k.mT * since * write[..., None]).masked_fill(~past, 0.0)
    wanted = v - total.exp()[..., None] * (k @ before)
    written = torch.linalg.solve_triangular(
        own, write[..., None] * wanted, upper=False, unitriangular=True
    )
    answer = (q @ k.mT * since) @ written + total.exp()[..., None] * (q @ before)
    last = since[..., -1, :, None] * k
    return answer, last.mT @ written + total[..., -1, None, None].exp() * before


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


CELL = Cell(
    "deltanet",
    "Gated DeltaNet",
    ("c", "h"),
    0,
    layer,
    output,
    unroll,
    memory=lambda hidden: KEYS * hidden,
    weights=matrix.weights,
    rates={2: 1.6e-1, 25: 4e-2},
)
