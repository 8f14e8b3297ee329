"""Networks trained elsewhere: read as our own are, though nothing of them is trained here."""

from __future__ import annotations

import polars as pl

from core.errors import BadInput
from core.models.imported import reader
from core.models.language import char_lm
from core.models.language.spec import ImportedSpec
from core.models.language.step import Guesser, Scorer, guesser, network_scorer, scorer
from core.signatures.spec import SignatureSpec
from core.signatures.step import Sources, network_sources, sources
from core.step import Inputs, Progress, Result, run, where
from core.training.checkpoints import Checkpoint, pack


@run.register
def _(
    spec: ImportedSpec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    if spec.trained:
        raise BadInput(f"The weights of {spec.name} are gone from the cache; add the model again.")
    model = reader.build(spec)
    size = sum(weight.numel() for weight in model.parameters())
    return taken(reader.Network(spec, pack(model.state_dict(), {}), size))


def taken(network: reader.Network) -> Result:
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
    return network_scorer(reader.load(member, frozen), device)


@guesser.register
def _(member: ImportedSpec, inputs: Inputs, device: str) -> Guesser:
    model = reader.load(member, inputs[member.key]).to(device)
    return lambda segments: char_lm.score(model, segments, device)[1]


@sources.register
def _(model: ImportedSpec, spec: SignatureSpec, inputs: Inputs, device: str) -> Sources:
    network = reader.load(model, inputs[model.key])
    return network_sources(network, spec, inputs, device)
