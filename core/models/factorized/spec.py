"""Factorized recurrent kernels (paper, section 7): the model, its parts, its atlas, its pruning.

The recurrent kernel is W₀ + Σ λᵢ uᵢ vᵢᵀ with one rank-one basis for each of the 34² bigrams; λ are
the bigram statistics of the text around.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from core.cells import FactorizableName, label
from core.models.base import LanguageModelSpec
from core.profiles import AtlasBudget, TrainingBudget
from core.spec import WHOLE_CORPUS, CorpusSpec, Spec
from core.text import N_SYMBOLS, SYMBOLS

LambdaFrom = Literal["previous", "domain", "oracle"]
Part = Literal["full", "base", "basis", "base+basis", "without", "control"]
Rule = Literal["recall", "norm", "lambda", "leave-one-out", "random"]
RULES: tuple[Rule, ...] = get_args(Rule)
Bigram = tuple[str, str]

BATCH = 512  # states a minibatch of the decoders of an atlas
OF_ONE_BASIS = ("basis", "base+basis", "without", "control")


class FactorizedSpec(LanguageModelSpec):
    """A character language model with a factorized kernel, trained on a mix of two corpora.

    bases: False is the plain network of the same size on the same mix, minibatch by minibatch.
    lambda_from: where λ of a window of segments comes from: the window before it, the whole train
        split of its corpus, or ('oracle') itself, which leaks the future.
    window: consecutive segments that share λ.
    scale: 'unit' gives λ the L2 norm 1, 'sum' leaves it as frequencies that sum to 1.
    budget: its `symbols` and `evaluate` hold for each of the two corpora.
    """

    kind: Literal["factorized"] = "factorized"
    corpora: tuple[CorpusSpec, CorpusSpec]
    cell: FactorizableName
    hidden: int = Field(ge=1, le=4096)
    bases: bool = True
    lambda_from: LambdaFrom = "previous"
    window: int = Field(default=32, ge=1)
    scale: Literal["unit", "sum"] = "unit"
    profile: str
    budget: TrainingBudget
    seed: int = 0
    layers: ClassVar[int] = 1
    stages: ClassVar[tuple[str, ...]] = ("factorized",)
    pace: ClassVar[tuple[str, ...]] = ("cell", "hidden", "bases")

    @property
    def name(self) -> str:
        """The network in short, without what it was trained on."""
        return f"{'factorized ' if self.bases else ''}{label(self.cell)} [1,{self.hidden}]"

    @property
    def mix(self) -> str:
        """The names of its corpora."""
        return " + ".join(corpus.name for corpus in self.corpora)

    @property
    def title(self) -> str:
        return f"{self.name} on {self.mix}"

    def needs(self) -> list[str]:
        return [corpus.content for corpus in self.corpora]

    def work(self) -> float:
        budget = self.budget
        weights = 8 * self.hidden**2 + 70 * self.hidden
        read = 2 * budget.epochs * len(budget.keeps) * (budget.symbols or WHOLE_CORPUS)
        # Forming the kernel of a minibatch takes about as much again as half of the recurrence.
        return (read * 6 + 4 * (budget.evaluate or WHOLE_CORPUS / 20)) * weights * 1.5 / 1e9


class _Derived(LanguageModelSpec):
    """A model that is made from a trained factorized one."""

    layers: ClassVar[int] = 1
    stages: ClassVar[tuple[str, ...]] = ("factorized",)

    if TYPE_CHECKING:

        @property
        def model(self) -> FactorizedSpec: ...

    @property
    def hidden(self) -> int:
        return self.model.hidden

    @property
    def cell(self) -> str:
        return self.model.cell


class KernelSpec(_Derived):
    """The frozen recurrence of a factorized model with part of its kernel, λ being fixed.

    part: 'full' (λ at its mean over the training mix), 'base' (W₀ alone), 'basis' (one alone),
        'base+basis', 'without' (full, one left out), 'control' (a random rank-one kernel of the
        basis's norm, alone). Biases, embedding and projection stay.
    bigram: the basis, where the part has one.
    strength: λ of that basis in 'basis', 'base+basis' and 'control', the same for every basis.
    """

    kind: Literal["kernel"] = "kernel"
    model: FactorizedSpec
    part: Part
    bigram: Bigram | None = None
    strength: float = 1.0

    @model_validator(mode="after")
    def _bigram_fits(self) -> KernelSpec:
        if (self.bigram is not None) != (self.part in OF_ONE_BASIS):
            raise ValueError(f"the part {self.part!r} with the bigram {self.bigram}")
        if self.bigram and not set(self.bigram) <= set(SYMBOLS):
            raise ValueError(f"{self.bigram} is no bigram of the alphabet")
        if not self.model.bases:
            raise ValueError("a plain network has no bases")
        return self

    @property
    def title(self) -> str:
        name = f"'{''.join(self.bigram)}'" if self.bigram else ""
        what = {
            "full": "full kernel",
            "base": "W₀",
            "basis": f"basis {name}",
            "base+basis": f"W₀ + basis {name}",
            "without": f"full kernel without {name}",
            "control": f"random kernel of the norm of {name}",
        }
        return f"{what[self.part]} of {self.model.title}"

    def needs(self) -> list[str]:
        return [self.model.key]

    def steps(self) -> list[Spec]:
        return [*self.model.steps(), self]

    def work(self) -> float:
        return 1.0


class AtlasSpec(Spec):
    """The linear signatures of all 1,156 bases of a factorized model, on one corpus.

    first: one row of the map, the bases of bigrams that begin with this symbol; None is the whole
    atlas, a job whose steps are the rows, so that the map fills while it runs.
    strength: as of a KernelSpec.
    """

    kind: Literal["atlas"] = "atlas"
    model: FactorizedSpec
    corpus: CorpusSpec
    first: str | None = None
    strength: float = 1.0
    max_lag: int = Field(ge=1, le=64)
    profile: str
    budget: AtlasBudget
    seed: int = 0
    table: ClassVar[str] = "atlases"
    stages: ClassVar[tuple[str, ...]] = ("states", "linear", "atlas")

    @property
    def title(self) -> str:
        row = f", bases of '{self.first}'" if self.first else ""
        return f"atlas{row}: {self.model.title}, measured on {self.corpus.name}"

    @property
    def rows(self) -> list[AtlasSpec]:
        """The rows of the map, in the order of the alphabet."""
        return [self.model_copy(update={"first": symbol}) for symbol in SYMBOLS]

    @property
    def whole(self) -> AtlasSpec:
        return self.model_copy(update={"first": None})

    def needs(self) -> list[str]:
        rows = [] if self.first else [row.key for row in self.rows]
        return [*self.model.needs(), self.corpus.content, self.model.key, *rows]

    def steps(self) -> list[Spec]:
        return [*self.model.steps(), *([] if self.first else self.rows), self]

    def work(self) -> float:
        budget, dim = self.budget, self.model.hidden
        states = budget.states + budget.dev_states + budget.test_states
        kernels = 2 * N_SYMBOLS if self.first else 2
        # Two rounds of training, the second twice as long, and both again with half and a quarter
        # of the steps; a step costs three products.
        read = 3 * (budget.steps + 2 * budget.steps) * (1 + 1 / 2 + 1 / 4) * BATCH + states
        trained = kernels * (self.max_lag + 1) * read * 2 * dim * N_SYMBOLS
        return (trained + 2 * budget.left_out * N_SYMBOLS * 8 * dim**2) / 1e9

    def alike(self, other: Spec) -> bool:
        if not isinstance(other, AtlasSpec) or bool(self.first) != bool(other.first):
            return False
        return self.model.hidden == other.model.hidden


class PruningSpec(Spec):
    """Perplexity on both corpora against the number of bases kept, by one rule.

    target: the corpus the pruned model is meant for.
    rule: which bases go first: those that recall most of the symbols the target does not use
        ('recall'), of the smallest norm, of the smallest λ-weighted norm on the target, or whose
        leaving out costs the least perplexity on the target; 'random' is the baseline, by `seed`.
    """

    kind: Literal["pruning"] = "pruning"
    atlas: AtlasSpec
    target: CorpusSpec
    rule: Rule
    seed: int = 0
    table: ClassVar[str] = "prunings"
    stages: ClassVar[tuple[str, ...]] = ("pruning",)

    @model_validator(mode="after")
    def _of_the_mix(self) -> PruningSpec:
        if self.target.content not in {c.content for c in self.atlas.model.corpora}:
            raise ValueError("the target is none of the corpora the model was trained on")
        return self

    @property
    def profile(self) -> str:
        return self.atlas.profile

    @property
    def title(self) -> str:
        return f"pruning by {self.rule} for {self.target.name}: {self.atlas.model.title}"

    def needs(self) -> list[str]:
        model = self.atlas.model
        return [*model.needs(), model.key, self.atlas.key]

    def steps(self) -> list[Spec]:
        return [*self.atlas.steps(), self]

    def work(self) -> float:
        budget = self.atlas.budget
        return 2 * budget.evaluate * len(budget.curve) * 12 * self.atlas.model.hidden**2 / 1e9


class PrunedSpec(_Derived):
    """A factorized model of which only the first `keep` bases of a pruning's order are left."""

    kind: Literal["pruned"] = "pruned"
    pruning: PruningSpec
    keep: int = Field(ge=0, le=len(SYMBOLS) ** 2)

    @property
    def model(self) -> FactorizedSpec:
        """The model it was pruned from."""
        return self.pruning.atlas.model

    @property
    def title(self) -> str:
        rule = f"{self.keep} bases kept by {self.pruning.rule} for {self.pruning.target.name}"
        return f"{self.model.name}, {rule}, on {self.model.mix}"

    def needs(self) -> list[str]:
        return [*self.model.needs(), self.model.key, self.pruning.key]

    def steps(self) -> list[Spec]:
        return [*self.pruning.steps(), self]

    def work(self) -> float:
        evaluated = self.model.budget.evaluate or WHOLE_CORPUS / 20
        return 4 * evaluated * 12 * self.hidden**2 / 1e9
