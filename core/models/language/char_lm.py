"""The character language model and its training loop (paper, section 4).

g̃_{t+1} = argmax W_P · RNN(W_C · one-hot(g_t)) + b_P
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cells import CELLS
from core.corpora import Corpus, Segments
from core.errors import BadInput
from core.models.language.spec import ModelSpec
from core.profiles import TrainingBudget
from core.text import SYMBOLS
from core.training.batches import PAD, bucketed, padded, sample
from core.training.checkpoints import Checkpoint, pack, pack_run, unpack, unpack_run
from core.training.schedule import one_cycle

Progress = Callable[[float, str], None]
Predict = Callable[[Tensor], Tensor]  # symbols read [time, batch] -> logits of the next ones

CHECKPOINT_SECONDS = 60.0


class CharLM(nn.Module):
    """Embedding W_C, stacked recurrent layers, projection W_P. Everything is time first.

    embedding: its units (None: the hidden size); outputs: symbols it predicts, ours before others.
    """

    def __init__(
        self,
        cell: str,
        layers: int,
        hidden: int,
        embedding: int | None = None,
        outputs: int = len(SYMBOLS),
    ) -> None:
        super().__init__()
        self.cell = CELLS[cell]
        inputs = [embedding or hidden, *[hidden] * (layers - 1)]
        self.embedding = nn.Embedding(len(SYMBOLS), inputs[0])
        self.layers = nn.ModuleList(self.cell.layer(size, hidden) for size in inputs)
        self.projection = nn.Linear(hidden, outputs)

    def forward(self, read: Tensor, keep: float = 1.0) -> Tensor:
        """Logits of the next symbol at every step.

        read: int64 [time, batch]; keep: keep probability of the dropout on the embedding and on
        every layer's output. Returns float [time, batch, symbols].
        """
        x = F.dropout(self.embedding(read), 1 - keep, training=keep < 1)
        for layer in self.layers:
            x = F.dropout(layer(x)[0], 1 - keep, training=keep < 1)
        return self.projection(x)

    def states(self, read: Tensor, layer: int) -> dict[str, Tensor]:
        """Every state of one layer (1-based) at every step: name -> [time, batch, hidden]."""
        x = self.embedding(read)
        for below in self.layers[: layer - 1]:
            x = below(x)[0]
        return self.cell.unroll(self.layers[layer - 1], x)

    def kernel_parameters(self) -> int:
        """Parameters of one layer's kernel and of the input projection (paper, section 4)."""
        kernel = sum(p.numel() for p in self.layers[0].parameters() if p.dim() == 2)
        return kernel + self.embedding.weight.numel()


def build(spec: ModelSpec) -> CharLM:
    """The network of a spec at its initial weights; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        return CharLM(spec.cell, spec.layers, spec.hidden)


def load(spec: ModelSpec, weights: bytes) -> CharLM:
    """The frozen network from the bytes that `train` returned."""
    model = build(spec)
    model.load_state_dict(unpack(weights)[0])
    return model.eval().requires_grad_(False)


def score(model: CharLM, segments: Segments, device: str) -> tuple[np.ndarray, np.ndarray]:
    """What the model makes of every predicted symbol, segment by segment with `</s>` at its end.

    Returns (natural log of the symbol's probability, the symbol the model puts first), float64 and
    uint8, both [symbols + segments].
    """
    batches = ((rows, model) for rows in bucketed(segments.lengths, batch=16_384))
    return score_batches(segments, batches, device)


@torch.no_grad()
def score_batches(
    segments: Segments, batches: Iterable[tuple[np.ndarray, Predict]], device: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `score`, by minibatches of segment indices, each with what predicts it."""
    logs = np.empty(segments.total + len(segments))
    first = np.empty(len(logs), dtype=np.uint8)
    starts = segments.offsets[:-1] + np.arange(len(segments))
    for rows, predictor in batches:
        read, predict = padded(segments, rows)
        log_p = predictor(read.to(device)).log_softmax(2).cpu()
        there = (predict != PAD).numpy()
        place = (starts[rows] + np.arange(len(read))[:, None])[there]
        logs[place] = log_p.gather(2, predict.clamp(min=0)[:, :, None])[:, :, 0].numpy()[there]
        first[place] = log_p.argmax(2).numpy()[there]
    return logs, first


def evaluate(model: CharLM, segments: Segments, device: str) -> float:
    """Perplexity per predicted symbol, `</s>` counted and `<s>` not."""
    return math.exp(-score(model, segments, device)[0].mean())


class Lesson(Protocol):
    """What a network is trained on, and how it is built; a minibatch is whatever `read` takes."""

    budget: TrainingBudget
    seed: int

    def build(self) -> nn.Module:
        """The network at its initial weights; the same every time."""

    def minibatches(self, order: int) -> list[Any]:
        """One epoch's minibatches, in an order seeded by `order`."""

    def read(self, model: Any, minibatch: Any, keep: float) -> tuple[Tensor, Tensor]:
        """Logits [time, batch, symbols] and what should have been predicted, PAD where nothing."""

    def evaluate(self, model: Any) -> float:
        """Dev perplexity."""


class Run:
    """Everything a training run is in the middle of; `save` and `resume` are exact inverses.

    No random state is kept: every step seeds its dropout with its own position, so a resumed run
    draws what the uninterrupted one would have drawn.
    """

    def __init__(self, lesson: Lesson, device: str) -> None:
        self.lesson, self.device = lesson, device
        self.best: dict[str, Tensor] = {}
        self.facts: dict[str, Any] = dict(
            sweep=0,
            epoch=0,
            batch=0,
            epoch_symbols=0,
            epoch_loss=0.0,
            stale=0,
            symbols=0,
            seconds=0.0,
            perplexity=math.inf,
            keep=lesson.budget.keeps[0],
            curve=[],
            sweep_best=math.inf,
        )
        self.restart()

    def restart(self) -> None:
        """Initial weights and optimizer, as at the start of each keep probability of the sweep."""
        self.model = self.lesson.build().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), fused=True)

    def save(self) -> bytes:
        return pack_run(self.model, self.best, self.optimizer, self.facts)

    def resume(self, saved: bytes) -> None:
        self.best, self.facts = unpack_run(saved, self.model, self.optimizer)


class Reading:
    """The lesson of a ModelSpec: its share of the corpus's train split, in buckets of length."""

    def __init__(self, spec: ModelSpec, corpus: Corpus, device: str, init: bytes | None) -> None:
        self.spec, self.device, self.init = spec, device, init
        self.budget, self.seed = spec.budget, spec.seed
        self.segments = corpus.train
        self.chosen = sample(self.segments, spec.budget.symbols, spec.seed, spec.fraction)
        self.lengths = self.segments.lengths[self.chosen]
        self.dev = corpus.dev.take(sample(corpus.dev, spec.budget.evaluate, spec.seed))

    def build(self) -> CharLM:
        model = build(self.spec)
        if self.init:
            model.load_state_dict(unpack(self.init)[0])
        return model

    def minibatches(self, order: int) -> list[np.ndarray]:
        batches = bucketed(self.lengths, self.budget.batch, order)
        return [self.chosen[batch] for batch in batches]

    def read(self, model: CharLM, minibatch: np.ndarray, keep: float) -> tuple[Tensor, Tensor]:
        read, predict = padded(self.segments, minibatch)
        return model(read.to(self.device), keep), predict

    def evaluate(self, model: CharLM) -> float:
        return evaluate(model, self.dev, self.device)


def train(
    spec: ModelSpec,
    corpus: Corpus,
    progress: Progress = lambda fraction, message: None,
    checkpoint: Checkpoint | None = None,
    device: str = "cpu",
    init: bytes | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """Trains the language model of a spec, or goes on from the checkpoint to the same weights.

    init: the weights of `spec.init_from`, to start from instead of random ones.
    Returns the best weights on dev as bytes, and the facts of `fit`.
    """
    lesson = Reading(spec, corpus, device, init)
    best, facts = fit(lesson, progress, checkpoint, device, spec.trained)
    return pack(best, {"spec": spec.model_dump(mode="json")}), facts


def fit(
    lesson: Lesson,
    progress: Progress,
    checkpoint: Checkpoint | None,
    device: str,
    trained: bool = True,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The training loop. trained: False leaves the initial weights as they are.

    Returns the best weights on dev, and the facts of the run: `keep`, `perplexity` (dev),
    `symbols` (read in training), `seconds`, `curve` (a row per epoch).
    """
    budget = lesson.budget
    run = Run(lesson, device)
    if checkpoint and (saved := checkpoint.load()):
        with suppress(BadInput):  # a damaged checkpoint is as good as none
            run.resume(saved)
    facts, started = run.facts, time.monotonic() - run.facts["seconds"]
    sweeps = len(budget.keeps) if trained else 0

    while facts["sweep"] < sweeps:
        keep = budget.keeps[facts["sweep"]]
        while facts["epoch"] < budget.epochs and facts["stale"] < budget.patience:
            order = (lesson.seed * 100 + facts["sweep"]) * 1000 + facts["epoch"]
            batches = lesson.minibatches(order)
            saved_at = time.monotonic()
            for batch in range(facts["batch"], len(batches)):
                torch.manual_seed(order * 1_000_000 + batch)
                logits, predict = lesson.read(run.model, batches[batch], keep)
                target = predict.to(device)
                loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD)
                run.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
                fraction = (facts["epoch"] + batch / len(batches)) / budget.epochs
                run.optimizer.param_groups[0]["lr"] = one_cycle(fraction, budget.learning_rate)
                run.optimizer.step()

                symbols = int((predict != PAD).sum())
                facts |= dict(
                    batch=batch + 1,
                    symbols=facts["symbols"] + symbols,
                    epoch_symbols=facts["epoch_symbols"] + symbols,
                    epoch_loss=facts["epoch_loss"] + loss.item() * symbols,
                    seconds=time.monotonic() - started,
                )
                whole = (facts["sweep"] + fraction) / sweeps
                bits = loss.item() / math.log(2)
                progress(whole, f"epoch {facts['epoch'] + 1} of {budget.epochs}, {bits:.2f} bits")
                if checkpoint and time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                    checkpoint.save(run.save())
                    saved_at = time.monotonic()

            perplexity = lesson.evaluate(run.model)
            facts["curve"].append(
                dict(
                    keep=keep,
                    epoch=facts["epoch"] + 1,
                    symbols=facts["symbols"],
                    train_bits=facts["epoch_loss"] / facts["epoch_symbols"] / math.log(2),
                    dev_perplexity=perplexity,
                    learning_rate=one_cycle(
                        (facts["epoch"] + 1 - 1 / len(batches)) / budget.epochs,
                        budget.learning_rate,
                    ),
                    seconds=facts["seconds"],
                )
            )
            whole = (facts["sweep"] + (facts["epoch"] + 1) / budget.epochs) / sweeps
            progress(whole, f"epoch {facts['epoch'] + 1}: dev perplexity {perplexity:.3f}")
            facts["stale"] = 0 if perplexity < facts["sweep_best"] else facts["stale"] + 1
            facts["sweep_best"] = min(perplexity, facts["sweep_best"])
            if perplexity < facts["perplexity"]:
                facts |= dict(perplexity=perplexity, keep=keep)
                run.best = {k: v.detach().clone() for k, v in run.model.state_dict().items()}
            facts |= dict(epoch=facts["epoch"] + 1, batch=0, epoch_symbols=0, epoch_loss=0.0)
            if checkpoint:
                checkpoint.save(run.save())
        facts |= dict(sweep=facts["sweep"] + 1, epoch=0, batch=0, stale=0, sweep_best=math.inf)
        run.restart()

    if not trained:
        run.best = run.model.state_dict()
        facts["perplexity"] = lesson.evaluate(run.model)
    return run.best, facts
