"""The linear recurrence c_t = keep_t c_{t−1} + new_t, of all steps at once, and matrices beside it.

A linear recurrence is associative, so blocks of steps are computed side by side and then joined
(G. Blelloch, "Prefix sums and their applications", 1990): about 2 √time short operations, and each
number is touched three times whatever the number of steps.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from core.cells.cell import READ

CHUNK = 64  # steps that a matrix memory takes at once


def linear(keep: Tensor, new: Tensor, begin: Tensor | None = None) -> Tensor:
    """c of every step, real or complex. keep, new: [time, ...]; begin: c before, [...] (0)."""
    if begin is not None:
        new = torch.cat([new[:1] + keep[:1] * begin, new[1:]])
    c: Tensor = _Recurrence.apply(keep, new)
    return c


def _states(keep: Tensor, new: Tensor) -> Tensor:
    """The states, without a gradient. keep, new: [time, ...] of one shape."""
    steps = len(new)
    block = math.isqrt(steps - 1) + 1
    padding = [0, 0] * (new.dim() - 1) + [0, -steps % block]
    c = functional.pad(new, padding).unflatten(0, (-1, block)).clone()
    kept = functional.pad(keep, padding).unflatten(0, (-1, block)).clone()
    for step in range(1, block):
        c[:, step].addcmul_(kept[:, step], c[:, step - 1])
        kept[:, step] *= kept[:, step - 1]
    for number in range(1, len(c)):
        c[number].addcmul_(kept[number], c[number - 1, -1])
    return c.flatten(0, 1)[:steps]


class _Recurrence(torch.autograd.Function):
    """The gradient is the same recurrence backwards: d_t = gradient_t + keep_{t+1} d_{t+1}."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, new: Tensor) -> Tensor:
        c = _states(keep, new)
        ctx.save_for_backward(keep, c)
        return c

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        keep, c = ctx.saved_tensors
        later = torch.cat([keep[1:], torch.zeros_like(keep[:1])]).conj()
        of_new = _states(later.flip(0), gradients[0].flip(0)).flip(0)
        before = torch.cat([torch.zeros_like(c[:1]), c[:-1]])
        return of_new * before.conj(), of_new


def chunks(steps: int) -> list[slice]:
    """The steps, `CHUNK` at a time."""
    return [slice(start, start + CHUNK) for start in range(0, steps, CHUNK)]


@cache
def _projection(size: int) -> Tensor:
    """A random matrix [size, READ], the same for every memory of that size (Johnson-Lindenstrauss).

    It changes distances between memories by about 1 / √(2 · READ) of their length.
    """
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, READ, generator=generator) / READ**0.5


def read(memory: Tensor) -> Tensor:
    """What decoders read of a memory: all of it up to `READ` numbers, else a projection to so many.

    memory: [..., size] -> [..., at most READ].
    """
    size = memory.shape[-1]
    return memory if size <= READ else memory @ _projection(size).to(memory.device)
