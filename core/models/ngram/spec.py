"""N-grams, whose state is the context that they retain (paper, section 6)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from core.models.base import LanguageModelSpec, share_of
from core.spec import WHOLE_CORPUS, CorpusSpec


class NgramSpec(LanguageModelSpec):
    """A modified Kneser-Ney n-gram; its text is selected by symbols, fraction and seed."""

    kind: Literal["ngram"] = "ngram"
    corpus: CorpusSpec
    order: int = Field(ge=2, le=6)
    profile: str
    symbols: int | None
    evaluate: int | None
    seed: int = 0
    fraction: float = Field(default=1.0, gt=0, le=1)
    layers: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("context",)
    stages: ClassVar[tuple[str, ...]] = ("ngram",)

    @property
    def reads(self) -> str:
        return self.corpus.reads

    @property
    def title(self) -> str:
        return f"{self.order}-gram on {share_of(self.fraction, self.corpus.name)}"

    def needs(self) -> list[str]:
        return [self.corpus.content]

    def dim(self, state: str) -> int:
        return (self.order - 1) * self.corpus.alphabet.size  # one-hot

    def decoder(self, state: str) -> float:
        return 20 / 3 * self.dim(state) ** 2

    def work(self) -> float:
        return (self.symbols or WHOLE_CORPUS) * self.fraction * self.order * 5e-5
