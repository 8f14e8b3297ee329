"""What a study is: the signatures and perplexities that one figure of the paper needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from core.corpora import NAMES
from core.corpora.speech.spec import SpeechSpec, Units
from core.models.las.spec import LasSignatureSpec
from core.models.mixture.spec import MixtureSpec
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec, Spec

CELLS_OF_PAPER = ("gru", "lstm")  # of Figs. 2 and 3, and of the claims about them
Corpus = TypeVar("Corpus", CorpusSpec, SpeechSpec)


@dataclass(frozen=True)
class Plan:
    """What has to be computed, and under which label it is shown; a declaration, not a pipeline.

    signatures, perplexities: label -> spec, in the order of the figure. others: what is
    computed besides, before these. previews: what is computed first, to be shown soonest.
    """

    signatures: dict[str, SignatureSpec] | dict[str, LasSignatureSpec]
    perplexities: dict[str, MixtureSpec] = field(default_factory=dict)
    others: dict[str, Spec] = field(default_factory=dict)
    previews: tuple[LasSignatureSpec, ...] = ()

    @property
    def drawn(self) -> dict[str, SignatureSpec | LasSignatureSpec]:
        """The signatures that are drawn as networks: all but the controls of untrained ones."""
        return {
            label: spec
            for label, spec in self.signatures.items()
            if getattr(spec.model, "trained", True)
        }

    @property
    def labels(self) -> list[tuple[str, Spec]]:
        """Every label with its spec."""
        return [*self.others.items(), *self.signatures.items(), *self.perplexities.items()]

    @property
    def specs(self) -> list[Spec]:
        """Everything to ask for, each a job of its own."""
        return [*self.previews, *(spec for _, spec in self.labels)]


@dataclass(frozen=True)
class Choices:
    """What a person may choose; each study reads what it needs.

    corpus: of the studies with one corpus; source, target, fraction: of retraining;
    hidden, sizes, cells: None takes the profile's. speech, reduction, state, units: of the speech
    recognizer, its steps in time, what is read of its LSTM layers, and how many units of sound are
    recalled of it (None: symbols).
    """

    profile: str
    corpus: CorpusSpec | None = None
    speech: SpeechSpec | None = None
    reduction: Literal[4, 8] = 4
    state: Literal["c", "h"] = "c"
    units: Units | None = None
    source: CorpusSpec | None = None
    target: CorpusSpec | None = None
    fraction: float = 0.05
    hidden: int | None = None
    sizes: tuple[int, ...] | None = None
    cells: tuple[str, ...] = CELLS_OF_PAPER
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Study:
    """A figure of the paper as a function from choices to a plan.

    address: of its figure in the app; it may name the corpora and the number of seeds in braces.
    corpora: the paper's corpus for each choice of a corpus that the study needs; see `installed`.
    seeds: how many networks its claims are measured on, each planned with `Choices.seeds` that
    begin with its seed. more: choices that differ from the figure's, of which `reproduce` computes
    what they need, too. options: of the command line, those that choose something else than its
    corpora.
    """

    name: str
    title: str
    figures: str
    plan: Callable[[Choices], Plan]
    corpora: Mapping[str, str]
    seeds: int = 1
    address: str = ""
    more: tuple[Mapping[str, Any], ...] = ()
    options: tuple[str, ...] = ()


def with_controls(signatures: Mapping[str, SignatureSpec]) -> dict[str, SignatureSpec]:
    """The signatures, and after them the same of the untrained networks, the controls."""
    controls = {f"{label}, untrained": spec.floor for label, spec in signatures.items()}
    return dict(signatures) | {label: spec for label, spec in controls.items() if spec}


STAND_INS = {"wsj": "sotu", "wsj-speech": "synthetic-speech"}


def installed(corpus: str) -> str:
    """The name of one of the paper's corpora, or of what stands in where it needs a license."""
    here = corpus.removesuffix("-speech") in NAMES
    return corpus if here else STAND_INS.get(corpus, corpus)


def required(corpus: Corpus | None) -> Corpus:
    """The corpus that a study needs; ValueError where the caller has left it out."""
    if corpus is None:
        raise ValueError("this study needs a corpus")
    return corpus
