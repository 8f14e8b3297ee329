"""A network trained elsewhere that has been read and checked: its row, and what to know of it.

Its files are read in a process of their own, and nothing here loads torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from core.child import Child, Died
from core.errors import BadInput
from core.models.imported.spec import ImportedSpec
from core.models.rows import model_row
from core.step import Result
from core.training.checkpoints import facts

# Of the process that reads: some copies of 200 MB as float32.
READER, SECONDS, MEMORY_MB = "core.models.imported.reader:answer", 120, 4_000


@dataclass(frozen=True)
class Network:
    """A checked network: its spec, its weights as `reader.load` takes them, its size as it came."""

    spec: ImportedSpec
    weights: bytes
    parameters: int

    def to_bytes(self) -> bytes:
        head = {"spec": self.spec.model_dump_json(), "parameters": self.parameters}
        return json.dumps(head).encode() + b"\n" + self.weights

    @classmethod
    def from_bytes(cls, data: bytes) -> Network:
        """The inverse of `to_bytes`."""
        line, _, weights = data.partition(b"\n")
        head = json.loads(line)
        spec = ImportedSpec.model_validate_json(head["spec"])
        return cls(spec, weights, head["parameters"])


def read_apart(data: bytes, description: bytes, name: str) -> Network:
    """`reader.read` in a process of its own; BadInput also if it takes too much time or memory."""
    with Child(READER, MEMORY_MB) as child:
        try:
            both, described = description + data, len(description)
            return Network.from_bytes(
                child.ask(both, seconds=SECONDS, name=name, described=described)
            )
        except Died as problem:
            raise BadInput(
                f"{name} cannot be read, because {problem}: write its state dict anew with "
                "safetensors.torch.save_file."
            ) from problem


def result_of(network: Network) -> Result:
    """The row and the artifact of a network that has been read."""
    spec = network.spec
    row = model_row(
        spec,
        "cpu",
        cell=spec.cell,
        layers=spec.layers,
        hidden=spec.hidden,
        trained=spec.trained,
        parameters=network.parameters,
    )
    return Result({"models": pl.DataFrame([row])}, {spec.key: network.weights})


def notes(frozen: bytes) -> list[str]:
    """What a person should know of a network, from its weights."""
    return list(facts(frozen).get("notes", []))
