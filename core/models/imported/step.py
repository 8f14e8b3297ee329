"""The untrained floor of a network trained elsewhere."""

from __future__ import annotations

from core.errors import BadInput
from core.models.imported import reader
from core.models.imported.network import Network, result_of
from core.models.imported.spec import ImportedSpec
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
    return result_of(Network(spec, pack(model.state_dict(), {}), size))
