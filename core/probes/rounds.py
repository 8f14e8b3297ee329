"""Trains decoders in rounds, each twice as long as the last, until dev recall stops rising.

Decoders read whitened states. Each begins with the hidden layer of the decoder of the lag before,
just trained: what finds the symbol two steps back is most of what finds the one three steps back,
and far lags alone hardly find it. Every round lowers its learning rate to zero, so that its
decoders can be measured as they are, and trained for another round later (`go_on`). After it the
worse half of a lag's keep probabilities and widths is dropped, and a decoder that has gained less
than ENOUGH is finished.

A recall is a lower bound, so the decoders of the round before are returned too, which had a little
less than half of the work: what the last doubling has added says how far below it may be.
docs/log.md has what else was tried.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import polars as pl
import torch
from torch import Tensor

from core.probes.bank import Bank, Layers
from core.probes.data import Chunk, Split, StateSource
from core.probes.mlp import Decoders, decoder_parameters
from core.profiles import DecoderBudget
from core.step import Progress
from core.training.schedule import linear_decay

ENOUGH = 0.002  # of recall on dev: what a doubling of the work has to add to be worth another

ENOUGH_BITS = 0.01  # the same of decoders that are judged by their cross-entropy on dev


class Floor(Protocol):
    """Log probabilities that decoders have as fixed offsets of their logits.

    table: float32 [rows, symbols]. of_train, of_others: which row holds for each target of a chunk
    of the train split, of dev or test: int32 [N, lags].
    """

    @property
    def table(self) -> Tensor: ...

    def of_train(self, chunk: Chunk) -> Tensor: ...

    def of_others(self, chunk: Chunk) -> Tensor: ...


@dataclass(frozen=True)
class Candidate:
    """The decoder of one lag with one keep probability and width, after some rounds.

    recall, bits: on dev (bits: cross-entropy). steps: minibatches so far. layers: (weight [out,
    in], bias [1, out]) of each layer. before: the same decoder a round ago, after a little
    less than half of these steps.
    """

    lag: int
    keep: float
    width: int
    recall: float = -1.0
    bits: float = math.inf
    steps: int = 0
    layers: Layers = field(default_factory=list)
    before: Candidate | None = None

    @property
    def score(self) -> tuple[float, float]:
        """Greater is better: by recall, then by cross-entropy."""
        return self.recall, -self.bits

    @property
    def rise(self) -> float:
        """What the last round has added to recall on dev."""
        return self.recall - self.before.recall if self.before else math.inf

    @property
    def rises(self) -> bool:
        """Whether the last round has added enough to be worth another."""
        return self.rise >= ENOUGH

    def better(self) -> Candidate:
        """Itself, or what it was a round ago, where the last round has made it worse."""
        if self.before and self.before.score > self.score:
            return replace(self.before, before=self.before)
        return self


class Adding(Candidate):
    """A decoder with a fixed offset (core.probes.added), which is judged by its cross-entropy."""

    @property
    def score(self) -> tuple[float, float]:
        return -self.bits, self.recall

    @property
    def rises(self) -> bool:
        return not self.before or self.before.bits - self.bits >= ENOUGH_BITS


class Training(NamedTuple):
    """Trained decoders, those of a round before, and how recall on dev rose from round to round.

    before: None after a single round. rounds: lag, keep, width, steps, recall, bits; a row for each
    decoder and round.
    """

    decoders: Decoders
    before: Decoders | None
    rounds: pl.DataFrame


def train(
    train: StateSource,
    dev: StateSource,
    width: int,
    budget: DecoderBudget,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    floor: Floor | None = None,
) -> Training:
    """Trains one decoder per lag, with the keep probability and width that are best on dev.

    train, dev: the splits, of one dim and number of lags. width: the base width, see
    `mlp.width_for`; `budget.widths` are multiples of it. progress: called with (fraction done,
    what is being done). floor: what every decoder starts from and adds to; it then learns what the
    floor does not say. The same seed and number of threads give the same decoders.
    """
    of_train, of_dev = (floor.of_train, floor.of_others) if floor else (None, None)
    fit = Split(train, torch.device(device), whiten=True, offsets=of_train)
    check = Split(dev, fit.device, fit.inputs, offsets=of_dev)
    new = Adding if floor else Candidate
    widths = sorted({max(1, round(width * multiple)) for multiple in budget.widths})
    choices = list(itertools.product(sorted(set(budget.keeps)), widths))
    running = {lag: [new(lag, *choice) for choice in choices] for lag in range(fit.lags)}
    finished: dict[int, Candidate] = {}
    rows: list[Candidate] = []
    offsets = floor.table.to(fit.device) if floor else None
    trainer = _Trainer(fit, check, budget, budget.rounds, seed, progress, offsets)
    for number in range(budget.rounds):
        ran = trainer.round(number, running, finished)
        rows += ran
        for lag in list(running):
            ranked = sorted((each for each in ran if each.lag == lag), key=lambda c: c.bits)
            running[lag] = ranked[: math.ceil(len(ranked) / 2)]
            if number == budget.rounds - 1 or (len(ranked) == 1 and not ranked[0].rises):
                finished[lag] = max(running.pop(lag), key=lambda c: c.score).better()
    return training_of([finished[lag] for lag in range(fit.lags)], rows, fit, budget.depth)


def go_on(
    earlier: Decoders,
    number: int,
    train: StateSource,
    dev: StateSource,
    budget: DecoderBudget,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Training:
    """Trains decoders for another round, from where they stopped.

    earlier: the decoders after as many rounds as `number` says. The other arguments are those of
    `train`. A lag that another round makes worse on dev keeps its decoder.
    """
    fit = Split(train, torch.device(device), whiten=True)
    check = Split(dev, fit.device, fit.inputs)
    steps = budget.steps * (2**number - 1)
    running = {lag: [_candidate(earlier, lag, steps, fit)] for lag in range(fit.lags)}
    trainer = _Trainer(fit, check, budget, number + 1, seed, progress, None)
    rows = sorted(trainer.round(number, running, {}), key=lambda each: each.lag)
    return training_of([each.better() for each in rows], rows, fit, budget.depth)


def _candidate(decoders: Decoders, lag: int, steps: int, train: Split) -> Candidate:
    """The decoder of one lag as a candidate that reads whitened states."""
    rotation = train.inputs.rotation
    assert rotation is not None
    layers = [(weight[lag], bias[lag]) for weight, bias in decoders.layers]
    layers[0] = torch.linalg.solve(rotation, layers[0][0].T).T, layers[0][1]
    return Candidate(
        lag,
        decoders.keeps[lag],
        decoders.width,
        decoders.dev_recall[lag],
        decoders.dev_bits[lag],
        steps,
        layers,
    )


def training_of(best: list[Candidate], rows: list[Candidate], train: Split, depth: int) -> Training:
    """What training gave. best: the decoder of each lag; rows: every one after every round."""
    before = [each.before for each in best if each.before]
    facts = ("lag", "keep", "width", "steps", "recall", "bits")
    rounds = pl.DataFrame([{name: getattr(row, name) for name in facts} for row in rows])
    earlier = _stacked(before, train, depth) if len(before) == len(best) else None
    return Training(_stacked(best, train, depth), earlier, rounds)


@dataclass
class _Trainer:
    """Runs rounds and reports how far the whole is."""

    train: Split
    dev: Split
    budget: DecoderBudget
    rounds: int
    seed: int
    progress: Progress | None
    offsets: Tensor | None
    done: int = 0  # steps of single decoders, behind and ahead
    left: int = 0

    def round(
        self, number: int, running: dict[int, list[Candidate]], finished: dict[int, Candidate]
    ) -> list[Candidate]:
        """Every running candidate after this round."""
        self.left = self._work(number, running)
        result: list[Candidate] = []
        everyone = sorted(itertools.chain(*running.values()), key=lambda c: (c.width, c.keep))
        for (width, _), group in itertools.groupby(everyone, lambda c: (c.width, c.keep)):
            latest = {lag: each for lag, each in finished.items() if each.width == width}
            for each in sorted(group, key=lambda c: c.lag):
                start = latest.get(each.lag - 1, each)
                latest[each.lag] = self._run(each, start.layers, number)
                result.append(latest[each.lag])
        return result

    def _run(self, candidate: Candidate, start: Layers, number: int) -> Candidate:
        """A candidate after this round, which begins with the hidden layers of `start`.

        Its readout is new: one that had become certain of another symbol learns slowly.
        """
        steps, train = self.budget.steps << number, self.train
        keep, lag, width = candidate.keep, candidate.lag, candidate.width
        bank = Bank(
            train.dim,
            train.n_symbols,
            width,
            self.budget.depth,
            {keep: [lag]},
            min(self.budget.batch, train.n),
            self.seed,
            train.device,
            [(weight[None], bias[None]) for weight, bias in start[:-1]],
            self.offsets,
        )
        label = f"lag {lag}, round {number + 1}" + (f", keep {keep:g}" if keep < 1 else "")
        minibatches = train.minibatches(bank.batch, self.seed + number)
        for step, (states, targets, *rows) in enumerate(itertools.islice(minibatches, steps)):
            rate = linear_decay((step + 1) / (steps + 1), self.budget.learning_rate)
            bank.step(states, targets, rate, *rows)
            self._tick(f"decoders, {label}")
        if self.offsets is not None:
            bank.calibrate(self.dev)
        recall, bits = bank.measure(self.dev)
        return replace(
            candidate,
            recall=recall.item(),
            bits=bits.item(),
            steps=candidate.steps + steps,
            layers=[(weight[0], bias[0]) for weight, bias in bank.layers],
            before=replace(candidate, before=None) if candidate.steps else None,
        )

    def _work(self, number: int, running: dict[int, list[Candidate]]) -> int:
        """Steps of single decoders from this round to the last, if every lag needs them all."""
        work = 0
        for later in range(number, self.rounds):
            halved = (math.ceil(len(each) / 2 ** (later - number)) for each in running.values())
            work += sum(halved) * (self.budget.steps << later)
        return work

    def _tick(self, message: str) -> None:
        self.done += 1
        self.left -= 1
        if self.progress:
            self.progress(self.done / (self.done + self.left), message)


def _stack(each: list[Layers]) -> Layers:
    """The layers of several decoders of one width as those of a bank."""
    return [
        (torch.stack([w for w, _ in layer]), torch.stack([b for _, b in layer]))
        for layer in zip(*each, strict=True)
    ]


def _stacked(best: list[Candidate], train: Split, depth: int) -> Decoders:
    """One candidate for each lag as decoders of standardized states.

    The rotation becomes part of the first layer. Narrower decoders are as wide as the widest one,
    by units whose weights are zero.
    """
    widest = max(len(each.layers[0][0]) for each in best)
    width = max(each.width for each in best)
    rotation = train.inputs.rotation
    assert rotation is not None
    parts: list[Layers] = []
    for each in best:
        layers = [(weight.clone(), bias.clone()) for weight, bias in each.layers]
        layers[0] = layers[0][0] @ rotation.T, layers[0][1]
        parts.append(_widened(layers, widest))
    return Decoders(
        mean=train.inputs.mean,
        scale=train.inputs.scale,
        layers=_stack(parts),
        keeps=tuple(each.keep for each in best),
        width=width,
        depth=depth,
        parameters=decoder_parameters(train.dim, train.n_symbols, width, depth),
        dev_recall=tuple(each.recall for each in best),
        dev_bits=tuple(each.bits for each in best),
    )


def _widened(layers: Layers, width: int) -> Layers:
    """A decoder with more hidden units, whose weights are zero."""

    def padded(values: Tensor, rows: int, columns: int) -> Tensor:
        result = values.new_zeros(rows, columns)
        result[: values.shape[0], : values.shape[1]] = values
        return result

    last = len(layers) - 1
    return [
        (
            padded(weight, len(weight) if i == last else width, width if i else weight.shape[1]),
            padded(bias, 1, bias.shape[1] if i == last else width),
        )
        for i, (weight, bias) in enumerate(layers)
    ]
