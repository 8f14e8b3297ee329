"""Many recurrences at once that differ only by a rank-one part of their kernels.

With u vᵀ as all or part of the kernel, the recurrence reads x_t and h_{t-1} through the scalars
v_x · x_t and v_h · h_{t-1}: O(n) a step, where a kernel of full rank takes O(n²). Recurrences that
also share a kernel of full rank add one matrix product over all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.models.language.char_lm import CharLM


@dataclass(frozen=True)
class RankOne:
    """Rank-one parts of a kernel: leftᵢ rightᵢᵀ. left: [k, kernels · n]; right: [k, 2n]."""

    left: Tensor
    right: Tensor

    def __len__(self) -> int:
        return len(self.left)

    def part(self, which: slice | Tensor) -> RankOne:
        return RankOne(self.left[which], self.right[which])

    def times(self, factors: Tensor | float) -> RankOne:
        """Each part by its factor [k], or all by one."""
        column = factors[:, None] if isinstance(factors, Tensor) else factors
        return RankOne(self.left * column, self.right)

    @property
    def norms(self) -> Tensor:
        """The Frobenius (and only singular) value of each: [k]."""
        return self.left.norm(dim=1) * self.right.norm(dim=1)


def controls(kernels: RankOne, seeds: list[int]) -> RankOne:
    """For each kernel a random one of equal norm, its directions uniform; one seed for each."""
    drawn = []
    for seed in seeds:
        draws = torch.Generator().manual_seed(seed)
        both = [
            torch.randn(part.shape[1], generator=draws) for part in (kernels.left, kernels.right)
        ]
        drawn.append([direction / direction.norm() for direction in both])
    left, right = (torch.stack(list(side)).to(kernels.left) for side in zip(*drawn, strict=True))
    return RankOne(left, right).times(kernels.norms)


@torch.no_grad()
def unroll(model: CharLM, parts: RankOne, read: Tensor, shared: bool, state: str) -> Tensor:
    """A state of every step of a one-layer network with each rank-one part in its kernel.

    model: its embedding and biases are used as they are; shared: whether its kernel is, too, else
    the rank-one part is the whole kernel. read: int64 [time, batch]. state: one of the cell's.
    Returns [time, k, batch, n].
    """
    cell = model.cell
    assert cell.step  # a cell that factorizes
    wanted, output = cell.states.index(state), cell.states.index("h")
    weights = dict(model.layers[0].named_parameters())
    hidden = parts.right.shape[1] // 2
    table = weights["bias_ih_l0"].expand(len(model.embedding.weight), -1)
    if shared:
        table = table + model.embedding.weight @ weights["weight_ih_l0"].T
    drive = parts.right[:, :hidden] @ model.embedding.weight.T  # v_x · x for every symbol
    left, back = parts.left[:, None], parts.right[:, hidden:, None]
    size = (len(parts), read.shape[1], hidden)
    states = torch.zeros(len(cell.states), *size, device=read.device)
    out = torch.empty(len(read), *size, device=read.device)
    for t, symbols in enumerate(read):
        h = states[output]
        # What the input and the state before contribute to the gates: [k, batch, kernels · n].
        from_input = torch.addcmul(table[symbols], drive[:, symbols, None], left)
        if shared:
            flat = h.reshape(-1, hidden) @ weights["weight_hh_l0"].T
            from_state = (flat + weights["bias_hh_l0"]).view(*size[:2], -1)
        else:
            from_state = weights["bias_hh_l0"]
        from_state = torch.addcmul(from_state, h @ back, left)
        states = cell.step(from_input, from_state, states)
        out[t] = states[wanted]
    return out
