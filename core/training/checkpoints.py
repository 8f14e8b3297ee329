"""Tensors and facts as bytes: safetensors with a JSON header. Never pickle."""

from __future__ import annotations

import json
from typing import Any, Protocol

import safetensors
import safetensors.torch
from torch import Tensor, nn
from torch.optim import Optimizer

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


def pack_run(
    model: nn.Module, best: dict[str, Tensor], optimizer: Optimizer, facts: dict[str, Any]
) -> bytes:
    """A training run in the middle: its weights, the best so far, and the optimizer's moments."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
    return pack(tensors, facts)


def unpack_run(
    saved: bytes, model: nn.Module, optimizer: Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Puts a run's weights and moments back in place; returns its best weights and its facts.

    Raises BadInput for bytes that are not what `pack_run` wrote.
    """
    tensors, facts = unpack(saved)
    moments: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    best: dict[str, Tensor] = {}
    for name, value in tensors.items():
        part, rest = name.split(".", 1)
        if part == "adam":
            index, moment = rest.split(".")
            moments.setdefault(int(index), {})[moment] = value
        else:
            (best if part == "best" else weights)[rest] = value
    model.load_state_dict(weights)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    return best, facts
