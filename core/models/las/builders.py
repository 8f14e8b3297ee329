"""Speech recognizers from a few choices, and what one makes of an utterance (paper, section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ValidationError

from core import profiles
from core.corpora.speech.spec import SpeechSpec
from core.errors import BadInput
from core.library import find_speech
from core.models.las.spec import Alignment, Half, LasSignatureSpec, LasSpec
from core.store import Store

if TYPE_CHECKING:
    from core.models.las.inspection import Inspection

# With a smaller share of attention's moves that do not go back, no frame belongs to a grapheme.
MONOTONE = 0.9


def speech(name: str, profile: str = "laptop", store: Store | None = None) -> SpeechSpec:
    """The spec of a speech corpus, as much of it as the profile takes; see `find_speech`."""
    return find_speech(name, *profiles.find(profile).listening.utterances, store=store)


def las_spec(
    corpus: SpeechSpec, profile: str = "laptop", reduction: Literal[4, 8] = 4, seed: int = 0
) -> LasSpec:
    """The spec of a recognizer on a speech corpus; its sizes and budget come from the profile."""
    listening = profiles.find(profile).listening
    return LasSpec(
        corpus=corpus,
        units=listening.units,
        reduction=reduction,
        attention=listening.attention,
        speller=listening.speller,
        embedding=listening.embedding,
        profile=profile,
        budget=listening.training,
        seed=seed,
    )


def las_signature(
    model: LasSpec,
    layer: str,
    state: Literal["c", "h"] = "c",
    half: Half = "both",
    alignment: Alignment = "attention",
) -> LasSignatureSpec:
    """The spec of the signature of one layer of a recognizer, by the model's profile.

    layer: 'encoder 1' and so on, 'query', 'context', or 'log-mel'; state: 'c' or 'h', of the LSTM
    layers. Raises BadInput with one sentence for a choice that does not exist.
    """
    listening = profiles.find(model.profile).listening
    try:
        return LasSignatureSpec(
            model=model,
            layer=layer,
            state=None if layer in ("context", "log-mel") else state,
            half=half,
            alignment=alignment,
            min_lag=listening.min_lag,
            max_lag=listening.max_lag,
            profile=model.profile,
            budget=listening.decoders,
            seed=model.seed,
        )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"There is no such signature: {said}.") from error


def layers(model: LasSpec) -> list[str]:
    """What can be probed of a recognizer, from the sound to the spelling."""
    return [*(f"encoder {n + 1}" for n in range(model.layers)), "context", "query"]


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
    """What a computed recognizer makes of an utterance, with every layer whose decoders are there.

    frames: log-mel [frames, mels] as `core.corpora.speech.logmel.log_mel` gives them; reference:
    the true text, normalized, where it is known. Raises BadInput if the model is not there.
    """
    from core.models.las.inspection import inspect
    from core.models.las.network import load
    from core.probes.mlp import Decoders

    artifacts = (store or Store()).artifacts
    weights = artifacts.get(model.key)
    if weights is None:
        raise BadInput("This recognizer has not been computed yet; ask for it first.")
    specs = [las_signature(model, layer) for layer in layers(model)]
    kept = {spec: data for spec in specs if (data := artifacts.get(spec.key))}
    decoders = {spec: Decoders.from_bytes(data) for spec, data in kept.items()}
    return inspect(load(model, weights), frames, reference, decoders)
