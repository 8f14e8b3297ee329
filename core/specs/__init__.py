"""Specs: frozen descriptions of everything that can be computed, and their keys.

A spec nests the specs it depends on, so its key is the hash of the whole recipe: corpus
content, network, training budget, decoder budget, seed. Same key, same result.
"""

from typing import Annotated

from pydantic import Field, TypeAdapter

from core.specs.base import VERSIONS, CorpusSpec, Frozen, Spec
from core.specs.language import (
    ImportedSpec,
    LanguageModelSpec,
    MixtureSpec,
    ModelSpec,
    NgramSpec,
    TrainingBudget,
)
from core.specs.signature import Decoder, DecoderBudget, SignatureSpec, State

AnySpec = Annotated[
    ModelSpec | NgramSpec | ImportedSpec | MixtureSpec | SignatureSpec, Field(discriminator="kind")
]
SPECS: TypeAdapter[AnySpec] = TypeAdapter(AnySpec)  # reads any of them back from JSON

__all__ = [
    "SPECS",
    "VERSIONS",
    "AnySpec",
    "CorpusSpec",
    "Decoder",
    "DecoderBudget",
    "Frozen",
    "ImportedSpec",
    "LanguageModelSpec",
    "MixtureSpec",
    "ModelSpec",
    "NgramSpec",
    "SignatureSpec",
    "Spec",
    "State",
    "TrainingBudget",
]
