"""The mLSTM cell, whose memory is a matrix (Beck et al., "xLSTM", 2024, equations 19 to 27).

C_t = f C_{t−1} + i v kᵀ, n_t = f n_{t−1} + i k and h_t = σ(o) ∘ C_t q / max(|n_t · q|, 1), with
i = exp(ĩ) and f = σ(f̃). C and n are kept divided by exp(m), m_t = max(log f + m_{t−1}, ĩ) (the
paper's appendix A), so that no exponential is too large: these are the numbers that are read. A
head has keys of 16 numbers, so C has 16 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from core.cells import matrix
from core.cells.cell import Cell
from core.cells.matrix import KEYS, HeadInputs, heads

if TYPE_CHECKING:
    from torch import Tensor, nn

EMPTY = -1e30  # m of a memory that holds nothing


class _Memory(NamedTuple):
    """C as [batch, heads, columns, rows], n [batch, heads, columns], both over exp(m), and m."""

    matrix: Tensor
    norm: Tensor
    scale: Tensor

    def flat(self) -> Tensor:
        """All numbers: [batch, state size]."""
        import torch

        return torch.cat([values.flatten(1) for values in self], 1)


def layer(inputs: int, hidden: int) -> nn.Module:
    """`read`: rows of q, k, v, f and i; `leave`: of o. f's biases make memories last."""
    import torch

    one, count = matrix.layer(inputs, hidden), heads(hidden)
    with torch.no_grad():
        one.read.bias[-2 * count : -count].copy_(torch.linspace(3, 6, count))
    return one


def _reading(layer: Any, x: Tensor) -> HeadInputs:
    """q, k and v of every step; its first gate is log f, its second ĩ."""
    from torch.nn.functional import logsigmoid

    q, k, v, forget, enter = matrix.reading(layer, x)
    return HeadInputs(q, k / KEYS**0.5, v, logsigmoid(forget), enter)


def _empty(reading: HeadInputs) -> _Memory:
    """The memory before the first step."""
    k, v = reading.k, reading.v
    start = k.new_zeros(*k.shape[:2], k.shape[3], v.shape[3])
    return _Memory(start, start[..., 0], k.new_full(k.shape[:2], EMPTY))


def _chunk(reading: HeadInputs, before: _Memory) -> tuple[Tensor, _Memory]:
    """The memory's answers to q [batch, heads, time, rows] and the memory behind some steps.

    Every step reads the chunk's own steps, weighed by `inside`, and the memory before the chunk.
    """
    import torch

    q, k, v, forget, enter = reading
    total = forget.cumsum(-1)  # since the chunk began
    future = torch.ones_like(total[0, 0]).diag().logical_not().triu()
    inside = total[..., :, None] - total[..., None, :] + enter[..., None, :]
    inside = inside.masked_fill(future, -torch.inf)
    older = total + before.scale[..., None]
    with torch.no_grad():  # what all are divided by in the end has no gradient
        scale = torch.maximum(inside.amax(-1), older)
    weight, older = (inside - scale[..., None]).exp(), (older - scale).exp()
    match = q @ k.mT * weight
    answer = match @ v + older[..., None] * (q @ before.matrix)
    norm = match.sum(-1) + older * (q @ before.norm[..., None])[..., 0]
    answer = answer / torch.maximum(norm.abs(), (-scale).exp())[..., None]
    last, rest = weight[..., -1, :, None] * k, older[..., -1, None]
    after = _Memory(
        last.mT @ v + rest[..., None] * before.matrix,
        last.sum(-2) + rest * before.norm,
        scale[..., -1],
    )
    return answer, after


def output(layer: Any, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden]."""
    import torch

    from core.cells.scan import chunks

    reading = _reading(layer, x)
    memory, answers = _empty(reading), []
    for steps in chunks(len(x)):
        answer, memory = _chunk(reading.part(steps), memory)
        answers.append(answer)
    answers_of_all = torch.cat(answers, 2).permute(2, 0, 1, 3).flatten(2)
    return layer.leave(x).sigmoid() * answers_of_all


def unroll(layer: Any, x: Tensor) -> dict[str, Tensor]:
    """{"c": C, n and m, [time, batch, at most READ], "h": [time, batch, hidden]}."""
    import torch

    from core.cells import scan

    reading = _reading(layer, x)
    memory, memories = _empty(reading), []
    for step in range(len(x)):
        _, memory = _chunk(reading.part(slice(step, step + 1)), memory)
        memories.append(scan.read(memory.flat()))
    return {"c": torch.stack(memories), "h": output(layer, x)}


def state_size(hidden: int) -> int:
    """C of 16 numbers a unit; n of 16 and m of each head."""
    return KEYS * hidden + (KEYS + 1) * heads(hidden)


CELL = Cell(
    "mlstm",
    "mLSTM",
    ("c", "h"),
    0,
    layer,
    output,
    unroll,
    memory=state_size,
    weights=matrix.weights,
    rates={1: 3.2e-1, 25: 8e-2},
)
