"""Language models: recurrent networks, n-grams, networks trained elsewhere, mixtures of them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from core.cells import CellName, FactorizableName, label
from core.models.factorized.spec import FactorizedSpec, KernelSpec, PrunedSpec
from core.profiles import TrainingBudget
from core.spec import CorpusSpec, Spec


class ModelSpec(Spec):
    """A character language model: `layers` stacked cells of `hidden` units on one corpus.

    init_from: the model whose weights it starts from (retraining, the paper's section 6).
    fraction: share of the train split's symbols it may use, seeded.
    trained: False is the same network at its initial weights, the untrained floor.
    """

    kind: Literal["char_lm"] = "char_lm"
    corpus: CorpusSpec
    cell: CellName
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
        name = f"{label(self.cell)} [{self.layers},{self.hidden}]"
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


class ImportedSpec(Spec):
    """A network trained elsewhere, by the hash of its weights; the name is only for people.

    The weights are stored in the order of our symbols, so their hash speaks of that order too.
    weights: None for a network of the same shape at random weights, the untrained floor.
    embedding: units of the symbols' embedding; outputs: its predicted symbols, ours first.
    """

    kind: Literal["imported"] = "imported"
    name: str
    weights: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    cell: FactorizableName  # the layout of whose weights is known
    layers: int = Field(ge=1, le=16)
    hidden: int = Field(ge=1, le=4096)
    embedding: int = Field(ge=1, le=4096)
    outputs: int = Field(ge=1, le=256)
    table: ClassVar[str] = "models"

    @property
    def stages(self) -> tuple[str, ...]:
        return ("imported",)

    @property
    def title(self) -> str:
        untrained = "" if self.trained else "untrained "
        return f"{untrained}{self.name} ({label(self.cell)} [{self.layers},{self.hidden}])"

    @property
    def trained(self) -> bool:
        """False for the same network at random weights."""
        return self.weights is not None

    def untrained(self) -> ImportedSpec:
        """A network of the same shape at random weights."""
        return self.model_copy(update={"weights": None})

    def identity(self) -> dict[str, Any]:
        whole = super().identity()
        del whole["name"]
        return whole


LanguageModelSpec = ModelSpec | NgramSpec | ImportedSpec | FactorizedSpec | KernelSpec | PrunedSpec


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


def _share(fraction: float) -> str:
    return "" if fraction == 1 else f"{100 * fraction:g} % of "
