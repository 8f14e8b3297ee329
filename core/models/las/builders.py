"""Specs of speech recognizers and of their layers' signatures, by the profile (section 8)."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from core import profiles
from core.corpora.speech.spec import CodebookSpec, SpeechSpec, Units
from core.errors import BadInput
from core.models.las.spec import Alignment, Half, LasSignatureSpec, LasSpec


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
    units: Units | None = None,
) -> LasSignatureSpec:
    """The spec of the signature of one layer of a recognizer, by the model's profile.

    layer: 'encoder 1' and so on, 'query', 'context', or 'log-mel'; state: 'c' or 'h', of the LSTM
    layers. units: how many units of sound are recalled (None: symbols). Raises BadInput with one
    sentence for a choice that does not exist.
    """
    listening = profiles.find(model.profile).listening
    frames = model.reduction if units else 1  # to a lag
    try:
        return LasSignatureSpec(
            model=model,
            layer=layer,
            state=None if layer in ("context", "log-mel") else state,
            half=half,
            alignment=alignment,
            min_lag=listening.min_lag * frames,
            max_lag=listening.max_lag * frames,
            profile=model.profile,
            budget=listening.decoders,
            seed=model.seed,
            codebook=CodebookSpec(corpus=model.corpus, units=units) if units else None,
        )
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"There is no such signature: {why}.") from error


def layers(model: LasSpec) -> list[str]:
    """What can be probed of a recognizer, from the sound to the spelling."""
    return [*(f"encoder {n + 1}" for n in range(model.layers)), "context", "query"]
