"""An n-gram as a language model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.corpora import Corpus, Segments
from core.models.base import LanguageModel, StateSelection
from core.models.ngram.kneser_ney import Ngram
from core.models.ngram.spec import NgramSpec
from core.models.ngram.states import NgramStates
from core.probes.states import StatesBySplit


class NgramModel(LanguageModel):
    """A frozen n-gram."""

    def __init__(self, ngram: Ngram) -> None:
        self.ngram = ngram

    def score(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        return self.ngram.log_probs(corpus.splits[split].take(rows))

    def first(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        return self.ngram.first(corpus.splits[split].take(rows))

    def states(
        self, corpus: Corpus, texts: Sequence[Segments], selection: StateSelection
    ) -> StatesBySplit:
        train, dev, test = (
            NgramStates(self.ngram, text, selection.max_lag, hot=not selection.exact)
            for text in texts
        )
        # It has no kernel; the rule then asks for one layer as wide as its one-hot state.
        return StatesBySplit(train, dev, test, train.dim * train.dim)


def load(spec: NgramSpec, arpa: bytes, device: str) -> NgramModel:
    """The n-gram of a spec from its artifact, which is ARPA text."""
    return NgramModel(Ngram(arpa, spec.corpus.alphabet))
