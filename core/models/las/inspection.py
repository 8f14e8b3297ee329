"""One utterance in detail: its transcript, its attention, and what layers recall at each symbol."""

from __future__ import annotations

from typing import Any

import jiwer
import numpy as np
import polars as pl
import torch

from core.corpora.speech.logmel import log_mel
from core.corpora.speech.utterances import HOP_MS, Utterances
from core.models.las import alignment
from core.models.las.batches import minibatch
from core.models.las.decoding import beam
from core.models.las.heard import Edit, Inspection
from core.models.las.network import Las, load
from core.models.las.spec import LasSignatureSpec, LasSpec
from core.models.las.states import layer_states
from core.probes.mlp import Decoders
from core.probes.states import lagged
from core.text import SYMBOLS, decode


def answer(data: bytes, question: str, **about: Any) -> bytes:
    """What the process of `core.listening` answers to 'frames' and to 'inspection'."""
    return (_frames if question == "frames" else _inspection)(data, **about)


def _frames(data: bytes, mels: int) -> bytes:
    """`log_mel` of float32 samples."""
    return log_mel(np.frombuffer(data, np.float32).copy(), mels).tobytes()


def _inspection(
    data: bytes, spec: str, sizes: list[int], signatures: list[str], reference: str | None
) -> bytes:
    """`inspect` as bytes.

    data: the recognizer's artifact and float32 frames, of so many bytes as `sizes` says, then the
    decoders of each of the signatures.
    """
    model, parts = LasSpec.model_validate_json(spec), list[bytes]()
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    weights, frames, *stored = parts
    decoders = {
        LasSignatureSpec.model_validate_json(signature): Decoders.from_bytes(found)
        for signature, found in zip(signatures, stored, strict=True)
    }
    heard = np.frombuffer(frames, np.float32).reshape(-1, model.corpus.mels).copy()
    return inspect(load(model, weights), heard, reference, decoders).to_bytes()


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
