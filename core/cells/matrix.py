"""What the cells with a matrix memory share: heads of queries, keys and values, and two gates each.

A layer is a module with `read`, the rows of q, k, v and of the two gates, and `leave`, those of o.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

KEYS = 16  # numbers of a key: a memory has so many columns


class HeadInputs(NamedTuple):
    """What a layer reads: q, k, v [batch, heads, time, size]; its gates [batch, heads, time]."""

    q: Tensor
    k: Tensor
    v: Tensor
    first: Tensor
    second: Tensor

    def part(self, steps: slice) -> HeadInputs:
        """That of some steps."""
        return HeadInputs(*(values[:, :, steps] for values in self))


def heads(hidden: int) -> int:
    """How many memories a layer has: each of about as many rows as columns."""
    most = max(1, hidden // KEYS)
    return next(count for count in range(most, 0, -1) if hidden % count == 0)


def layer(inputs: int, hidden: int) -> Any:
    """The module (nn.Module) of one layer, with torch's initial weights."""
    from torch import nn

    one = nn.Module()
    one.read = nn.Linear(inputs, 2 * heads(hidden) * KEYS + hidden + 2 * heads(hidden))
    one.leave = nn.Linear(inputs, hidden)
    return one


def reading(layer: Any, x: Tensor) -> HeadInputs:
    """What a layer reads of x [time, batch, inputs], before any nonlinearity."""
    hidden = layer.leave.out_features
    count = heads(hidden)
    sizes = [count * KEYS, count * KEYS, hidden, count, count]
    q, k, v, first, second = (
        part.unflatten(-1, (count, -1)).permute(1, 2, 0, 3)
        for part in layer.read(x).split(sizes, -1)
    )
    return HeadInputs(q, k, v, first[..., 0], second[..., 0])


def weights(hidden: int) -> int:
    """Weights of a layer between layers of its size: of q, k, v, the gates and o."""
    return 2 * hidden**2 + 2 * (KEYS + 1) * heads(hidden) * hidden
