"""From a frozen recognizer and utterances to its states, each with the labels to recall.

Every symbol y_i has one state: of an encoder layer the one at the moment y_i is spoken, of the
speller the one of the step that spells it. The decoder of lag δ names y_{i-δ} from it; below zero
that is a symbol still to come. Units of sound have a state of an encoder layer at their moments.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.corpora.speech.utterances import HOP_MS, Utterances
from core.errors import BadInput
from core.models.las.batches import Minibatch, passes
from core.models.las.labels import Labels
from core.models.las.network import Las
from core.models.las.spec import WINDOW, LasSignatureSpec
from core.probes.data import Chunk
from core.probes.states import Chunked, flat


class LasStates(Chunked):
    """States of one layer of a frozen recognizer, as its signature's spec names it.

    rows: the utterances to take. labels: what is recalled. An utterance in which one has no moment
    is left out.
    """

    def __init__(
        self,
        model: Las,
        utterances: Utterances,
        rows: np.ndarray,
        labels: Labels,
        spec: LasSignatureSpec,
        device: str = "cpu",
    ) -> None:
        self.model, self.utterances, self.labels = model, utterances, labels
        self.spec, self.device = spec, device
        rows = rows[~np.isin(rows, labels.owners[np.isnan(labels.moments)])]
        if not len(rows):
            raise BadInput(
                f"No utterance of this corpus can be aligned by {spec.alignment}; "
                "choose another alignment."
            )
        lengths = np.diff(labels.offsets)[rows]
        self._last: tuple[np.ndarray, Chunk] | None = None
        first, last = spec.min_lag // spec.stride, spec.max_lag // spec.stride
        super().__init__(rows, lengths, spec.dim, last, len(labels.names), first)

    def chunk(self, rows: np.ndarray) -> Chunk:
        # A small split is a single chunk, which is read more than once.
        if self._last is None or not np.array_equal(self._last[0], rows):
            self._last = rows, self._computed(rows)
        return self._last[1]

    def _computed(self, rows: np.ndarray) -> Chunk:
        parts = []
        for some, batch in passes(self.utterances, rows, self.model.reduction):
            labels, moments = self.labels.at(some)
            states = self._states(batch, moments)
            parts.append(flat(states, labels, some, self.lags, 1, self.first))
        return Chunk(*map(np.concatenate, zip(*parts, strict=True)))

    @torch.no_grad()
    def _states(self, batch: Minibatch, moments: np.ndarray) -> np.ndarray:
        spec, batch = self.spec, batch.to(self.device)
        when = torch.from_numpy(moments).to(self.device)
        states = layer_states(self.model, batch, when, spec.layer, spec.state, spec.half)
        return states.cpu().numpy()

    def milliseconds(self) -> dict[int, float]:
        """Mean time from the label to be recalled to the state, by lag; below zero ahead."""
        owners, moments = self.labels.owners, self.labels.moments
        found = {}
        for lag in range(self.first, self.first + self.lags):
            step = abs(lag)
            later, earlier = slice(step, None), slice(None, len(owners) - step)
            apart = (moments[later] - moments[earlier])[owners[later] == owners[earlier]]
            if not np.isnan(apart).all():
                found[lag] = float(np.sign(lag) * np.nanmean(apart))
        return found


def layer_states(
    model: Las, batch: Minibatch, moments: Tensor, layer: str, state: str | None, half: str
) -> Tensor:
    """The state of a layer for every label of a minibatch: [batch, labels, width].

    moments: [batch, labels], ms; anything where there is no label. The speller reads the true
    spelling, and its labels are that.
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
    """States [steps, batch, width] at moments [batch, labels], in steps: [batch, labels, width].

    A moment at or behind the end of an utterance takes its last step.
    """
    step = torch.minimum(moments.nan_to_num().long(), lengths[:, None] - 1)
    return states[step, torch.arange(len(lengths), device=states.device)[:, None]]
