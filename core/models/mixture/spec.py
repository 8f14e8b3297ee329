"""The perplexity of a language model on a text, or of several interpolated."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from core.models.base import AnyLanguageModel
from core.spec import WHOLE_CORPUS, CorpusSpec, Spec


class MixtureSpec(Spec):
    """Perplexity of one language model, or of several interpolated, on a corpus.

    The weights are fitted on dev by expectation maximization; evaluate: symbols scored of dev and
    of test (None: all).
    """

    kind: Literal["mixture"] = "mixture"
    members: tuple[AnyLanguageModel, ...] = Field(min_length=1)
    corpus: CorpusSpec
    profile: str
    evaluate: int | None
    seed: int = 0
    table: ClassVar[str] = "perplexities"
    stages: ClassVar[tuple[str, ...]] = ("mixture",)

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

    def work(self) -> float:
        return len(self.members) * (self.evaluate or WHOLE_CORPUS / 20) * 1e-3
