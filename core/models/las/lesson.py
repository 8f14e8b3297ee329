"""Training a speech recognizer: label-smoothed spelling and CTC together (paper, section 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.corpora.speech.utterances import SpeechCorpus, Utterances
from core.models.las.batches import Minibatch, batches, minibatch
from core.models.las.decoding import error_rates, transcribe
from core.models.las.network import BLANK, Las, build
from core.models.las.spec import LasSpec
from core.step import Progress
from core.training.batches import PAD
from core.training.checkpoints import Checkpoint, pack
from core.training.loop import Loss, fit


def statistics(utterances: Utterances) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every mel band, float32 [mels] each."""
    frames = utterances.frames.astype(np.float32)
    mean, scale = frames.mean(0), np.maximum(frames.std(0), 1e-3)
    return torch.from_numpy(mean), torch.from_numpy(scale)


def losses(model: Las, batch: Minibatch, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean loss a symbol: of the spelling, the same with smoothed labels, and CTC (0 without)."""
    memory, ctc = model(batch)
    logits = model.speller.logits(memory).flatten(0, 1)
    target = batch.predict.flatten()
    smoothed = F.cross_entropy(logits, target, ignore_index=PAD, label_smoothing=smoothing)
    with torch.no_grad():
        plain = F.cross_entropy(logits, target, ignore_index=PAD)
    if ctc is None:
        return plain, smoothed, torch.zeros_like(plain)
    counts = (batch.predict != PAD).sum(1) - 1  # without </s>
    aligned = F.ctc_loss(
        ctc,
        batch.predict[:, :-1].clamp(min=0),
        model.whole(batch.lengths) // model.ctc_rate,
        counts,
        blank=BLANK,
        reduction="sum",
        zero_infinity=True,
    )
    return plain, smoothed, aligned / counts.sum()


class SpellingLesson:
    """The lesson of a LasSpec: to spell the utterances of the train split, shard by shard.

    Nothing in it is random once the network is built: the order of utterances follows from the
    epoch.
    """

    keeps: tuple[float, ...] = (1.0,)  # no dropout
    clip, goal = 5.0, "cer"

    def __init__(self, spec: LasSpec, corpus: SpeechCorpus, device: str) -> None:
        self.spec, self.corpus, self.device = spec, corpus, device
        self.budget, self.seed = spec.budget, spec.seed
        self.dev = at_most(corpus.dev, spec.budget.evaluate)

    def build(self) -> Las:
        model = build(self.spec)
        model.mean, model.scale = statistics(next(self.corpus.shards()))
        return model

    def minibatches(
        self, epoch: int, order: int
    ) -> Iterator[tuple[float, tuple[Utterances, np.ndarray]]]:
        """(shard, rows); the shortest utterances first in the first epoch."""
        seed, read = self.seed * 1000 + epoch, 0
        for number, shard in enumerate(self.corpus.shards(seed)):
            shuffled = seed * 1000 + number if epoch else None
            for rows in batches(shard.lengths, self.budget.batch, self.spec.reduction, shuffled):
                yield min(1.0, read / self.spec.corpus.train), (shard, rows)
                read += len(rows)

    def loss(
        self, model: Las, part: tuple[Utterances, np.ndarray], keep: float, done: float
    ) -> Loss:
        batch = minibatch(*part, self.spec.reduction).to(self.device)
        plain, smoothed, ctc = losses(model, batch, self.budget.smoothing)
        first, last = self.budget.ctc
        share = first + done * (last - first)
        symbols = int((batch.predict != PAD).sum())
        return Loss((1 - share) * smoothed + share * ctc, plain, symbols)

    def evaluate(self, model: Las) -> dict[str, float]:
        rates = error_rates(self.dev, transcribe(model, self.dev, self.device))
        return {"cer": rates.cer, "wer": rates.wer}

    def report(self, measured: dict[str, float]) -> str:
        return f"character errors {measured['cer']:.1%}"


def train(
    spec: LasSpec,
    corpus: SpeechCorpus,
    progress: Progress = lambda fraction, message: None,
    checkpoint: Checkpoint | None = None,
    device: str = "cpu",
) -> tuple[bytes, dict[str, Any]]:
    """Trains the recognizer of a spec, or goes on from the checkpoint to the same weights.

    Returns the best weights on dev as bytes, and the facts of `fit`: `cer` and `wer` (dev; not of
    an untrained one), `symbols` (spelled in training), `seconds`, `curve` (a row per epoch).
    """
    lesson = SpellingLesson(spec, corpus, device)
    if spec.trained:
        best, facts = fit(lesson, progress, checkpoint, device)
    else:
        best, facts = lesson.build().state_dict(), dict(symbols=0, seconds=0.0, curve=[])
    return pack(best, {"spec": spec.model_dump(mode="json")}), facts


def at_most(utterances: Utterances, limit: int | None) -> Utterances:
    """The first `limit` utterances of a split (None: all); the splits are in random order."""
    if limit is None or len(utterances) <= limit:
        return utterances
    return utterances.take(np.arange(limit))
