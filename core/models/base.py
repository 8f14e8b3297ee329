"""Language models of any kind: their specs, which signatures nest, and what a loaded one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import BeforeValidator, SerializeAsAny

from core.cells import CELLS
from core.errors import BadInput
from core.spec import CorpusSpec, Spec
from core.text import PAPER

if TYPE_CHECKING:
    import numpy as np

    from core.corpora import Corpus, Segments
    from core.probes.states import StatesBySplit


class LanguageModelSpec(Spec):
    """A frozen model of symbols with a state that decoders can read."""

    table: ClassVar[str] = "models"
    # Whether its perplexity and forward accuracy on a text take a job of their own, because there
    # was no training here that measured them.
    scored_apart: ClassVar[bool] = False

    if TYPE_CHECKING:  # fields of some kinds, constants or properties of others

        @property
        def cell(self) -> str: ...

        @property
        def layers(self) -> int: ...

        @property
        def hidden(self) -> int: ...

    @property
    def states(self) -> tuple[str, ...]:
        """The states that can be decoded, the default one first."""
        return CELLS[self.cell].states

    def dim(self, state: str) -> int:
        """Numbers of one of its states that decoders read."""
        return CELLS[self.cell].dim(state, self.hidden)

    def decoder(self, state: str) -> float:
        """About how many weights a decoder of that state has, for estimates."""
        return max(20 / 3 * self.hidden**2, self.dim(state) ** 2 / 2)

    @property
    def predicts(self) -> bool:
        """Whether it predicts symbols; an encoder only has states."""
        return True

    @property
    def reads(self) -> str:
        """Its alphabet, as `CorpusSpec.reads` has it."""
        return "".join(PAPER.tokens)

    def untrained(self) -> LanguageModelSpec | None:
        """The same network at its initial weights; None where nothing has been trained."""
        return None


def check_alphabet(model: LanguageModelSpec, corpus: CorpusSpec) -> None:
    """BadInput where a corpus has another alphabet than the model reads."""
    if model.reads != corpus.reads:
        raise BadInput(
            f"{model.title} reads another alphabet than {corpus.name} has, so nothing of the two "
            "can be compared or mixed: choose corpora with one alphabet."
        )


def _by_kind(value: Any) -> Any:
    """A nested model from its JSON object: of whichever kind the registry knows."""
    if not isinstance(value, dict):
        return value
    from core.registry import SPECS

    return SPECS.validate_python(value)


AnyLanguageModel = Annotated[SerializeAsAny[LanguageModelSpec], BeforeValidator(_by_kind)]


@dataclass(frozen=True)
class StateSelection:
    """Which states are read. exact: an n-gram's contexts as numbers of symbols, not one-hot."""

    layer: int
    state: str
    max_lag: int
    exact: bool = False


class LanguageModel(Protocol):
    """A loaded, frozen language model. rows: numbers of a split's segments, ascending."""

    def score(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        """Natural log probability of every predicted symbol: float64 [symbols + segments]."""
        ...

    def first(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        """The most probable symbol at every step: of the shape of `score`."""
        ...

    def states(
        self, corpus: Corpus, texts: Sequence[Segments], selection: StateSelection
    ) -> StatesBySplit:
        """The states of the texts of train, dev and test, which are parts of the corpus."""
        ...


def share_of(fraction: float, name: str) -> str:
    """A corpus, or a part of it, for a title."""
    return name if fraction == 1 else f"{100 * fraction:g} % of {name}"
