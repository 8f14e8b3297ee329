"""Training a speech recognizer: label-smoothed spelling and CTC together (paper, section 8)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.corpora.speech.utterances import SpeechCorpus, Utterances
from core.errors import BadInput
from core.models.las.batches import Minibatch, batches, minibatch
from core.models.las.decoding import error_rates, transcribe
from core.models.las.network import BLANK, Las, build
from core.models.las.spec import LasSpec
from core.training.batches import PAD
from core.training.checkpoints import Checkpoint, pack, pack_run, unpack_run
from core.training.schedule import one_cycle

Progress = Callable[[float, str], None]

CHECKPOINT_SECONDS = 60.0
CLIP = 5.0  # the largest norm of a gradient


class Run:
    """Everything a training run is in the middle of; `save` and `resume` are exact inverses.

    Nothing in it is random once the network is built: the order of utterances follows from the
    epoch, so a resumed run does what the uninterrupted one would have done.
    """

    def __init__(self, spec: LasSpec, corpus: SpeechCorpus, device: str) -> None:
        self.model = build(spec)
        self.model.mean, self.model.scale = statistics(next(corpus.shards()))
        self.model.to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), fused=True)
        self.best: dict[str, Tensor] = {}
        self.facts: dict[str, Any] = dict(
            epoch=0,
            batch=0,
            utterances=0,
            epoch_symbols=0,
            epoch_nats=0.0,
            stale=0,
            symbols=0,
            seconds=0.0,
            cer=math.inf,
            wer=math.inf,
            curve=[],
        )

    def save(self) -> bytes:
        return pack_run(self.model, self.best, self.optimizer, self.facts)

    def resume(self, saved: bytes) -> None:
        self.best, self.facts = unpack_run(saved, self.model, self.optimizer)


def statistics(utterances: Utterances) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every mel band, float32 [mels] each."""
    frames = utterances.frames.astype(np.float32)
    mean, scale = frames.mean(0), np.maximum(frames.std(0), 1e-3)
    return torch.from_numpy(mean), torch.from_numpy(scale)


def epoch_of(
    corpus: SpeechCorpus, spec: LasSpec, epoch: int
) -> Iterator[tuple[Utterances, np.ndarray]]:
    """The minibatches of one pass, the shortest utterances first in the first: (shard, rows)."""
    seed = spec.seed * 1000 + epoch
    for number, shard in enumerate(corpus.shards(seed)):
        order = seed * 1000 + number if epoch else None
        for rows in batches(shard.lengths, spec.budget.batch, spec.reduction, order):
            yield shard, rows


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


def train(
    spec: LasSpec,
    corpus: SpeechCorpus,
    progress: Progress = lambda fraction, message: None,
    checkpoint: Checkpoint | None = None,
    device: str = "cpu",
) -> tuple[bytes, dict[str, Any]]:
    """Trains the recognizer of a spec, or goes on from the checkpoint to the same weights.

    Returns the best weights on dev as bytes, and the facts of the run: `cer` and `wer` (dev),
    `symbols` (spelled in training), `seconds`, `curve` (a row per epoch).
    """
    budget = spec.budget
    run = Run(spec, corpus, device)
    if checkpoint and (saved := checkpoint.load()):
        with suppress(BadInput):  # a damaged checkpoint is as good as none
            run.resume(saved)
    facts, started = run.facts, time.monotonic() - run.facts["seconds"]
    dev = some(corpus.dev, budget.evaluate)

    while spec.trained and facts["epoch"] < budget.epochs and facts["stale"] < budget.patience:
        saved_at = time.monotonic()
        for number, (shard, rows) in enumerate(epoch_of(corpus, spec, facts["epoch"])):
            if number < facts["batch"]:
                continue  # done before a resume
            whole = min(1.0, facts["utterances"] / spec.corpus.train)
            fraction = (facts["epoch"] + whole) / budget.epochs
            batch = minibatch(shard, rows, spec.reduction).to(device)
            plain, smoothed, ctc = losses(run.model, batch, budget.smoothing)
            share = budget.ctc[0] + fraction * (budget.ctc[1] - budget.ctc[0])
            run.optimizer.zero_grad()
            ((1 - share) * smoothed + share * ctc).backward()
            nn.utils.clip_grad_norm_(run.model.parameters(), CLIP)
            run.optimizer.param_groups[0]["lr"] = one_cycle(fraction, budget.learning_rate)
            run.optimizer.step()

            symbols = int((batch.predict != PAD).sum())
            facts |= dict(
                batch=number + 1,
                utterances=facts["utterances"] + len(rows),
                symbols=facts["symbols"] + symbols,
                epoch_symbols=facts["epoch_symbols"] + symbols,
                epoch_nats=facts["epoch_nats"] + plain.item() * symbols,
                seconds=time.monotonic() - started,
            )
            said = f"{plain.item() / math.log(2):.2f} bits{_so_far(facts)}"
            progress(fraction, f"epoch {facts['epoch'] + 1} of {budget.epochs}, {said}")
            if checkpoint and time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                checkpoint.save(run.save())
                saved_at = time.monotonic()

        rates = error_rates(dev, transcribe(run.model, dev, device))
        facts["curve"].append(
            dict(
                epoch=facts["epoch"] + 1,
                symbols=facts["symbols"],
                train_bits=facts["epoch_nats"] / facts["epoch_symbols"] / math.log(2),
                dev_cer=rates.cer,
                learning_rate=run.optimizer.param_groups[0]["lr"],
                seconds=facts["seconds"],
            )
        )
        facts["stale"] += 1
        if rates.cer < facts["cer"]:
            facts |= dict(cer=rates.cer, wer=rates.wer, stale=0)
            run.best = {k: v.detach().clone() for k, v in run.model.state_dict().items()}
        facts |= dict(
            epoch=facts["epoch"] + 1,
            batch=0,
            utterances=0,
            epoch_symbols=0,
            epoch_nats=0.0,
            seconds=time.monotonic() - started,
        )
        if checkpoint:
            checkpoint.save(run.save())

    if not spec.trained:
        run.best = run.model.state_dict()
    return pack(run.best, {"spec": spec.model_dump(mode="json")}), facts


def some(utterances: Utterances, limit: int | None) -> Utterances:
    """The first utterances of a split, at most so many; the splits are in random order."""
    if limit is None or len(utterances) <= limit:
        return utterances
    return utterances.take(np.arange(limit))


def _so_far(facts: dict[str, Any]) -> str:
    return f", character errors {facts['cer']:.1%}" if facts["curve"] else ""
