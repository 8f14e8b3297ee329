"""The character language model with a factorized kernel (paper, section 7; Samarakoon and Sim).

W = W₀ + Σᵢ λᵢ uᵢ vᵢᵀ over the whole [kernels · n × 2n] kernel, which reads [x_t; h_{t-1}]. λ is
the same for all segments of a minibatch, so W is formed once and the library's fused recurrence
runs on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from core.corpora import Corpus
from core.models.factorized.rankone import RankOne, controls
from core.models.factorized.spec import FactorizedSpec, KernelSpec
from core.models.factorized.windows import BASES, Windows, number
from core.models.language.char_lm import CharLM, Predict, score_batches
from core.spec import Spec
from core.step import Progress
from core.training.batches import bucketed, padded
from core.training.checkpoints import Checkpoint, pack, unpack
from core.training.loop import Loss, fit, next_symbol

LEFT = 0.01  # standard deviation of u at the start, so that bases hardly count at first


class FactorizedLM(CharLM):
    """A one-layer CharLM whose kernel is W₀ (the layer's own weights) and a sum of bases.

    left: [bases, kernels · n], uᵢ as rows. right: [bases, 2n], vᵢ as rows.
    numbers: int64 [bases], the bigram of each, all of them unless the model is pruned.
    means: [2, 1156], λ averaged over the training windows of each corpus of the mix.
    counts: int64 [2, 1156], the bigrams of that text.
    """

    numbers: Tensor
    means: Tensor
    counts: Tensor

    def __init__(self, cell: str, hidden: int, bases: int) -> None:
        super().__init__(cell, 1, hidden)
        bound = hidden**-0.5
        self.left = nn.Parameter(torch.randn(bases, self.cell.gates * hidden) * LEFT)
        self.right = nn.Parameter(torch.empty(bases, 2 * hidden).uniform_(-bound, bound))
        self.register_buffer("numbers", torch.arange(bases))
        self.register_buffer("means", torch.zeros(2, BASES))
        self.register_buffer("counts", torch.zeros(2, BASES, dtype=torch.int64))

    def kernel(self, factors: Tensor) -> dict[str, Tensor]:
        """The layer's two weight matrices at λ = factors [1156]; λ is zero for most bases."""
        factors = factors[self.numbers]
        used = factors.nonzero().squeeze(1)
        left = (self.left[used] * factors[used, None]).T
        right = self.right[used]
        base, hidden = dict(self.layers[0].named_parameters()), right.shape[1] // 2
        return {
            "weight_ih_l0": torch.addmm(base["weight_ih_l0"], left, right[:, :hidden]),
            "weight_hh_l0": torch.addmm(base["weight_hh_l0"], left, right[:, hidden:]),
        }

    def forward(self, read: Tensor, keep: float = 1.0, factors: Tensor | None = None) -> Tensor:
        """Logits of the next symbol at every step, as of a CharLM; factors: None is W₀ alone."""
        if factors is None or not len(self.left):
            return super().forward(read, keep)
        kernel = {f"layers.0.{name}": weights for name, weights in self.kernel(factors).items()}
        return functional_call(self, kernel, (read, keep))

    @torch.no_grad()
    def at(self, factors: Tensor) -> CharLM:
        """The plain network that this one is at λ = factors."""
        plain = CharLM(self.cell.name, 1, self.projection.in_features)
        plain.load_state_dict({name: self.state_dict()[name] for name in plain.state_dict()})
        if len(self.left):
            plain.layers[0].load_state_dict(self.kernel(factors), strict=False)
        return plain.to(self.left.device).eval().requires_grad_(False)

    @torch.no_grad()
    def alone(self, kernel: RankOne) -> CharLM:
        """The plain network whose kernel is one rank-one matrix; biases and the rest stay."""
        plain = self.at(torch.zeros_like(self.means[0]))
        whole = torch.outer(kernel.left[0], kernel.right[0])
        hidden = whole.shape[1] // 2
        weights = {"weight_ih_l0": whole[:, :hidden], "weight_hh_l0": whole[:, hidden:]}
        plain.layers[0].load_state_dict(weights, strict=False)
        return plain

    @property
    def bases(self) -> RankOne:
        """All bases, at λ = 1."""
        return RankOne(self.left, self.right)

    @torch.no_grad()
    def pruned(self, bases: np.ndarray) -> FactorizedLM:
        """The same model with only these bases; bases: their numbers."""
        rows = torch.from_numpy(np.sort(bases)).to(self.left.device)
        smaller = FactorizedLM(self.cell.name, self.projection.in_features, len(rows))
        cut = {name: getattr(self, name)[rows] for name in ("left", "right", "numbers")}
        smaller.load_state_dict(self.state_dict() | cut)
        return smaller.to(self.left.device).eval().requires_grad_(False)


def build(spec: FactorizedSpec) -> FactorizedLM:
    """The network of a spec at its initial weights; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        return FactorizedLM(spec.cell, spec.hidden, BASES if spec.bases else 0)


def load(spec: FactorizedSpec, weights: bytes) -> FactorizedLM:
    """The frozen network, pruned or not, from the bytes that `train` or `save` returned."""
    tensors = unpack(weights)[0]
    model = FactorizedLM(spec.cell, spec.hidden, len(tensors["left"]))
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False)


def part(model: FactorizedLM, spec: KernelSpec) -> CharLM:
    """The plain network that a KernelSpec describes."""
    factors = torch.zeros_like(model.means[0])
    if spec.part in ("full", "without"):
        factors = model.means.mean(0)
    if spec.bigram is None:
        return model.at(factors)
    basis = number(spec.bigram)
    if spec.part in ("basis", "control"):
        kernel = model.bases.part(slice(basis, basis + 1)).times(spec.strength)
        return model.alone(kernel if spec.part == "basis" else controls(kernel, [basis]))
    factors[basis] = 0 if spec.part == "without" else spec.strength
    return model.at(factors)


def by_window(
    model: FactorizedLM, windows: Windows, rows: np.ndarray, device: str
) -> Iterator[tuple[np.ndarray, Predict]]:
    """Minibatches of some of a split's segments, for `char_lm.score_batches`.

    rows: segments, ascending. Yields (places in rows, the network at λ of their window).
    """
    owners = rows // windows.spec.window
    for window in np.unique(owners):
        factors = torch.from_numpy(windows.factors(int(window))).to(device)
        members = np.flatnonzero(owners == window)
        for batch in bucketed(windows.segments.lengths[rows[members]], batch=16_384):
            yield members[batch], partial(model, factors=factors)


def score(
    model: FactorizedLM, windows: Windows, rows: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """As `char_lm.score`, of these segments of a split (ascending), each at λ of its window."""
    segments = windows.segments.take(rows)
    return score_batches(segments, by_window(model, windows, rows, device), device)


@dataclass(frozen=True)
class WindowRows:
    """Segments that share λ: the corpus's place in the mix, a window of its train split, rows."""

    corpus: int
    window: int
    rows: np.ndarray


class Mix:
    """The lesson of a FactorizedSpec: windows of two corpora, each read at its λ."""

    clip, goal = 1.0, "perplexity"

    def __init__(self, spec: FactorizedSpec, corpora: tuple[Corpus, Corpus], device: str) -> None:
        self.spec, self.device = spec, device
        self.budget, self.seed, self.keeps = spec.budget, spec.seed, spec.budget.keeps
        self.train, self.dev = (
            [Windows(spec, corpus, split) for corpus in corpora] for split in ("train", "dev")
        )
        self.held_out = [part.sample_rows(spec.budget.evaluate, spec.seed) for part in self.dev]
        pairs = [(part, self._read(part)) for part in self.train]
        means = [np.mean([part.factors(w) for w in windows], axis=0) for part, windows in pairs]
        counts = [np.sum([part.counts(w) for w in windows], axis=0) for part, windows in pairs]
        self.means, self.counts = (torch.from_numpy(np.stack(both)) for both in (means, counts))

    def build(self) -> FactorizedLM:
        model = build(self.spec)
        model.means.copy_(self.means)
        model.counts.copy_(self.counts)
        return model

    def _read(self, part: Windows) -> list[int]:
        """The windows of a corpus that some epoch reads."""
        epochs = range(self.budget.epochs)
        shares = [part.share(self.budget.symbols, self.seed, epoch) for epoch in epochs]
        return list(np.unique(np.concatenate(shares)).tolist())

    def minibatches(self, epoch: int, order: int) -> Iterator[tuple[float, WindowRows]]:
        """Every window in pieces of like lengths, about `budget.batch` padded steps each."""
        batches: list[WindowRows] = []
        for corpus, part in enumerate(self.train):
            for window in part.share(self.budget.symbols, self.seed, epoch).tolist():
                rows = part.rows(window)
                ranked = rows[np.argsort(part.segments.lengths[rows], kind="stable")]
                area = (part.segments.lengths[rows] + 1).sum()
                pieces = max(1, math.ceil(area / self.budget.batch))
                batches += [
                    WindowRows(corpus, window, piece)
                    for piece in np.array_split(ranked, pieces)
                    if len(piece)
                ]
        for done, place in enumerate(np.random.default_rng(order).permutation(len(batches))):
            yield done / len(batches), batches[place]

    def loss(self, model: FactorizedLM, batch: WindowRows, keep: float, done: float) -> Loss:
        return next_symbol(*self.read(model, batch, keep))

    def read(self, model: FactorizedLM, batch: WindowRows, keep: float) -> tuple[Tensor, Tensor]:
        """Logits [time, batch, symbols] of a minibatch, and what should have been predicted."""
        part = self.train[batch.corpus]
        factors = torch.from_numpy(part.factors(batch.window)).to(self.device)
        read, predict = padded(part.segments, batch.rows)
        return model(read.to(self.device), keep, factors), predict

    def evaluate(self, model: FactorizedLM) -> dict[str, float]:
        """Dev perplexity over both corpora together."""
        scored = zip(self.dev, self.held_out, strict=True)
        logs = [score(model, part, rows, self.device)[0] for part, rows in scored]
        return {"perplexity": math.exp(-np.concatenate(logs).mean())}

    def report(self, measured: dict[str, float]) -> str:
        return f"dev perplexity {measured['perplexity']:.3f}"


def train(
    spec: FactorizedSpec,
    corpora: tuple[Corpus, Corpus],
    progress: Progress = lambda fraction, message: None,
    checkpoint: Checkpoint | None = None,
    device: str = "cpu",
) -> tuple[bytes, dict[str, Any]]:
    """Trains the factorized model of a spec; arguments and results as of `char_lm.train`."""
    best, facts = fit(Mix(spec, corpora, device), progress, checkpoint, device)
    return pack(best, {"spec": spec.model_dump(mode="json")}), facts


def save(spec: Spec, model: CharLM) -> bytes:
    """The weights of a model that was made of a trained one."""
    return pack(model.state_dict(), {"spec": spec.model_dump(mode="json")})
