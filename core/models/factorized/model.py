"""Models with a factorized kernel as language models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from core.corpora import Corpus, Segments
from core.models.base import LanguageModel, StateSelection
from core.models.factorized import factorized_lm
from core.models.factorized.factorized_lm import FactorizedLM
from core.models.factorized.spec import FactorizedSpec, KernelSpec, PrunedSpec
from core.models.factorized.windows import Windows
from core.models.language.char_lm import CharLM
from core.models.language.model import RecurrentModel
from core.probes.states import StatesBySplit
from core.training.checkpoints import unpack


class FactorizedModel(LanguageModel):
    """A frozen network with a factorized kernel; λ follows the text window by window."""

    def __init__(self, spec: FactorizedSpec, network: FactorizedLM, device: str) -> None:
        self.spec, self.network, self.device = spec, network.to(device), device

    def score(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        windows = Windows(self.spec, corpus, split)
        return factorized_lm.score(self.network, windows, rows, self.device)[0]

    def first(self, corpus: Corpus, split: str, rows: np.ndarray) -> np.ndarray:
        windows = Windows(self.spec, corpus, split)
        return factorized_lm.score(self.network, windows, rows, self.device)[1]

    def states(
        self, corpus: Corpus, texts: Sequence[Segments], selection: StateSelection
    ) -> StatesBySplit:
        """λ stays at its mean over the train split of the corpus measured on."""
        factors = Windows(self.spec, corpus, "train").mean
        network = self.network.at(torch.from_numpy(factors).to(self.device))
        return RecurrentModel(network, self.device).states(corpus, texts, selection)


def load(
    spec: FactorizedSpec | PrunedSpec | KernelSpec, weights: bytes, device: str
) -> LanguageModel:
    """The model of a spec from its artifact. Part of a kernel is an ordinary network."""
    if isinstance(spec, KernelSpec):
        network = CharLM(spec.cell, 1, spec.hidden)
        network.load_state_dict(unpack(weights)[0])
        return RecurrentModel(network.eval().requires_grad_(False), device)
    trained = spec if isinstance(spec, FactorizedSpec) else spec.model
    return FactorizedModel(trained, factorized_lm.load(trained, weights), device)
