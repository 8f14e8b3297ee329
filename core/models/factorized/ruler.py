"""Linear signatures of many rank-one kernels, and what each is worth to the model it is part of.

The decoders are those of `core.probes.ridge`: ridge regression, exact for every lag, its strength
chosen on dev. Here thousands of kernels read the same text, so everything that depends on the text
alone is computed once, and nothing is calibrated: recall needs only the largest output.
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
from core.probes.ridge import RIDGES, solve
from core.probes.states import lagged
from core.text import BOS, EOS, SYMBOLS
from core.training.batches import PAD, bucketed, padded

SIZE = len(SYMBOLS)
GATES = 1 << 19  # gates of one step of the kernels unrolled at once: they stay in the cache
STEPS = 2048  # padded steps of a minibatch when bases are left out


class Text:
    """Segments as kernels read them, and what their states should recall.

    batches: (read int64 [time, batch], steps that hold a symbol, bool [batch, time]).
    targets: int64 [n, lags], -1 where there is nothing to recall; n: states in all.
    """

    def __init__(self, segments: Segments, max_lag: int, device: str) -> None:
        self.batches, targets = [], []
        for rows in bucketed(segments.lengths, batch=8192):
            read, _ = padded(segments, rows)
            symbols = read.masked_fill((read == BOS) | (read == EOS), -1).T
            back = lagged(symbols.numpy(), max_lag + 1)
            targets.append(torch.from_numpy(back[(symbols >= 0).numpy()]))
            self.batches.append((read.to(device), (symbols >= 0).to(device)))
        self.targets = torch.cat(targets).to(device)
        self.n = len(self.targets)

    def states(self, model: CharLM, kernels: RankOne) -> Tensor:
        """The default state of every position under each kernel alone: [k, n, dim]."""
        state = model.cell.states[0]
        parts = []
        for read, there in self.batches:
            steps = unroll(model, kernels, read, shared=False, state=state)
            parts.append(steps.permute(1, 2, 0, 3)[:, there])
        return torch.cat(parts, 1)

    @torch.no_grad()
    def states_of(self, model: CharLM) -> Tensor:
        """The default state of every position under the model's own kernel: [n, dim]."""
        state = model.cell.states[0]
        steps = ((model.states(read, 1)[state], there) for read, there in self.batches)
        return torch.cat([states.transpose(0, 1)[there] for states, there in steps])


class Ruler:
    """Solves and measures linear decoders of states of the same three texts, again and again.

    n: int64 [lags, symbols], test positions by lag and true symbol.
    """

    def __init__(self, train: Text, dev: Text, test: Text) -> None:
        self.train, self.dev, self.test = train, dev, test
        self.lags = train.targets.shape[1]
        # One-hot targets of every lag side by side; a missing one stays all zero.
        missing = train.targets < 0
        columns = torch.arange(self.lags, device=missing.device) * SIZE
        self.hot = torch.zeros(train.n, self.lags * SIZE, device=missing.device)
        self.hot.scatter_(1, train.targets.clamp(min=0) + columns, (~missing).float())
        # The rows that lag δ lacks and lag δ - 1 still has.
        before = torch.cat([torch.zeros_like(missing[:, :1]), missing[:, :-1]], 1)
        self.lost = [torch.nonzero(gone)[:, 0] for gone in (missing & ~before).T]
        self.n = self._counts(torch.ones_like(test.targets, dtype=torch.bool))

    def correct(self, train: Tensor, dev: Tensor, test: Tensor) -> Tensor:
        """Test positions decoded right, int64 [lags, symbols]; each text's states are [n, dim]."""
        mean = train.mean(0)
        train = train - mean
        deviation = train.square().mean(0).sqrt()
        # A dimension that never moves carries nothing: leave it at zero.
        scale = torch.where(deviation > 1e-6 * mean.abs() + 1e-12, deviation, torch.inf)
        rows = functional.pad(train / scale, (0, 1), value=1.0)
        cross = (rows.T @ self.hot).double().view(len(rows.T), self.lags, SIZE)
        rows = rows.double()
        gram = rows.T @ rows
        weights, biases = [], []
        for lag in range(self.lags):
            without = rows[self.lost[lag]]
            gram = torch.addmm(gram, without.T, without, alpha=-1)
            solved = solve(gram, cross[:, lag], RIDGES)
            weights.append(solved[0].float())
            biases.append(solved[1].float())
        dev, test = (dev - mean) / scale, (test - mean) / scale
        hits = torch.zeros_like(self.test.targets, dtype=torch.bool)
        for lag in range(self.lags):
            wide = weights[lag].transpose(0, 1).reshape(dev.shape[1], -1)
            outputs = (dev @ wide).view(len(dev), len(RIDGES), SIZE) + biases[lag]
            right = (outputs.argmax(2) == self.dev.targets[:, lag, None]).sum(0)
            best = int(right.argmax())
            guess = torch.addmm(biases[lag][best], test, weights[lag][best]).argmax(1)
            hits[:, lag] = guess == self.test.targets[:, lag]
        return self._counts(hits)

    def _counts(self, chosen: Tensor) -> Tensor:
        targets = self.test.targets
        cells = targets + torch.arange(self.lags, device=targets.device) * SIZE
        chosen = chosen & (targets >= 0)
        counts = torch.bincount(cells[chosen], minlength=self.lags * SIZE)
        return counts.view(self.lags, SIZE)

    def network(self, model: CharLM) -> Tensor:
        """`correct` of a whole network."""
        train, dev, test = (text.states_of(model) for text in (self.train, self.dev, self.test))
        return self.correct(train, dev, test)

    def measure(self, model: CharLM, kernels: RankOne) -> Iterator[Tensor]:
        """`correct` of each kernel alone in turn."""
        widest = max(read.shape[1] for read, _ in self.train.batches)
        together = max(1, GATES // (widest * kernels.left.shape[1]))
        for start in range(0, len(kernels), together):
            some = kernels.part(slice(start, start + together))
            states = [text.states(model, some) for text in (self.train, self.dev, self.test)]
            for each in zip(*states, strict=True):
                yield self.correct(*each)


@dataclass(frozen=True)
class LeftOut:
    """What leaving bases out costs on a text: perplexity with all, and the rise without each."""

    perplexity: float
    rises: np.ndarray
    n: int


@torch.no_grad()
def leave_out(
    model: FactorizedLM, windows: Windows, rows: np.ndarray, bases: np.ndarray, device: str
) -> LeftOut:
    """Leaves each of these bases out of the model, every window being read at its own λ.

    rows: segments of the windows' split, ascending. A basis whose λ is zero costs nothing there.
    """
    with_all, costs, n = 0.0, torch.zeros(len(bases), dtype=torch.float64), 0
    owners = rows // windows.spec.window
    numbers = torch.from_numpy(bases).to(device)
    for window in np.unique(owners):
        factors = torch.from_numpy(windows.factors(int(window))).to(device)
        plain = model.at(factors)
        used = factors[numbers].nonzero()[:, 0]
        chosen = numbers[used]
        parts = RankOne(model.left[chosen], model.right[chosen]).times(-factors[chosen])
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
