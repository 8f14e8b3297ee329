"""S6, the selective diagonal state space that is Mamba's core.

Of each unit u of SiLU(W_u x_t), c_t [16] = exp(Δ_t A) ∘ c_{t−1} + Δ_t u_t B_t and
h_t = (C_t · c_t + D u_t) SiLU(z_t), where Δ_t, B_t, C_t and z_t are read from x_t (Gu & Dao,
"Mamba: linear-time sequence modeling with selective state spaces", 2023, algorithm 2 and section
3.4, without its convolution over time, which would be a memory of its own).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.cells.cell import Cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

STATES = 16  # numbers of each unit, as Mamba has them
NUMBERS = 1 << 22  # of the memories that are computed at once


def layer(inputs: int, hidden: int) -> nn.Module:
    """W_u and W_z; what reads Δ through few numbers, B and C from u; A as log(−A), and D."""
    import math

    import torch
    from torch import nn

    one = nn.Module()
    rank = -(-hidden // 16)
    one.enter = nn.Linear(inputs, 2 * hidden)
    one.select = nn.Linear(hidden, rank + 2 * STATES, bias=False)
    one.pace = nn.Linear(rank, hidden)
    one.decay = nn.Parameter(torch.arange(1.0, STATES + 1).log().repeat(hidden, 1))
    one.skip = nn.Parameter(torch.ones(hidden))
    with torch.no_grad():  # Δ between .001 and .1 at the start (the paper, section 3.6)
        start = torch.empty(hidden).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        one.pace.bias.copy_(start + (-torch.expm1(-start)).log())  # the inverse of softplus
    return one


def _memories(layer: Any, u: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Block by block of steps, u, C [steps, batch, 16] and c [steps, batch, hidden, 16]."""
    from torch.nn import functional

    from core.cells import scan

    hidden, rank = u.shape[2], layer.pace.in_features
    steps = max(1, NUMBERS // (u.shape[1] * hidden * STATES))
    begin, rates = None, -layer.decay.exp()
    for part in u.split(steps):
        reads, enter, leave = layer.select(part).split([rank, STATES, STATES], -1)
        pace = functional.softplus(layer.pace(reads))
        keep = (pace[..., None] * rates).exp()
        c = scan.linear(keep, (pace * part)[..., None] * enter[..., None, :], begin)
        begin = c[-1]
        yield part, leave, c


def output(layer: Any, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden]."""
    return _run(layer, x, reads=False)["h"]


def unroll(layer: Any, x: Tensor) -> dict[str, Tensor]:
    """{"c": [time, batch, at most READ], "h": [time, batch, hidden]}."""
    return _run(layer, x, reads=True)


def _run(layer: Any, x: Tensor, reads: bool) -> dict[str, Tensor]:
    import torch
    from torch.nn import functional

    from core.cells import scan

    u, gate = layer.enter(x).chunk(2, -1)
    leaving, read = [], []
    for part, leave, c in _memories(layer, functional.silu(u)):
        leaving.append((c @ leave[..., None])[..., 0] + layer.skip * part)
        if reads:
            read.append(scan.read(c.flatten(2)))
    states = {"h": torch.cat(leaving) * functional.silu(gate)}
    return {"c": torch.cat(read), **states} if reads else states


def weights(hidden: int) -> int:
    """Of W_u and W_z, of what reads Δ, B and C, and A."""
    rank = -(-hidden // 16)
    return 2 * hidden**2 + hidden * (2 * rank + 3 * STATES)


CELL = Cell(
    "s6",
    "S6",
    ("c", "h"),
    0,
    layer,
    output,
    unroll,
    memory=lambda hidden: STATES * hidden,
    weights=weights,
    rates={2: 8e-2, 22: 4e-2},
)
