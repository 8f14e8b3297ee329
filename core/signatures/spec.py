"""Decoders and the signature they measure."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from core.cells import CELLS
from core.models.language.spec import ImportedSpec, LanguageModelSpec, ModelSpec
from core.profiles import DecoderBudget
from core.spec import CorpusSpec, Spec


def known_state(name: str) -> str:
    """The name of a cell's state, or 'context', an n-gram's; ValueError for any other."""
    if name != "context" and not any(name in cell.states for cell in CELLS.values()):
        raise ValueError(f"no cell has a state {name!r}")
    return name


Decoder = Literal["mlp", "linear", "exact"]
State = Annotated[str, AfterValidator(known_state)]


class SignatureSpec(Spec):
    """The memory signature of one layer of one model, measured on one corpus (paper, section 4)."""

    kind: Literal["signature"] = "signature"
    model: LanguageModelSpec = Field(discriminator="kind")
    corpus: CorpusSpec
    layer: int = Field(ge=1)
    state: State
    decoder: Decoder
    max_lag: int = Field(ge=1, le=64)
    profile: str
    budget: DecoderBudget
    seed: int = 0
    table: ClassVar[str] = "signatures"

    def needs(self) -> list[str]:
        return [self.corpus.content, self.model.key]

    def steps(self) -> list[Spec]:
        """The model, the linear preview of trained decoders, and the signature itself."""
        own = [self.preview(), self] if self.decoder == "mlp" else [self]
        return [*self.model.steps(), *own]

    @model_validator(mode="after")
    def _layer_exists(self) -> SignatureSpec:
        if self.layer > self.model.layers:
            raise ValueError(f"layer {self.layer} of a network of {self.model.layers} layers")
        return self

    @property
    def stages(self) -> tuple[str, ...]:
        return ("states", self.decoder)

    @property
    def title(self) -> str:
        how = {"mlp": "signature", "linear": "linear preview", "exact": "exact signature"}
        return f"{how[self.decoder]}: {self.model.title}, layer {self.layer} ({self.state})"

    def preview(self) -> SignatureSpec:
        """The same signature by the closed-form linear decoder."""
        return self.model_copy(update={"decoder": "linear"})

    @property
    def floor(self) -> SignatureSpec | None:
        """The same decoders on the untrained network: the floor that needs no learning."""
        if not isinstance(self.model, ModelSpec | ImportedSpec) or not self.model.trained:
            return None
        return self.model_copy(update={"model": self.model.untrained()})
