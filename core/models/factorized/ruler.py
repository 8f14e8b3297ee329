"""Linear signatures of many rank-one kernels, and how much the model loses without each.

The decoders are those of `core.probes.ridge`: ridge regression, exact for every lag, its strength
selected on dev. Thousands of kernels read the same text, so everything that depends on the text
alone is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.corpora import Segments
from core.models.factorized.factorized_lm import FactorizedLM
from core.models.factorized.rankone import RankOne, unroll
from core.models.factorized.windows import Windows
from core.models.language.char_lm import CharLM
from core.models.language.states import batches
from core.probes.data import scale_of
from core.probes.ridge import RIDGES, count_correct, one_hot_targets, solve
from core.probes.states import lagged
from core.text import N_SYMBOLS
from core.training.batches import PAD, bucketed, padded

GATES = 1 << 19  # gates per step of the kernels that are unrolled together: fits in the cache
STEPS = 2048  # padded steps of a minibatch in `leave_out`


class Text:
    """Segments as kernels read them, and what should be recalled from their states.

    batches: (what is read, int64 [time, batch]; the mask of steps that read a symbol, bool
    [batch, time]).
    targets: int64 [n, lags], -1 where there is nothing to recall; n: states in all.
    """

    def __init__(self, segments: Segments, max_lag: int, device: str) -> None:
        self.batches, targets = [], []
        for _, read, symbols in batches(segments, np.arange(len(segments))):
            valid = symbols >= 0
            targets.append(torch.from_numpy(lagged(symbols.numpy(), max_lag + 1))[valid])
            self.batches.append((read.to(device), valid.to(device)))
        self.targets = torch.cat(targets).to(device)
        self.n = len(self.targets)

    def states(self, model: CharLM, kernels: RankOne) -> Tensor:
        """The default state of every position under each kernel alone: [k, n, dim]."""
        state = model.cell.states[0]
        parts = []
        for read, valid in self.batches:
            steps = unroll(model, kernels, read, shared=False, state=state)
            parts.append(steps.permute(1, 2, 0, 3)[:, valid])
        return torch.cat(parts, 1)

    @torch.no_grad()
    def states_of(self, model: CharLM) -> Tensor:
        """The default state of every position under the model's own kernel: [n, dim]."""
        state = model.cell.states[0]
        steps = ((model.states(read, 1)[state], valid) for read, valid in self.batches)
        return torch.cat([states.transpose(0, 1)[valid] for states, valid in steps])


class Ruler:
    """Fits and measures the linear decoders of many networks that read the same three texts.

    n: int64 [lags, symbols], test positions by lag and true symbol.
    """

    def __init__(self, train: Text, dev: Text, test: Text) -> None:
        self.train, self.dev, self.test = train, dev, test
        self.lags = train.targets.shape[1]
        self.hot = one_hot_targets(train.targets, N_SYMBOLS, torch.float32)
        # The rows that have a target at lag δ - 1 and none at lag δ.
        missing = train.targets < 0
        before = torch.cat([torch.zeros_like(missing[:, :1]), missing[:, :-1]], 1)
        self.ended = [torch.nonzero(rows)[:, 0] for rows in (missing & ~before).T]
        self.n = self._counts(torch.ones_like(test.targets, dtype=torch.bool))

    def correct(self, train: Tensor, dev: Tensor, test: Tensor) -> Tensor:
        """Test positions that are decoded correctly: int64 [lags, symbols].

        train, dev, test: the states of each text, [n, dim].
        """
        mean = train.mean(0)
        train = train - mean
        scale = scale_of(mean, train.square().mean(0).sqrt())
        rows = functional.pad(train / scale, (0, 1), value=1.0)
        cross = (rows.T @ self.hot).double().view(len(rows.T), self.lags, N_SYMBOLS)
        rows = rows.double()
        gram = rows.T @ rows
        dev, test = (dev - mean) / scale, (test - mean) / scale
        hits = torch.zeros_like(self.test.targets, dtype=torch.bool)
        for lag in range(self.lags):
            without = rows[self.ended[lag]]
            gram = torch.addmm(gram, without.T, without, alpha=-1)
            weights, biases = (part.float() for part in solve(gram, cross[:, lag], RIDGES))
            best = int(count_correct(dev, self.dev.targets[:, lag], weights, biases).argmax())
            guess = torch.addmm(biases[best], test, weights[best]).argmax(1)
            hits[:, lag] = guess == self.test.targets[:, lag]
        return self._counts(hits)

    def _counts(self, mask: Tensor) -> Tensor:
        """How many of the masked test positions have each lag and true symbol."""
        targets = self.test.targets
        cells = targets + torch.arange(self.lags, device=targets.device) * N_SYMBOLS
        counts = torch.bincount(cells[mask & (targets >= 0)], minlength=self.lags * N_SYMBOLS)
        return counts.view(self.lags, N_SYMBOLS)

    def network(self, model: CharLM) -> Tensor:
        """`correct` of a whole network."""
        train, dev, test = (text.states_of(model) for text in (self.train, self.dev, self.test))
        return self.correct(train, dev, test)

    def measure(self, model: CharLM, kernels: RankOne) -> Iterator[Tensor]:
        """`correct` of each kernel alone in turn."""
        widest = max(read.shape[1] for read, _ in self.train.batches)
        together = max(1, GATES // (widest * kernels.left.shape[1]))
        for start in range(0, len(kernels), together):
            part = kernels.part(slice(start, start + together))
            states = [text.states(model, part) for text in (self.train, self.dev, self.test)]
            for each in zip(*states, strict=True):
                yield self.correct(*each)


@dataclass(frozen=True)
class LeftOut:
    """Perplexity of a text with all bases, its rise without each [bases], and n symbols."""

    perplexity: float
    rises: np.ndarray
    n: int


@torch.no_grad()
def leave_out(
    model: FactorizedLM, windows: Windows, rows: np.ndarray, bases: np.ndarray, device: str
) -> LeftOut:
    """What leaving each of these bases out of the model costs; every window has its own λ.

    rows: segments of the windows' split, ascending. bases: their numbers. A basis whose λ is zero
    in a window costs nothing there.
    """
    with_all, costs, n = 0.0, torch.zeros(len(bases), dtype=torch.float64), 0
    owners = rows // windows.spec.window
    numbers = torch.from_numpy(bases).to(device)
    for window in np.unique(owners):
        factors = torch.from_numpy(windows.factors(int(window))).to(device)
        plain = model.at(factors)
        used = factors[numbers].nonzero()[:, 0]
        omitted = numbers[used]
        parts = RankOne(model.left[omitted], model.right[omitted]).times(-factors[omitted])
        members = rows[owners == window]
        for batch in bucketed(windows.segments.lengths[members], STEPS):
            read, predict = padded(windows.segments, members[batch])
            predict = predict.to(device)
            nats = _nats(plain.projection(plain.states(read.to(device), 1)["h"]), predict)
            with_all += nats.item()
            n += int((predict != PAD).sum())
            if len(used):
                h = unroll(plain, parts, read.to(device), shared=True, state="h")
                for place, basis in enumerate(used.tolist()):
                    without = _nats(plain.projection(h[:, place]), predict)
                    costs[basis] += (without - nats).cpu()
    perplexity = float(np.exp(with_all / n))
    return LeftOut(perplexity, perplexity * np.expm1(costs.numpy() / n), n)


def _nats(logits: Tensor, predict: Tensor) -> Tensor:
    """Summed cross-entropy of logits [time, batch, symbols], in double precision."""
    losses = functional.cross_entropy(
        logits.flatten(0, 1), predict.flatten(), ignore_index=PAD, reduction="none"
    )
    return losses.double().sum()
