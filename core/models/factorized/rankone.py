"""Many recurrences at once that differ only in a rank-one part of their kernels.

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
        """Each part multiplied by its factor [k], or all by one factor."""
        column = factors[:, None] if isinstance(factors, Tensor) else factors
        return RankOne(self.left * column, self.right)

    @property
    def norms(self) -> Tensor:
        """The Frobenius (and only singular) value of each: [k]."""
        return self.left.norm(dim=1) * self.right.norm(dim=1)


def controls(kernels: RankOne, seeds: list[int]) -> RankOne:
    """For each kernel a random one of equal norm and uniform directions; one seed for each."""
    directions = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        pair = [
            torch.randn(side.shape[1], generator=generator)
            for side in (kernels.left, kernels.right)
        ]
        directions.append([side / side.norm() for side in pair])
    sides = zip(*directions, strict=True)
    left, right = (torch.stack(list(side)).to(kernels.left) for side in sides)
    return RankOne(left, right).times(kernels.norms)


@torch.no_grad()
def unroll(model: CharLM, parts: RankOne, read: Tensor, shared: bool, state: str) -> Tensor:
    """A state of every step of a one-layer LSTM or GRU with each rank-one part in its kernel.

    model: gives embedding and biases. shared: whether its kernel is added to each rank-one part,
    which else is the whole kernel. read: int64 [time, batch]. state: c or h.
    Returns [time, k, batch, n].
    """
    index = model.cell.states.index(state)
    step = {"lstm": _lstm, "gru": _gru}[model.cell.name]
    weights = dict(model.layers[0].named_parameters())
    hidden = parts.right.shape[1] // 2
    table = weights["bias_ih_l0"].expand(len(model.embedding.weight), -1)
    if shared:
        table = table + model.embedding.weight @ weights["weight_ih_l0"].T
    drive = parts.right[:, :hidden] @ model.embedding.weight.T  # v_x · x for every symbol
    left, back = parts.left[:, None], parts.right[:, hidden:, None]
    size = (len(parts), read.shape[1], hidden)
    states = torch.zeros(2 if step is _lstm else 1, *size, device=read.device)
    out = torch.empty(len(read), *size, device=read.device)
    for t, symbols in enumerate(read):
        h = states[-1]
        # The gates are these two together: [k, batch, kernels · n] from x_t and from h_{t-1}.
        from_input = torch.addcmul(table[symbols], drive[:, symbols, None], left)
        if shared:
            flat = h.reshape(-1, hidden) @ weights["weight_hh_l0"].T
            from_state = (flat + weights["bias_hh_l0"]).view(*size[:2], -1)
        else:
            from_state = weights["bias_hh_l0"]
        from_state = torch.addcmul(from_state, h @ back, left)
        states = step(from_input, from_state, states)
        out[t] = states[index]
    return out


def _lstm(from_input: Tensor, from_state: Tensor, states: Tensor) -> Tensor:
    gates = from_input.add_(from_state)
    i, f, g, o = gates.chunk(4, 2)
    c = f.sigmoid() * states[0]
    c.addcmul_(i.sigmoid(), g.tanh())
    return torch.stack([c, o.sigmoid() * c.tanh()])


def _gru(from_input: Tensor, from_state: Tensor, states: Tensor) -> Tensor:
    reset, update, new = from_input.chunk(3, 2)
    reset_h, update_h, new_h = from_state.chunk(3, 2)
    fresh = torch.addcmul(new, (reset + reset_h).sigmoid(), new_h).tanh()
    return torch.lerp(fresh, states[0], (update + update_h).sigmoid())[None]
