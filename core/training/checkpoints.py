"""Tensors and facts as bytes: safetensors with a JSON header. Never pickle."""

from __future__ import annotations

import json
from typing import Any, Protocol

import safetensors
import safetensors.torch
from torch import Tensor

from core.errors import BadInput


class Checkpoint(Protocol):
    """Where a long computation leaves what it needs to go on after a kill."""

    def load(self) -> bytes | None: ...

    def save(self, data: bytes) -> None: ...


def pack(tensors: dict[str, Tensor], facts: dict[str, Any]) -> bytes:
    """Bytes that `unpack` turns back into the same tensors (on the CPU) and facts."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, metadata={"facts": json.dumps(facts)})


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `pack`. Raises BadInput for bytes that are not what `pack` wrote."""
    try:
        tensors = safetensors.torch.load(data)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        return tensors, json.loads(header["__metadata__"]["facts"])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise BadInput(
            "These are not weights this program wrote; train the model again."
        ) from error
