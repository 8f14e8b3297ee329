"""The LRU cell: a diagonal linear recurrence of complex numbers.

c_t = λ ∘ c_{t−1} + γ ∘ B x_t with |λ| < 1 and γ = √(1 − |λ|²), and h_t = GELU(Re(C c_t) + D x_t)
(Orvieto et al., "Resurrecting recurrent neural networks for long sequences", 2023, section 3; the
paper's blocks have a GELU behind the layer, too). Nothing but the weights moves λ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.cells.cell import Cell

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST, MOST = 0.4, 0.99  # |λ| at the start


def layer(inputs: int, hidden: int) -> nn.Module:
    """`size` is log(−log |λ|), `turn` the logarithm of λ's angle; then B, C and D."""
    import math

    import torch
    from torch import nn

    one = nn.Module()
    # Uniform over the ring between LEAST and MOST (the paper, lemma 3.2).
    squared = torch.empty(hidden).uniform_(LEAST**2, MOST**2)
    one.size = nn.Parameter((-0.5 * squared.log()).log())
    one.turn = nn.Parameter((torch.empty(hidden).uniform_(0.01, 1) * math.pi).log())
    one.enter = nn.Linear(inputs, 2 * hidden, bias=False)
    one.leave = nn.Linear(2 * hidden, hidden, bias=False)
    one.skip = nn.Linear(inputs, hidden)
    return one


def memory(layer: Any, x: Tensor) -> Tensor:
    """c_t of every step. x: [time, batch, inputs] -> complex [time, batch, hidden]."""
    import torch

    from core.cells import scan

    size = layer.size.exp()  # −log |λ|
    decay = torch.polar((-size).exp(), layer.turn.exp())
    entering = torch.complex(*layer.enter(x).chunk(2, -1))
    entering = entering * (-torch.expm1(-2 * size)).sqrt()
    return scan.linear(decay.expand_as(entering), entering)


def _output(layer: Any, x: Tensor, numbers: Tensor) -> Tensor:
    from torch.nn import functional

    h: Tensor = functional.gelu(layer.leave(numbers) + layer.skip(x))
    return h


def _numbers(c: Tensor) -> Tensor:
    """Real parts, then imaginary ones: complex [..., hidden] -> [..., 2 · hidden]."""
    import torch

    return torch.cat([c.real, c.imag], -1)


def output(layer: Any, x: Tensor) -> Tensor:
    """h_t of every step. x: [time, batch, inputs] -> [time, batch, hidden]."""
    return _output(layer, x, _numbers(memory(layer, x)))


def unroll(layer: Any, x: Tensor) -> dict[str, Tensor]:
    """{"c": [time, batch, 2 · hidden], real parts first, "h": [time, batch, hidden]}."""
    from core.cells import scan

    numbers = _numbers(memory(layer, x))
    return {"c": scan.read(numbers), "h": _output(layer, x, numbers)}


CELL = Cell(
    "lru",
    "LRU",
    ("c", "h"),
    0,
    layer,
    output,
    unroll,
    memory=lambda hidden: 2 * hidden,  # a real and an imaginary part of each unit
    weights=lambda hidden: 5 * hidden**2,  # of B and C, both complex, and D
    rates={16: 8e-2, 20: 8e-2},
)
