"""A recurrent network as a language model, whoever trained it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.corpora import Corpus, Segments
from core.models.base import LanguageModel, StateSelection
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.models.language.states import ModelStates
from core.probes.states import StatesBySplit


class RecurrentModel(LanguageModel):
    """A frozen network; it reads segments of any corpus alike."""

    def __init__(self, network: char_lm.CharLM, device: str) -> None:
        self.network, self.device = network.to(device), device

    def score(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        return char_lm.score(self.network, corpus.splits[split].take(rows), self.device)[0]

    def first(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        return char_lm.score(self.network, corpus.splits[split].take(rows), self.device)[1]

    def states(
        self, corpus: Corpus, texts: Sequence[Segments], selection: StateSelection
    ) -> StatesBySplit:
        train, dev, test = (
            ModelStates(
                self.network, text, selection.layer, selection.state, selection.max_lag, self.device
            )
            for text in texts
        )
        # The paper's rule; a memory of many more numbers than h has as many hidden units as half.
        least = max(self.network.kernel_parameters(), train.dim**2 // 2)
        return StatesBySplit(train, dev, test, least)


def load(spec: ModelSpec, weights: bytes, device: str) -> RecurrentModel:
    """The network of a spec from its artifact."""
    return RecurrentModel(char_lm.load(spec, weights), device)
