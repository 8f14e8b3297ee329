"""The states of a frozen language model, each with the symbols that should be recalled from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from core.corpora import Segments
from core.models.language.char_lm import CharLM
from core.probes.data import Chunk
from core.probes.states import Chunked, flat
from core.training.batches import bucketed, padded


def batches(segments: Segments, rows: np.ndarray) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
    """Minibatches of these segments: (their rows, what is read, what should be recalled).

    read: int64 [time, batch], `<s>` first. symbols: int64 [batch, time], the symbol just read, -1
    at `<s>`, from which nothing can be recalled, and where padded.
    """
    bos, eos = segments.alphabet.bos, segments.alphabet.eos
    for batch in bucketed(segments.lengths[rows], batch=8192):
        read, _ = padded(segments, rows[batch])
        yield rows[batch], read, read.masked_fill((read == bos) | (read == eos), -1).T


class ModelStates(Chunked):
    """States of one layer (1-based) of a frozen language model."""

    def __init__(
        self,
        model: CharLM,
        segments: Segments,
        layer: int,
        state: str,
        max_lag: int,
        device: str = "cpu",
    ) -> None:
        self.model, self.segments, self.layer, self.state = model, segments, layer, state
        self.device = device
        rows = np.arange(len(segments))
        dim = model.cell.dim(state, model.projection.in_features)
        super().__init__(rows, segments.lengths, dim, max_lag, segments.alphabet.size)

    @torch.no_grad()
    def chunk(self, rows: np.ndarray) -> Chunk:
        parts = []
        for owners, read, symbols in batches(self.segments, rows):
            states = self.model.states(read.to(self.device), self.layer)[self.state]
            # The first state is the one after `<s>`, before any symbol.
            parts.append(
                flat(states.transpose(0, 1).cpu().numpy(), symbols.numpy(), owners, self.lags, 0)
            )
        return Chunk(*map(np.concatenate, zip(*parts, strict=True)))
