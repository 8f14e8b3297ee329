"""Specs: frozen descriptions of everything that can be computed, and their keys.

A spec nests the specs it depends on, so its key is the hash of the whole recipe: corpus
content, network, training budget, decoder budget, seed. Same key, same result.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

# The algorithm version of each stage. Bump one when its results change: every key that goes
# through the stage changes with it, so nothing stale is ever shown.
VERSIONS = {
    "corpus": 1,
    "char_lm": 1,
    "ngram": 1,
    "states": 1,
    "mlp": 1,
    "linear": 1,
    "exact": 1,
    "mixture": 1,
}

Decoder = Literal["mlp", "linear", "exact"]
State = Literal["c", "h", "context"]


class Frozen(BaseModel):
    """Immutable, hashable, strict about unknown fields; nests in others of its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def identity(self) -> dict[str, Any]:
        """Every field, nested ones by their own identity: what a key is the hash of."""
        return {name: _identity(getattr(self, name)) for name in type(self).model_fields}


def _identity(value: Any) -> Any:
    if isinstance(value, Frozen):
        return value.identity()
    return [_identity(part) for part in value] if isinstance(value, tuple) else value


class Spec(Frozen):
    """Something that can be computed."""

    kind: str
    table: ClassVar[str]  # whose row says that it has been computed

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words for a person."""

    @property
    @abstractmethod
    def stages(self) -> tuple[str, ...]:
        """The stages of `VERSIONS` that it goes through itself."""

    def needs(self) -> list[str]:
        """Keys of the artifacts it is computed from."""
        return []

    def steps(self) -> list[Spec]:
        """Everything a job for this spec computes, in the order a person wants to see it."""
        return [self]

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"versions": {stage: VERSIONS[stage] for stage in self.stages}}

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of `identity()`, 64 hex digits."""
        canonical = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class CorpusSpec(Spec):
    """A corpus by the hash of its segments and split; the name is only for people."""

    kind: Literal["corpus"] = "corpus"
    name: str
    content: str = Field(pattern=r"^[0-9a-f]{64}$")
    table: ClassVar[str] = "corpora"

    @property
    def title(self) -> str:
        return self.name

    @property
    def stages(self) -> tuple[str, ...]:
        return ("corpus",)

    @property
    def key(self) -> str:
        """The content hash: the name changes nothing."""
        return self.content

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "content": self.content}


class TrainingBudget(Frozen):
    """How long and how a language model is trained.

    symbols: training symbols used of the corpus (None: all). epochs: passes at most.
    batch: symbols a minibatch. keeps: keep probabilities tried, the best on dev wins.
    patience: epochs without a better dev perplexity before it stops.
    """

    symbols: int | None
    epochs: int
    batch: int
    learning_rate: float
    keeps: tuple[float, ...]
    patience: int
    evaluate: int | None  # dev symbols scored after each epoch, and test symbols at the end


class DecoderBudget(Frozen):
    """How decoders are trained and measured.

    states, dev_states, test_states: recurrent states used of each split (None: all).
    epochs, batch, learning_rate: passes over the states, states a minibatch, the one-cycle peak.
    keeps: keep probabilities swept, chosen on dev per decoder.
    widths: multiples of the paper's kernel rule that are swept, chosen on dev.
    depth: hidden layers.
    """

    states: int | None
    dev_states: int | None
    test_states: int | None
    epochs: int
    batch: int
    learning_rate: float
    keeps: tuple[float, ...]
    widths: tuple[float, ...]
    depth: int


class ModelSpec(Spec):
    """A character language model: `layers` stacked cells of `hidden` units on one corpus.

    init_from: the model whose weights it starts from (retraining, the paper's section 6).
    fraction: share of the train split's symbols it may use, seeded.
    trained: False is the same network at its initial weights, the untrained floor.
    """

    kind: Literal["char_lm"] = "char_lm"
    corpus: CorpusSpec
    cell: str
    layers: int = Field(ge=1, le=16)
    hidden: int = Field(ge=1, le=4096)
    profile: str
    budget: TrainingBudget
    seed: int = 0
    init_from: ModelSpec | None = None
    fraction: float = Field(default=1.0, gt=0, le=1)
    trained: bool = True
    table: ClassVar[str] = "models"

    @property
    def stages(self) -> tuple[str, ...]:
        return ("char_lm",)

    @property
    def title(self) -> str:
        name = f"{self.cell.upper()} [{self.layers},{self.hidden}]"
        if self.init_from:
            name = f"{name} on {self.init_from.corpus.name}, retrained"
        untrained = "" if self.trained else "untrained "
        return f"{untrained}{name} on {_share(self.fraction)}{self.corpus.name}"

    def needs(self) -> list[str]:
        return [self.corpus.content, *([self.init_from.key] if self.init_from else [])]

    def steps(self) -> list[Spec]:
        return [*(self.init_from.steps() if self.init_from else []), self]

    def untrained(self) -> ModelSpec:
        """The same network at its initial weights, whatever it was to be trained on."""
        return self.model_copy(update={"trained": False, "init_from": None, "fraction": 1.0})


class NgramSpec(Spec):
    """A modified Kneser-Ney n-gram; symbols, fraction and seed draw its text as a ModelSpec's."""

    kind: Literal["ngram"] = "ngram"
    corpus: CorpusSpec
    order: int = Field(ge=2, le=6)
    profile: str
    symbols: int | None
    evaluate: int | None
    seed: int = 0
    fraction: float = Field(default=1.0, gt=0, le=1)
    layers: ClassVar[int] = 1
    table: ClassVar[str] = "models"

    @property
    def stages(self) -> tuple[str, ...]:
        return ("ngram",)

    @property
    def title(self) -> str:
        return f"{self.order}-gram on {_share(self.fraction)}{self.corpus.name}"

    def needs(self) -> list[str]:
        return [self.corpus.content]


LanguageModelSpec = ModelSpec | NgramSpec


class MixtureSpec(Spec):
    """Perplexity of one language model, or of several interpolated, on a corpus.

    The weights are fitted on dev by expectation maximization; evaluate: symbols scored of dev and
    of test (None: all).
    """

    kind: Literal["mixture"] = "mixture"
    members: tuple[LanguageModelSpec, ...] = Field(min_length=1)
    corpus: CorpusSpec
    profile: str
    evaluate: int | None
    seed: int = 0
    table: ClassVar[str] = "perplexities"

    @property
    def stages(self) -> tuple[str, ...]:
        return ("mixture",)

    @property
    def title(self) -> str:
        return (
            f"perplexity of {' + '.join(member.title for member in self.members)}, "
            f"scored on {self.corpus.name}"
        )

    def needs(self) -> list[str]:
        return [self.corpus.content, *(member.key for member in self.members)]

    def steps(self) -> list[Spec]:
        models = [step for member in self.members for step in member.steps()]
        return [*dict.fromkeys(models), self]  # one source may serve several members


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
        if isinstance(self.model, NgramSpec) or not self.model.trained:
            return None
        return self.model_copy(update={"model": self.model.untrained()})


def _share(fraction: float) -> str:
    return "" if fraction == 1 else f"{100 * fraction:g} % of "


AnySpec = Annotated[
    ModelSpec | NgramSpec | MixtureSpec | SignatureSpec, Field(discriminator="kind")
]
SPECS: TypeAdapter[AnySpec] = TypeAdapter(AnySpec)  # reads any of them back from JSON
