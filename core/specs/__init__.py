"""Specs: frozen descriptions of everything that can be computed, and their keys.

A spec nests the specs it depends on, so its key is the hash of the whole recipe: corpus
content, network, training budget, decoder budget, seed. Same key, same result.
"""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from core.specs.base import VERSIONS, CorpusSpec, Frozen, Spec, TrainingBudget
from core.specs.factorized import (
    AtlasBudget,
    AtlasSpec,
    FactorizedSpec,
    KernelSpec,
    PrunedSpec,
    PruningSpec,
)
from core.specs.language import (
    ImportedSpec,
    LanguageModelSpec,
    MixtureSpec,
    ModelSpec,
    NgramSpec,
)
from core.specs.las import LasBudget, LasSignatureSpec, LasSpec
from core.specs.signature import Decoder, DecoderBudget, SignatureSpec, State
from core.specs.speech import SpeechSpec

AnySpec = Annotated[
    ModelSpec
    | NgramSpec
    | ImportedSpec
    | FactorizedSpec
    | KernelSpec
    | PrunedSpec
    | AtlasSpec
    | PruningSpec
    | MixtureSpec
    | SignatureSpec
    | SpeechSpec
    | LasSpec
    | LasSignatureSpec,
    Field(discriminator="kind"),
]
SPECS: TypeAdapter[AnySpec] = TypeAdapter(AnySpec)  # reads any of them back from JSON


def known(text: str) -> AnySpec | None:
    """The spec that this JSON holds; None for one of another version of the product."""
    try:
        return SPECS.validate_json(text)
    except ValidationError:
        return None


__all__ = [
    "SPECS",
    "VERSIONS",
    "AnySpec",
    "AtlasBudget",
    "AtlasSpec",
    "CorpusSpec",
    "Decoder",
    "DecoderBudget",
    "FactorizedSpec",
    "Frozen",
    "ImportedSpec",
    "KernelSpec",
    "LanguageModelSpec",
    "LasBudget",
    "LasSignatureSpec",
    "LasSpec",
    "MixtureSpec",
    "ModelSpec",
    "NgramSpec",
    "PrunedSpec",
    "PruningSpec",
    "SignatureSpec",
    "Spec",
    "SpeechSpec",
    "State",
    "TrainingBudget",
    "known",
]
