"""Every kind of thing that can be computed: the one file that names them all.

A spec nests the specs it depends on, so its key is the hash of the whole recipe: corpus content,
network, training budget, decoder budget, seed. Same key, same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field, TypeAdapter, ValidationError

from core.corpora.speech.spec import CodebookSpec, SpeechSpec
from core.models.factorized.spec import (
    AtlasSpec,
    FactorizedSpec,
    KernelSpec,
    PrunedSpec,
    PruningSpec,
)
from core.models.imported.spec import ImportedSpec
from core.models.language.spec import ModelSpec
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.models.mixture.spec import MixtureSpec
from core.models.ngram.spec import NgramSpec
from core.signatures.spec import DetectorSpec, SignatureSpec
from core.spec import Spec

if TYPE_CHECKING:
    from core.models.base import LanguageModel, LanguageModelSpec
    from core.step import Inputs, Progress, Result
    from core.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Kind:
    """One kind of spec.

    step: the function that computes it, as 'module:function' below `core`, which is imported when
    it is first called: specs are read without torch. model: the function that loads a language
    model from its artifact, of those kinds whose states can be decoded.
    """

    spec: type[Spec]
    step: str
    model: str | None = None


_KINDS = (
    Kind(ModelSpec, "models.language.step:train_model", "models.language.model:load"),
    Kind(NgramSpec, "models.ngram.step:estimate_ngram", "models.ngram.model:load"),
    Kind(ImportedSpec, "models.imported.step:take_imported", "models.imported.model:load"),
    Kind(FactorizedSpec, "models.factorized.step:train_factorized", "models.factorized.model:load"),
    Kind(KernelSpec, "models.factorized.step:take_kernel", "models.factorized.model:load"),
    Kind(PrunedSpec, "models.factorized.step:measure_pruned", "models.factorized.model:load"),
    Kind(AtlasSpec, "models.factorized.atlas:measure_atlas"),
    Kind(PruningSpec, "models.factorized.pruning:rank_bases"),
    Kind(MixtureSpec, "models.mixture.step:measure_mixture"),
    Kind(SignatureSpec, "signatures.step:measure_signature"),
    Kind(DetectorSpec, "signatures.seen:measure_detectors"),
    Kind(SpeechSpec, "corpora.speech.step:read_speech"),
    Kind(CodebookSpec, "corpora.speech.units:fit_codebook"),
    Kind(LasSpec, "models.las.step:train_recognizer"),
    Kind(LasSignatureSpec, "models.las.step:measure_layer"),
)
KINDS: dict[str, Kind] = {kind.spec.model_fields["kind"].default: kind for kind in _KINDS}

# Reads any of them back from JSON. The union is put together when the program runs.
_ANY: Any = Union[tuple(kind.spec for kind in _KINDS)]  # noqa: UP007
SPECS: TypeAdapter[Spec] = TypeAdapter(Annotated[_ANY, Field(discriminator="kind")])


@lru_cache(4096)  # the queue and the estimates read the same specs again and again
def known(text: str) -> Spec | None:
    """The spec that this JSON holds; None for one of another version of the product."""
    try:
        return SPECS.validate_json(text)
    except ValidationError:
        return None


def run(
    spec: Spec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Computes one spec. inputs: the bytes of everything in `spec.needs()`, by key."""
    result: Result = _function(KINDS[spec.kind].step)(spec, inputs, progress, checkpoint)
    return result


def load_model(spec: LanguageModelSpec, artifact: bytes, device: str) -> LanguageModel:
    """The frozen language model of a spec, from the bytes under its key."""
    path = KINDS[spec.kind].model
    assert path, f"a {spec.kind} has no states"
    model: LanguageModel = _function(path)(spec, artifact, device)
    return model


def _function(path: str) -> Callable[..., Any]:
    module, name = path.split(":")
    function: Callable[..., Any] = getattr(import_module(f"core.{module}"), name)
    return function
