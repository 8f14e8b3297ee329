"""Tensors and facts as bytes: safetensors with a JSON header. Never pickle.

Facts are read without torch, which takes seconds to load.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from safetensors import SafetensorError

from core.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


class Checkpoint(Protocol):
    """Where a long computation leaves what it needs to go on after a kill."""

    def load(self) -> bytes | None: ...

    def save(self, data: bytes) -> None: ...


def pack(tensors: dict[str, Tensor], facts: dict[str, Any]) -> bytes:
    """Bytes that `unpack` turns back into the same tensors (on the CPU) and facts."""
    import safetensors.torch

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, metadata={"facts": json.dumps(facts)})


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `pack`. Raises BadInput for bytes that are not what `pack` wrote."""
    import safetensors.torch

    try:
        return safetensors.torch.load(data), facts(data)
    except SafetensorError as error:
        raise _foreign() from error


def facts(data: bytes) -> dict[str, Any]:
    """The facts alone of what `pack` wrote. Raises BadInput for other bytes."""
    size = int.from_bytes(data[:8], "little")
    try:
        found: dict[str, Any] = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["facts"])
    except (ValueError, KeyError) as error:
        raise _foreign() from error
    return found


def _foreign() -> BadInput:
    return BadInput("These are not weights this program wrote; train the model again.")
