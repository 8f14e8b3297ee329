"""One utterance in detail: its transcript, its attention, and what layers recall at each symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jiwer
import numpy as np
import polars as pl
import torch

from core.corpora.speech.utterances import HOP_MS, Utterances
from core.models.las import alignment
from core.models.las.batches import minibatch
from core.models.las.decoding import beam
from core.models.las.network import Las
from core.models.las.spec import LasSignatureSpec
from core.models.las.states import layer_states
from core.probes.mlp import Decoders
from core.probes.states import lagged
from core.text import SYMBOLS, decode


class Edit(NamedTuple):
    """A piece of the comparison: 'equal', 'substitute', 'delete' (missed) or 'insert' (made up)."""

    kind: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Inspection:
    """How a recognizer transcribes one utterance. Steps are the symbols of the hypothesis.

    score: mean log probability of a step, `</s>` included. edits: against the reference, in order;
    empty without one. attention: float32 [steps, encoder steps], rows sum to 1; encoder step j
    covers j · step_ms to (j + 1) · step_ms. moments: float32 [steps], where each row peaks, in ms.
    recalled: a row for every layer, step and lag: part, step, lag, truth, guess, probability (of
    the guess), chance (that the decoder gave to the truth); truth is the hypothesis's symbol.
    """

    hypothesis: str
    reference: str | None
    score: float
    edits: list[Edit]
    attention: np.ndarray
    step_ms: int
    moments: np.ndarray
    recalled: pl.DataFrame


@torch.no_grad()
def inspect(
    model: Las,
    frames: np.ndarray,
    reference: str | None,
    decoders: dict[LasSignatureSpec, Decoders],
) -> Inspection:
    """Transcribes an utterance by beam search and reads every layer that has decoders.

    frames: log-mel [frames, mels]. reference: normalized text, or None. decoders: by the
    signature they were trained for; only alignment by attention is
    available here, so decoders of another are left out.
    """
    speech = _utterance(frames, np.zeros(0))
    batch = minibatch(speech, np.array([0]), model.reduction)
    spelling = beam(model, model.listen(batch)[1], len(frames))
    spelled = _utterance(frames, spelling.symbols)
    batch = minibatch(spelled, np.array([0]), model.reduction)
    memory, _ = model(batch)
    weights = memory.weights[:, :-1]
    moments = alignment.moment(alignment.peaks(weights), model.reduction)
    parts = [
        _recalled(model, spec, bank, spelled, moments)
        for spec, bank in decoders.items()
        if spec.alignment == "attention" and len(spelling.symbols)
    ]
    hypothesis = decode(spelling.symbols)
    return Inspection(
        hypothesis=hypothesis,
        reference=reference,
        score=spelling.score,
        edits=compare(reference, hypothesis) if reference else [],
        attention=weights[0].numpy(),
        step_ms=model.reduction * HOP_MS,
        moments=moments[0],
        recalled=pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA),
    )


def compare(reference: str, hypothesis: str) -> list[Edit]:
    """How a hypothesis differs from its reference, character by character."""
    found = jiwer.process_characters(reference, hypothesis)
    return [
        Edit(
            chunk.type,
            reference[chunk.ref_start_idx : chunk.ref_end_idx],
            hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx],
        )
        for chunk in found.alignments[0]
    ]


_SCHEMA = {
    "part": pl.String,
    "step": pl.Int32,
    "lag": pl.Int32,
    "truth": pl.String,
    "guess": pl.String,
    "probability": pl.Float32,
    "chance": pl.Float32,
}


def _utterance(frames: np.ndarray, symbols: np.ndarray) -> Utterances:
    return Utterances.of([frames], [symbols], [np.zeros((0, 2))], ["it"], frames.shape[1])


def _recalled(
    model: Las, spec: LasSignatureSpec, bank: Decoders, spelled: Utterances, moments: np.ndarray
) -> pl.DataFrame:
    """The rows of `Inspection.recalled` of one layer."""
    batch = minibatch(spelled, np.array([0]), model.reduction)
    states = layer_states(
        model, batch, torch.from_numpy(moments), spec.layer, spec.state, spec.half
    )
    chances = bank.logits(states[0]).softmax(2).numpy()
    lags = chances.shape[1]
    targets = lagged(spelled.symbols[None].astype(np.int64), lags, spec.min_lag)[0]
    step, column = np.nonzero(targets >= 0)
    truth, guess = targets[step, column], chances[step, column].argmax(1)
    names = np.array(SYMBOLS)
    return pl.DataFrame(
        {
            "part": [spec.layer] * len(step),
            "step": step,
            "lag": column + spec.min_lag,
            "truth": names[truth],
            "guess": names[guess],
            "probability": chances[step, column, guess],
            "chance": chances[step, column, truth],
        },
        schema=_SCHEMA,
    )
