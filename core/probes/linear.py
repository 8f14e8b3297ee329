"""Linear decoders by softmax regression: those of all lags at once, as one matrix.

They read whitened states and are trained in rounds as decoders with hidden layers are
(core.probes.rounds), but one product serves all lags, so that they take seconds: the preview, and
the many kernels of an atlas (core.models.factorized.ruler).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from core.probes.data import TILE, Split, StateSource
from core.probes.rounds import Candidate, Training, training_of
from core.profiles import DecoderBudget
from core.step import Progress
from core.training.schedule import linear_decay


def train(
    train: StateSource,
    dev: StateSource,
    budget: DecoderBudget,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Training:
    """Trains the linear decoder of every lag, as long as the budget's rounds and steps say.

    train, dev: the splits, of one dim and number of lags. progress: called with (fraction done,
    what is being done). The same seed and number of threads give the same decoders.
    """
    fit = Split(train, torch.device(device), whiten=True)
    check = Split(dev, fit.device, fit.inputs)
    regression = Regression(fit.dim, fit.lags, fit.n_symbols, fit.device)
    steps, total = 0, budget.steps * (2**budget.rounds - 1)
    latest: dict[int, Candidate] = {}
    rows: list[Candidate] = []
    for number in range(budget.rounds):
        minibatches = fit.minibatches(min(budget.batch, fit.n), seed + number)
        length = budget.steps << number
        for _ in regression.descend(
            itertools.islice(minibatches, length), length, budget.learning_rate
        ):
            steps += 1
            if progress:
                progress(steps / total, f"linear decoders, step {steps} of {total}")
        recall, bits = regression.measure(check)
        for lag, (right, cost) in enumerate(zip(recall, bits, strict=True)):
            layers = regression.layers(lag)
            latest[lag] = Candidate(lag, 1.0, 0, right, cost, steps, layers, latest.get(lag))
        rows += latest.values()
    best = [latest[lag].better() for lag in range(fit.lags)]
    return training_of(best, rows, fit, depth=0)


class Regression:
    """Softmax regressions of every lag on the same inputs, side by side in one weight matrix.

    weights: [dim + 1, lags · symbols], the last row the biases; all zero at the start.
    """

    def __init__(self, dim: int, lags: int, n_symbols: int, device: torch.device) -> None:
        self.lags, self.size = lags, n_symbols
        shape = dim + 1, lags * n_symbols
        self.weights, self.gradient = torch.zeros(2, *shape, device=device)
        self.weights.grad = self.gradient
        self.optimizer = torch.optim.Adam([self.weights], fused=True)

    def logits(self, states: Tensor) -> Tensor:
        """Inputs [n, dim] -> [n, lags, symbols]."""
        products = torch.addmm(self.weights[-1], states, self.weights[:-1])
        return products.view(len(states), self.lags, self.size)

    def guess(self, states: Tensor) -> Tensor:
        """The most likely symbol of each lag: inputs [n, dim] -> int64 [n, lags]."""
        with torch.inference_mode():
            return torch.cat([self.logits(part).argmax(2) for part in states.split(TILE)])

    def descend(
        self, minibatches: Iterable[tuple[Tensor, ...]], steps: int, peak: float
    ) -> Iterator[None]:
        """One step for each minibatch (states, targets), `steps` in all, down from a peak rate."""
        for number, (states, targets) in enumerate(minibatches, start=1):
            self.step(states, targets, linear_decay(number / (steps + 1), peak))
            yield

    def step(self, states: Tensor, targets: Tensor, learning_rate: float) -> None:
        """One step on the cross-entropy of each lag. targets: int64 [n, lags], -1 is no target."""
        valid = (targets >= 0).float()
        share = (valid / valid.sum(0).clamp(min=1)).unsqueeze(2)
        delta = self.logits(states).softmax(2).mul_(share)
        delta.scatter_add_(2, targets.clamp(min=0).unsqueeze(2), -share)
        flat = delta.view(len(states), -1)
        torch.mm(states.T, flat, out=self.gradient[:-1])
        torch.sum(flat, 0, out=self.gradient[-1])
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()

    def measure(self, split: Split) -> tuple[list[float], list[float]]:
        """Recall and cross-entropy in bits of each lag on a whole split."""
        correct, bits, count = torch.zeros(3, self.lags, dtype=torch.float64)
        with torch.inference_mode():
            for states, targets in split.tiles():
                log_p, valid = self.logits(states).log_softmax(2), targets >= 0
                of_truth = log_p.gather(2, targets.clamp(min=0).unsqueeze(2)).squeeze(2)
                correct += (log_p.argmax(2) == targets).sum(0).cpu()
                bits -= (of_truth * valid).sum(0).double().cpu() / torch.log(torch.tensor(2.0))
                count += valid.sum(0).cpu()
        count.clamp_(min=1)
        return (correct / count).tolist(), (bits / count).tolist()

    def layers(self, lag: int) -> list[tuple[Tensor, Tensor]]:
        """The weights [symbols, dim] and biases [1, symbols] of one lag, as a single layer."""
        own = self.weights[:, lag * self.size : (lag + 1) * self.size].clone()
        return [(own[:-1].T, own[-1:])]
