"""What a factorized kernel costs in training, against the plain network of the same size.

Three networks train on the same minibatches in turns: plain; factorized, its kernel formed once a
minibatch; and a reference in which every segment has a λ of its own, so that the recurrence goes
step by step over the bases that segment uses.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core import machine
from core.bench import here, seconds
from core.corpora import build
from core.models.factorized.builders import factorized_spec
from core.models.factorized.factorized_lm import FactorizedLM, Mix, WindowRows
from core.models.factorized.windows import bigram_counts, scaled
from core.training.batches import PAD, padded

HIDDEN, CORPORA = 160, ("shakespeare", "sotu")
WARM, ROUNDS, REFERENCES = 5, 60, 8  # steps untimed, timed, and timed of the slow reference
Forward = Callable[..., tuple[Tensor, Tensor]]  # network, minibatch, keep -> logits, targets


def run() -> dict[str, Any]:
    """Milliseconds of a training step, medians over interleaved steps on the same minibatches.

    ratio: factorized over plain. per_segment_ratio: the per-segment reference over plain.
    """
    device = machine.settle()
    corpora = build(CORPORA[0]), build(CORPORA[1])
    mixed = corpora[0].spec, corpora[1].spec
    specs = [factorized_spec(mixed, "lstm", HIDDEN, "laptop", bases) for bases in (False, True)]
    lessons = [Mix(spec, corpora, device) for spec in specs]
    batches = [batch for _, batch in islice(lessons[0].minibatches(0, 0), WARM + ROUNDS)]
    plain, factorized, reference = (
        Learner(lesson.build().to(device)) for lesson in (*lessons, lessons[1])
    )
    ways = [
        (plain, lessons[0].read),
        (factorized, lessons[1].read),
        (reference, _per_segment(lessons[1])),
    ]
    times = _timed(ways, batches)
    ratios = [
        median(own / base for own, base in zip(taken[WARM:], times[0][WARM:], strict=False))
        for taken in times
    ]
    symbols = sum(int(lessons[0].train[b.corpus].segments.lengths[b.rows].sum()) for b in batches)
    return {
        "ratio": ratios[1],
        "per_segment_ratio": ratios[2],
        "plain_ms": 1e3 * median(times[0][WARM:]),
        "factorized_ms": 1e3 * median(times[1][WARM:]),
        "per_segment_ms": 1e3 * median(times[2][WARM:]),
        "hidden": HIDDEN,
        "symbols_a_batch": symbols / len(batches),
        "steps": ROUNDS,
        **here(device),
    }


def _timed(ways: list[tuple[Learner, Forward]], batches: list[WindowRows]) -> list[list[float]]:
    """Seconds of each step of each way, interleaved; of the last way only the first steps."""
    times: list[list[float]] = [[] for _ in ways]
    for number, batch in enumerate(batches):
        now = ways if number < WARM + REFERENCES else ways[:-1]
        for (learner, forward), taken in zip(now, times, strict=False):
            taken.append(seconds(learner.step, forward, batch))
    return times


class Learner:
    """A network with its optimizer."""

    def __init__(self, model: FactorizedLM) -> None:
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step(self, forward: Forward, batch: WindowRows) -> None:
        logits, predict = forward(self.model, batch, 1.0)
        target = predict.to(logits.device).flatten()
        loss = functional.cross_entropy(logits.flatten(0, 1), target, ignore_index=PAD)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


def _per_segment(lesson: Mix) -> Forward:
    """A `Mix.read` in which the segment before each segment gives its λ."""

    def read(model: FactorizedLM, batch: WindowRows, keep: float) -> tuple[Tensor, Tensor]:
        part = lesson.train[batch.corpus]
        counts = [bigram_counts(part.segments, max(row - 1, 0), row or 1) for row in batch.rows]
        factors = torch.from_numpy(np.stack([scaled(each, "unit") for each in counts]))
        symbols, predict = padded(part.segments, batch.rows)
        return model.projection(_unrolled(model, factors, symbols.to(lesson.device))), predict

    return read


def _unrolled(model: FactorizedLM, factors: Tensor, read: Tensor) -> Tensor:
    """h of every step of an LSTM whose segments each have their λ [batch, 1156]."""
    most = int((factors > 0).sum(1).max())
    weights, used = factors.to(read.device).topk(most, dim=1)  # the others are zero
    left, right = model.left[used], model.right[used]  # [batch, most, ...]
    layer = dict(model.layers[0].named_parameters())
    hidden = right.shape[2] // 2
    x = model.embedding(read)
    bias = layer["bias_ih_l0"] + layer["bias_hh_l0"]
    gates_of_x = x @ layer["weight_ih_l0"].T + bias
    drive_of_x = torch.einsum("tbn,bkn->tbk", x, right[:, :, :hidden])
    h = c = torch.zeros_like(x[0])
    out = []
    for gates, drive in zip(gates_of_x, drive_of_x, strict=True):
        drive = weights * (drive + torch.einsum("bn,bkn->bk", h, right[:, :, hidden:]))
        gates = gates + h @ layer["weight_hh_l0"].T + torch.einsum("bk,bkg->bg", drive, left)
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        out.append(h)
    return torch.stack(out)
