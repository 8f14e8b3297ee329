"""Linear signatures of many rank-one kernels, and how much the model loses without each.

The decoders are the softmax regressions of `core.probes.linear`. Thousands of kernels read the same
text, so everything that depends on the text alone is computed once.
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
from core.models.factorized.spec import BATCH
from core.models.factorized.windows import Windows
from core.models.language.char_lm import CharLM
from core.models.language.states import batches
from core.probes.data import whitened
from core.probes.linear import Regression
from core.probes.states import lagged
from core.text import N_SYMBOLS
from core.training.batches import PAD, bucketed, padded

GATES = 1 << 19  # gates per step of the kernels that are unrolled together: fits in the cache
STEPS = 2048  # padded steps of a minibatch in `leave_out`
# Peak rates of the two rounds of training. A whole network's states are noisy and want the first;
# those of a kernel of rank one are functions of one number at each step, without noise, and
# recall more the higher the second is and the less is shrunk (docs/log.md).
RATES = (0.1, 0.5)
SHRINKAGE = 1e-6
# Decoders are trained with a quarter, half and all of the steps, which shows whether their recall
# still rises. The lengths of training are told apart by these places in what is counted.
DIVISORS = (4, 2, 1)
HALF, WHOLE = 1, 2


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

    steps: minibatches of the first round of training, at least 4; a second one is twice as long,
    and each lag takes the round after which it recalls more of dev.
    n: int64 [lags, symbols], test positions by lag and true symbol.
    """

    def __init__(self, train: Text, dev: Text, test: Text, steps: int) -> None:
        self.train, self.dev, self.test = train, dev, test
        self.lags = train.targets.shape[1]
        self.runs = [
            [
                self._minibatches(number, (steps << number) // divisor)
                for number in range(len(RATES))
            ]
            for divisor in DIVISORS
        ]
        self.n = self._counts(torch.ones_like(test.targets, dtype=torch.bool))

    def _minibatches(self, seed: int, steps: int) -> list[tuple[Tensor, Tensor]]:
        """The rows of training text in each minibatch of a round, and their targets."""
        draws, rows = torch.Generator().manual_seed(seed), torch.empty(0, dtype=torch.int64)
        while len(rows) < steps * BATCH:
            rows = torch.cat([rows, torch.randperm(self.train.n, generator=draws)])
        parts = rows[: steps * BATCH].to(self.train.targets.device).split(BATCH)
        return [(part, self.train.targets[part]) for part in parts]

    def correct(self, train: Tensor, dev: Tensor, test: Tensor) -> Tensor:
        """Test positions that are decoded correctly: int64 [3, lags, symbols].

        By decoders of a quarter, of half and of all of the steps. train, dev, test: the states of
        each text, [n, dim].
        """
        inputs = whitened(train, SHRINKAGE)
        whitened_states = [inputs.apply(states) for states in (train, dev, test)]
        return torch.stack([self._run(rounds, *whitened_states) for rounds in self.runs])

    def _run(
        self, rounds: list[list[tuple[Tensor, Tensor]]], train: Tensor, dev: Tensor, test: Tensor
    ) -> Tensor:
        """`correct` by the decoders of one training run, of whitened states."""
        regression = Regression(train.shape[1], self.lags, N_SYMBOLS, train.device)
        most = torch.full((self.lags,), -1, device=train.device)
        hits = torch.zeros_like(self.test.targets, dtype=torch.bool)
        for minibatches, rate in zip(rounds, RATES, strict=True):
            pairs = ((train[rows], targets) for rows, targets in minibatches)
            for _ in regression.descend(pairs, len(minibatches), rate):
                pass
            right = (regression.guess(dev) == self.dev.targets).sum(0)
            hits = torch.where(right > most, regression.guess(test) == self.test.targets, hits)
            most = torch.maximum(most, right)
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
