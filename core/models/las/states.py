"""From a frozen recognizer and utterances to its states, each with the symbols to recall.

Every symbol y_i has one state: of an encoder layer the one at the moment y_i is spoken, of the
speller the one of the step that spells it. The decoder of lag δ names y_{i-δ} from it; below zero
that is a symbol still to come.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.corpora.speech.utterances import HOP_MS, Utterances
from core.errors import BadInput
from core.models.las.batches import Minibatch, passes, places
from core.models.las.network import Las
from core.models.las.spec import WINDOW, LasSignatureSpec
from core.probes.data import Chunk
from core.probes.states import Chunked, flat
from core.text import EOS, SYMBOLS
from core.training.batches import PAD


class LasStates(Chunked):
    """States of one layer of a frozen recognizer, as its signature's spec names it.

    rows: the utterances to take. moments: float32 [all symbols], when each is spoken, in ms. An
    utterance in which a symbol has no moment is left out.
    """

    def __init__(
        self,
        model: Las,
        utterances: Utterances,
        rows: np.ndarray,
        moments: np.ndarray,
        spec: LasSignatureSpec,
        device: str = "cpu",
    ) -> None:
        self.model, self.utterances, self.moments = model, utterances, moments
        self.spec, self.device = spec, device
        lost = np.add.reduceat(np.isnan(moments), utterances.symbol_offsets[:-1]) > 0
        rows = rows[~lost[rows]]
        if not len(rows):
            raise BadInput(
                f"No utterance of this corpus can be aligned by {spec.alignment}; "
                "choose another alignment."
            )
        lengths = np.diff(utterances.symbol_offsets)[rows]
        self._last: tuple[np.ndarray, Chunk] | None = None
        super().__init__(rows, lengths, spec.dim, spec.max_lag, len(SYMBOLS), spec.min_lag)

    def chunk(self, rows: np.ndarray) -> Chunk:
        # A small split is a single chunk, which is read more than once.
        if self._last is None or not np.array_equal(self._last[0], rows):
            self._last = rows, self._computed(rows)
        return self._last[1]

    def _computed(self, rows: np.ndarray) -> Chunk:
        parts = []
        for some, batch in passes(self.utterances, rows, self.model.reduction):
            symbols = batch.predict[:, :-1].masked_fill(batch.predict[:, :-1] == EOS, PAD)
            states = self._states(some, batch)
            parts.append(flat(states, symbols.numpy(), some, self.lags, 1, self.first))
        return Chunk(*map(np.concatenate, zip(*parts, strict=True)))

    @torch.no_grad()
    def _states(self, rows: np.ndarray, batch: Minibatch) -> np.ndarray:
        place, _ = places(self.utterances, rows)
        moments = torch.from_numpy(self.moments[place]).to(self.device)
        spec, batch = self.spec, batch.to(self.device)
        states = layer_states(self.model, batch, moments, spec.layer, spec.state, spec.half)
        return states.cpu().numpy()

    def milliseconds(self) -> dict[int, float]:
        """Mean time from the symbol to be recalled to the state, by lag; below zero ahead."""
        offsets = self.utterances.symbol_offsets
        owners = np.repeat(np.arange(len(self.utterances)), np.diff(offsets))
        found = {}
        for lag in range(self.first, self.first + self.lags):
            step = abs(lag)
            later, earlier = slice(step, None), slice(None, len(owners) - step)
            apart = (self.moments[later] - self.moments[earlier])[owners[later] == owners[earlier]]
            if not np.isnan(apart).all():
                found[lag] = float(np.sign(lag) * np.nanmean(apart))
        return found


def layer_states(
    model: Las, batch: Minibatch, moments: Tensor, layer: str, state: str | None, half: str
) -> Tensor:
    """The state of a layer for every symbol of a minibatch: [batch, symbols, width].

    moments: [batch, symbols], ms; anything where there is no symbol. The speller reads the true
    spelling.
    """
    if layer == "query":
        memory, _ = model(batch)
        return (memory.c if state == "c" else memory.h)[:, :-1]
    if layer == "context":
        return model(batch)[0].context[:, :-1]
    if layer == "log-mel":
        frames = model.standardized(batch.frames, batch.lengths)
        around = F.pad(frames, (0, 0, 0, 0, WINDOW, WINDOW)).unfold(0, 2 * WINDOW + 1, 1)
        return at(around.flatten(2), batch.lengths, moments / HOP_MS)
    number = int(layer.split()[1])
    states = model.encoder_states(batch, number)[state or "c"]
    if half == "forward":
        states = states[:, :, : states.shape[2] // 2]
    rate = model.encoder.rates[number - 1]
    return at(states, model.whole(batch.lengths) // rate, moments / (rate * HOP_MS))


def at(states: Tensor, lengths: Tensor, moments: Tensor) -> Tensor:
    """States [steps, batch, width] at moments [batch, symbols], in steps: [batch, symbols, width].

    A moment at or behind the end of an utterance takes its last step.
    """
    step = torch.minimum(moments.nan_to_num().long(), lengths[:, None] - 1)
    return states[step, torch.arange(len(lengths), device=states.device)[:, None]]
