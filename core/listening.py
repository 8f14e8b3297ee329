"""How a computed recognizer transcribes an utterance, and whether its figures may be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core import profiles
from core.corpora.speech.spec import SpeechSpec
from core.errors import BadInput
from core.library import find_speech
from core.models.las.builders import las_signature, layers
from core.models.las.spec import LasSpec
from core.store import Store

if TYPE_CHECKING:
    from core.models.las.inspection import Inspection

# With a smaller share of attention's moves that do not go back, no frame belongs to a grapheme.
MONOTONE = 0.9


def speech(name: str, profile: str = "laptop", store: Store | None = None) -> SpeechSpec:
    """The spec of a speech corpus, as much of it as the profile takes; see `find_speech`."""
    return find_speech(name, *profiles.find(profile).listening.utterances, store=store)


def refusal(model: LasSpec, store: Store | None = None) -> str | None:
    """Why the signatures of a computed recognizer must not be drawn, in one sentence, or None."""
    rows = (store or Store()).query("SELECT monotone, cer FROM models WHERE key = ?", [model.key])
    if rows.is_empty() or rows["monotone"][0] >= MONOTONE:
        return None
    return (
        f"This model's attention follows the speech in only {rows['monotone'][0]:.0%} of its moves "
        f"(character error rate {rows['cer'][0]:.0%}), so its frames cannot be paired with "
        "graphemes: choose a larger profile or more speech."
    )


def listen(
    model: LasSpec, frames: np.ndarray, reference: str | None = None, store: Store | None = None
) -> Inspection:
    """How a recognizer transcribes an utterance, and what each layer with decoders recalls.

    frames: log-mel [frames, mels] as `core.corpora.speech.logmel.log_mel` gives them; reference:
    the true text, normalized, where it is known. Raises BadInput if the model is not computed.
    """
    from core.models.las.inspection import inspect
    from core.models.las.network import load
    from core.probes.mlp import Decoders

    artifacts = (store or Store()).artifacts
    weights = artifacts.get(model.key)
    if weights is None:
        raise BadInput("This recognizer has not been computed yet; ask for it first.")
    specs = [las_signature(model, layer) for layer in layers(model)]
    stored = {spec: data for spec in specs if (data := artifacts.get(spec.key))}
    decoders = {spec: Decoders.from_bytes(data) for spec, data in stored.items()}
    return inspect(load(model, weights), frames, reference, decoders)
