"""Every kind of thing that can be computed: its spec, and how it becomes rows and bytes.

A spec nests the specs it depends on, so its key is the hash of the whole recipe: corpus
content, network, training budget, decoder budget, seed. Same key, same result.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from core.corpora.speech.spec import SpeechSpec
from core.models.factorized.spec import (
    AtlasSpec,
    FactorizedSpec,
    KernelSpec,
    PrunedSpec,
    PruningSpec,
)
from core.models.language.spec import ImportedSpec, MixtureSpec, ModelSpec, NgramSpec
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.step import Inputs, Progress, Result
from core.training.checkpoints import Checkpoint

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


def run(
    spec: Spec, inputs: Inputs, progress: Progress, checkpoint: Checkpoint | None = None
) -> Result:
    """Computes one spec. inputs: the bytes of everything in `spec.needs()`, by key."""
    from core import step
    from core.corpora.speech import step as _speech  # noqa: F401
    from core.models.factorized import atlas, pruning  # noqa: F401
    from core.models.factorized import step as _factorized  # noqa: F401
    from core.models.imported import step as _imported  # noqa: F401
    from core.models.language import step as _language  # noqa: F401
    from core.models.las import step as _las  # noqa: F401
    from core.signatures import step as _signatures  # noqa: F401

    return step.run(spec, inputs, progress, checkpoint)
