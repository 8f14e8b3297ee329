"""Recurrent language models trained here (paper, section 4)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from core.cells import CELLS, CellName, label
from core.models.base import LanguageModelSpec, share_of
from core.profiles import TrainingBudget
from core.spec import WHOLE_CORPUS, CorpusSpec, Spec

NARROWEST = 1e5  # weights whose arithmetic takes as long as a time step of the narrowest layer


class ModelSpec(LanguageModelSpec):
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
    stages: ClassVar[tuple[str, ...]] = ("char_lm",)
    pace: ClassVar[tuple[str, ...]] = ("cell", "hidden", "trained", "words")

    @property
    def reads(self) -> str:
        return self.corpus.reads

    @property
    def words(self) -> int:
        """How many its alphabet has, 0 where it has characters."""
        return self.corpus.words

    @property
    def title(self) -> str:
        name = f"{label(self.cell)} [{self.layers},{self.hidden}]"
        if self.init_from:
            name = f"{name} on {self.init_from.corpus.name}, retrained"
        untrained = "" if self.trained else "untrained "
        return f"{untrained}{name} on {share_of(self.fraction, self.corpus.name)}"

    @property
    def read(self) -> float:
        """Symbols that training reads, at most and about: no corpus is opened."""
        budget = self.budget
        epoch = min(budget.symbols or WHOLE_CORPUS, self.fraction * WHOLE_CORPUS)
        return epoch * budget.epochs * len(budget.keeps)

    def needs(self) -> list[str]:
        return [self.corpus.content, *([self.init_from.key] if self.init_from else [])]

    def steps(self) -> list[Spec]:
        return [*(self.init_from.steps() if self.init_from else []), self]

    def untrained(self) -> ModelSpec | None:
        """The same network at its initial weights, whatever it was to be trained on."""
        if not self.trained:
            return None
        return self.model_copy(update={"trained": False, "init_from": None, "fraction": 1.0})

    def work(self) -> float:
        budget = self.budget
        kernel = CELLS[self.cell].kernel(self.hidden)
        symbols = 2 * self.corpus.symbols + 2  # embedding and projection
        weights = self.layers * (kernel + NARROWEST) + symbols * self.hidden
        evaluated = 2 * (budget.evaluate or WHOLE_CORPUS / 20)
        if not self.trained:
            return evaluated * 2 * weights / 1e9
        passes = budget.epochs * len(budget.keeps)
        return (self.read * 6 + passes * evaluated) * weights / 1e9
