"""What a study is: the signatures and perplexities that one figure of the paper needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.specs import CorpusSpec, MixtureSpec, SignatureSpec, Spec


@dataclass(frozen=True)
class Plan:
    """What has to be computed, and under which label it is shown; a declaration, not a pipeline.

    signatures, perplexities: label -> spec, in the order of the figure.
    """

    signatures: dict[str, SignatureSpec]
    perplexities: dict[str, MixtureSpec] = field(default_factory=dict)

    @property
    def specs(self) -> list[Spec]:
        """Everything to ask for, each a job of its own."""
        return [*self.signatures.values(), *self.perplexities.values()]


@dataclass(frozen=True)
class Choices:
    """What a person may choose; each study reads what it needs.

    corpus: of the studies with one corpus; source, target, fraction: of retraining;
    hidden, sizes, cells: None takes the profile's.
    """

    profile: str
    corpus: CorpusSpec | None = None
    source: CorpusSpec | None = None
    target: CorpusSpec | None = None
    fraction: float = 0.05
    hidden: int | None = None
    sizes: tuple[int, ...] | None = None
    cells: tuple[str, ...] = ("gru", "lstm")
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Study:
    """A figure of the paper as a function from choices to a plan."""

    name: str
    title: str
    figures: str
    plan: Callable[[Choices], Plan]


def chosen(corpus: CorpusSpec | None) -> CorpusSpec:
    """The corpus a study needs; it is a mistake of the caller to leave it out."""
    if corpus is None:
        raise ValueError("this study needs a corpus")
    return corpus
