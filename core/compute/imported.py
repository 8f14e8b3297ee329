"""Networks trained elsewhere: read as our own are, though nothing of them is trained here."""

from __future__ import annotations

import polars as pl

from core.checkpoints import Checkpoint, pack
from core.compute.base import Inputs, Progress, Result, run, where
from core.compute.language import Guesser, Scorer, guesser, network_scorer, scorer
from core.compute.signatures import Sources, network_sources, sources
from core.errors import BadInput
from core.models import char_lm, imported
from core.specs import ImportedSpec, SignatureSpec


@run.register
def _(
    spec: ImportedSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    if spec.trained:
        raise BadInput(f"The weights of {spec.name} are gone from the cache; add the model again.")
    model = imported.build(spec)
    size = sum(weight.numel() for weight in model.parameters())
    return taken(imported.Network(spec, pack(model.state_dict(), {}), size))


def taken(network: imported.Network) -> Result:
    """The row and the artifact of a network that has been read."""
    spec = network.spec
    row = {
        "key": spec.key,
        "kind": spec.kind,
        "title": spec.title,
        "cell": spec.cell,
        "layers": spec.layers,
        "hidden": spec.hidden,
        "trained": spec.trained,
        "parameters": network.parameters,
        "spec": spec.model_dump_json(),
        **where("cpu"),
    }
    return Result({"models": pl.DataFrame([row])}, {spec.key: network.weights})


@scorer.register
def _(member: ImportedSpec, frozen: bytes, device: str) -> Scorer:
    return network_scorer(imported.load(member, frozen), device)


@guesser.register
def _(member: ImportedSpec, inputs: Inputs, device: str) -> Guesser:
    model = imported.load(member, inputs[member.key]).to(device)
    return lambda segments: char_lm.score(model, segments, device)[1]


@sources.register
def _(model: ImportedSpec, spec: SignatureSpec, inputs: Inputs, device: str) -> Sources:
    network = imported.load(model, inputs[model.key])
    return network_sources(network, spec, inputs, device)
