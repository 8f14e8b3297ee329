"""The row and the artifact of a network trained elsewhere, or of its untrained floor."""

from __future__ import annotations

import polars as pl

from core.errors import BadInput
from core.models.imported import reader
from core.models.imported.spec import ImportedSpec
from core.models.rows import model_row
from core.step import Inputs, Progress, Result
from core.training.checkpoints import Checkpoint, pack


def take_imported(
    spec: ImportedSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """The same network at random weights, the untrained floor.

    The weights of a trained one are stored when it is added: raises BadInput where they are gone.
    """
    if spec.trained:
        raise BadInput(f"The weights of {spec.name} are gone from the cache; add the model again.")
    model = reader.build(spec)
    size = sum(weight.numel() for weight in model.parameters())
    return result_of(reader.Network(spec, pack(model.state_dict(), {}), size))


def result_of(network: reader.Network) -> Result:
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
