"""The character language model, what it is trained on, and its scores (paper, section 4).

g̃_{t+1} = argmax W_P · RNN(W_C · one-hot(g_t)) + b_P
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import cells
from core.corpora import Corpus, Segments
from core.models.language.adaptive import MANY, Adaptive
from core.models.language.spec import ModelSpec
from core.step import Progress
from core.text import N_SYMBOLS
from core.training.batches import PAD, bucketed, padded, sample, share
from core.training.checkpoints import Checkpoint, pack, unpack
from core.training.loop import Loss, fit, next_symbol

Predict = Callable[[Tensor], Tensor]  # symbols read [time, batch] -> logits of the next ones
LOGITS = 1 << 24  # of a minibatch that is scored, at most: 64 MiB


class CharLM(nn.Module):
    """Embedding W_C, stacked recurrent layers, projection W_P. Everything is time first.

    The projection to more than `MANY` symbols is an `Adaptive` one.

    embedding: its units (None: the hidden size); symbols: those it reads; outputs: those it
    predicts, ours before others (None: those it reads).
    """

    def __init__(
        self,
        cell: str,
        layers: int,
        hidden: int,
        embedding: int | None = None,
        outputs: int | None = None,
        symbols: int = N_SYMBOLS,
    ) -> None:
        super().__init__()
        self.cell = cells.find(cell)
        inputs = [embedding or hidden, *[hidden] * (layers - 1)]
        self.embedding = nn.Embedding(symbols, inputs[0])
        self.layers = nn.ModuleList(self.cell.layer(size, hidden) for size in inputs)
        predicted = outputs or symbols
        layer = Adaptive if predicted > MANY else nn.Linear
        self.projection = layer(hidden, predicted)

    def forward(self, read: Tensor, keep: float = 1.0) -> Tensor:
        """Logits of the next symbol at every step.

        read: int64 [time, batch]; keep: keep probability of the dropout on the embedding and on
        every layer's output. Returns float [time, batch, symbols].
        """
        return self.projection(self._read(read, keep))

    def loss(self, read: Tensor, predict: Tensor, keep: float) -> Loss:
        """How well it predicts. predict: int64 [time, batch], PAD where nothing."""
        x = self._read(read, keep)
        if isinstance(self.projection, Adaptive):
            return self.projection.loss(x, predict)
        return next_symbol(self.projection(x), predict)

    def _read(self, read: Tensor, keep: float) -> Tensor:
        """What is projected: [time, batch, hidden]."""
        x = F.dropout(self.embedding(read), 1 - keep, training=keep < 1)
        for layer in self.layers:
            x = F.dropout(self.cell.output(layer, x), 1 - keep, training=keep < 1)
        return x

    def states(self, read: Tensor, layer: int) -> dict[str, Tensor]:
        """Every state of one layer (1-based) at every step: name -> [time, batch, hidden]."""
        x = self.embedding(read)
        for below in self.layers[: layer - 1]:
            x = self.cell.output(below, x)
        return self.cell.unroll(self.layers[layer - 1], x)

    def kernel_parameters(self) -> int:
        """Parameters of one layer's kernel and of the input projection (paper, section 4)."""
        kernel = sum(p.numel() for p in self.layers[0].parameters() if p.dim() == 2)
        return kernel + self.embedding.weight.numel()


def build(spec: ModelSpec) -> CharLM:
    """The network of a spec at its initial weights; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        return CharLM(spec.cell, spec.layers, spec.hidden, symbols=spec.corpus.symbols)


def load(spec: ModelSpec, weights: bytes) -> CharLM:
    """The frozen network from the bytes that `train` returned."""
    model = build(spec)
    model.load_state_dict(unpack(weights)[0])
    return model.eval().requires_grad_(False)


def score(model: CharLM, segments: Segments, device: str) -> tuple[np.ndarray, np.ndarray]:
    """How the model predicts every symbol, segment by segment with `</s>` at its end.

    Returns (natural log of the symbol's probability, the symbol the model puts first), float64 and
    the type of the segments' symbols, both [symbols + segments].
    """
    batch = min(16_384, LOGITS // segments.alphabet.size)
    batches = ((rows, model) for rows in bucketed(segments.lengths, batch=batch))
    return score_batches(segments, batches, device)


@torch.no_grad()
def score_batches(
    segments: Segments, batches: Iterable[tuple[np.ndarray, Predict]], device: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `score`, by minibatches of segment indices, each with what predicts it."""
    logs = np.empty(segments.total + len(segments))
    first = np.empty(len(logs), dtype=segments.symbols.dtype)
    last = np.iinfo(first.dtype).max
    starts = segments.offsets[:-1] + np.arange(len(segments))
    for rows, predictor in batches:
        read, predict = padded(segments, rows)
        log_p = predictor(read.to(device)).log_softmax(2).cpu()
        valid = (predict != PAD).numpy()
        index = (starts[rows] + np.arange(len(read))[:, None])[valid]
        logs[index] = log_p.gather(2, predict.clamp(min=0)[:, :, None])[:, :, 0].numpy()[valid]
        # An imported network may predict more than 256 symbols; those that we lack come last.
        first[index] = log_p.argmax(2).clamp(max=last).numpy()[valid]
    return logs, first


def evaluate(model: CharLM, segments: Segments, device: str) -> float:
    """Perplexity per predicted symbol, `</s>` counted and `<s>` not."""
    return math.exp(-score(model, segments, device)[0].mean())


class NextSymbolLesson:
    """The lesson of a ModelSpec: its share of the corpus's train split, in buckets of length."""

    clip, goal = 1.0, "perplexity"

    def __init__(self, spec: ModelSpec, corpus: Corpus, device: str, init: bytes | None) -> None:
        self.spec, self.device, self.init = spec, device, init
        self.budget, self.seed, self.keeps = spec.budget, spec.seed, spec.budget.keeps
        self.segments = corpus.train
        self.allowed = sample(self.segments, None, spec.seed, spec.fraction)
        self.dev = corpus.dev.take(sample(corpus.dev, spec.budget.evaluate, spec.seed))

    def build(self) -> CharLM:
        model = build(self.spec)
        if self.init:
            model.load_state_dict(unpack(self.init)[0])
        return model

    def minibatches(self, epoch: int, order: int) -> Iterator[tuple[float, np.ndarray]]:
        lengths = self.segments.lengths[self.allowed]
        rows = self.allowed[share(lengths, self.budget.symbols, self.seed, epoch)]
        batches = bucketed(self.segments.lengths[rows], self.budget.batch, order)
        for number, batch in enumerate(batches):
            yield number / len(batches), rows[batch]

    def loss(self, model: CharLM, minibatch: np.ndarray, keep: float, done: float) -> Loss:
        read, predict = padded(self.segments, minibatch)
        return model.loss(read.to(self.device), predict, keep)

    def evaluate(self, model: CharLM) -> dict[str, float]:
        return {"perplexity": evaluate(model, self.dev, self.device)}

    def report(self, measured: dict[str, float]) -> str:
        return f"dev perplexity {measured['perplexity']:.3f}"


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
    lesson = NextSymbolLesson(spec, corpus, device, init)
    if spec.trained:
        best, facts = fit(lesson, progress, checkpoint, device)
    else:
        model = lesson.build().to(device)
        best = model.state_dict()
        facts = dict(keep=lesson.keeps[0], symbols=0, seconds=0.0, curve=[])
        facts |= lesson.evaluate(model)
    return pack(best, {"spec": spec.model_dump(mode="json")}), facts
