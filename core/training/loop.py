"""The training loop of every network: epochs, early stopping, a sweep of dropout, exact resume."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import BadInput
from core.profiles import LasBudget, TrainingBudget
from core.step import Progress
from core.training.batches import PAD
from core.training.checkpoints import Checkpoint, pack, unpack
from core.training.schedule import dropped, one_cycle

CHECKPOINT_SECONDS = 60.0
STALE = 0.001  # a dev value that falls by a smaller share does not put off a lower rate
# By what share the best dev value of a network that is finished fell at most in the last fifth of
# its epochs: the view `unfinished` has the same.
FINISHED = 0.01


@dataclass(frozen=True)
class Loss:
    """Of a minibatch: what is minimized, the mean nats a symbol that are reported, its symbols."""

    minimized: Tensor
    nats: Tensor
    symbols: int


def next_symbol(logits: Tensor, predict: Tensor) -> Loss:
    """Cross-entropy of logits [time, batch, symbols]; predict: [time, batch], PAD where nothing."""
    target = predict.to(logits.device)
    loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD)
    return Loss(loss, loss, int((predict != PAD).sum()))


class Lesson(Protocol):
    """What a network is trained on, and how it is built; a minibatch is whatever `loss` takes.

    keeps: keep probabilities of dropout that are tried, each from the initial weights. clip: the
    largest norm of a gradient. goal: the number of `evaluate` that is to become small.
    """

    seed: int
    keeps: tuple[float, ...]
    clip: float
    goal: str

    @property
    def budget(self) -> TrainingBudget | LasBudget: ...

    def build(self) -> nn.Module:
        """The network at its initial weights; the same every time."""

    def minibatches(self, epoch: int, order: int) -> Iterable[tuple[float, Any]]:
        """The minibatches of an epoch, each with the share (0 to 1) of the epoch before it.

        order: a seed of this epoch's own.
        """

    def loss(self, model: Any, minibatch: Any, keep: float, done: float) -> Loss:
        """The loss of a minibatch; done: the share (0 to 1) of all epochs that is over."""

    def evaluate(self, model: Any) -> dict[str, float]:
        """What is measured on dev after an epoch."""

    def report(self, measured: dict[str, float]) -> str:
        """That in a few words."""


class Run:
    """Everything a training run is in the middle of; `save` and `resume` are exact inverses.

    No random state is saved: every step seeds its dropout with its own position, so a resumed run
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
            epoch_nats=0.0,
            stale=0,
            drop=0,
            symbols=0,
            seconds=0.0,
            learning_rate=0.0,
            keep=lesson.keeps[0],
            dev={},
            curve=[],
            sweep_best=math.inf,
        )
        self.restart()

    def restart(self) -> None:
        """Initial weights and optimizer, as at the start of each keep probability of the sweep."""
        self.model = self.lesson.build().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), fused=True)

    def save(self) -> bytes:
        """The weights, the best so far, the optimizer's moments and the facts."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
        return pack(tensors, self.facts)

    def resume(self, saved: bytes) -> None:
        """Go on from what `save` wrote; BadInput where another version of the loop wrote it."""
        tensors, facts = unpack(saved)
        if facts.keys() != self.facts.keys():
            raise BadInput("This training run was begun by another version; train it again.")
        moments: dict[int, dict[str, Tensor]] = {}
        weights: dict[str, Tensor] = {}
        for name, value in tensors.items():
            part, rest = name.split(".", 1)
            if part == "adam":
                index, moment = rest.split(".")
                moments.setdefault(int(index), {})[moment] = value
            else:
                (self.best if part == "best" else weights)[rest] = value
        self.model.load_state_dict(weights)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.facts = facts

    def step(self, minibatch: Any, keep: float, done: float) -> Loss:
        """One step of the optimizer."""
        loss = self.lesson.loss(self.model, minibatch, keep, done)
        self.optimizer.zero_grad()
        loss.minimized.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.lesson.clip)
        budget = self.lesson.budget
        if budget.drops:
            rate = dropped(done * budget.epochs, budget.learning_rate, self.facts["drop"])
        else:
            rate = one_cycle(done, budget.learning_rate)
        self.optimizer.param_groups[0]["lr"] = self.facts["learning_rate"] = rate
        self.optimizer.step()
        return loss

    def end_epoch(self, keep: float) -> dict[str, float]:
        """Measure on dev, add a row to the curve, keep the weights where they are the best."""
        facts, goal = self.facts, self.lesson.goal
        dev = self.lesson.evaluate(self.model)
        row = {
            "keep": keep,
            "epoch": facts["epoch"] + 1,
            "symbols": facts["symbols"],
            "train_bits": facts["epoch_nats"] / facts["epoch_symbols"] / math.log(2),
            f"dev_{goal}": dev[goal],
            "learning_rate": facts["learning_rate"],
            "seconds": facts["seconds"],
        }
        facts["curve"].append(row)
        better = 1 - STALE if self.lesson.budget.drops else 1.0
        facts["stale"] = 0 if dev[goal] < better * facts["sweep_best"] else facts["stale"] + 1
        facts["sweep_best"] = min(dev[goal], facts["sweep_best"])
        if (
            facts["stale"] == self.lesson.budget.patience
            and facts["drop"] < self.lesson.budget.drops
        ):
            facts |= dict(drop=facts["drop"] + 1, stale=0)
        if dev[goal] < facts["dev"].get(goal, math.inf):
            facts |= dict(dev=dev, keep=keep)
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        facts |= dict(epoch=facts["epoch"] + 1, batch=0, epoch_symbols=0, epoch_nats=0.0)
        return dev

    def goes_on(self) -> bool:
        """Whether another epoch follows. At its lowest rate it goes on until it is finished."""
        facts, budget = self.facts, self.lesson.budget
        if facts["epoch"] == budget.epochs:
            return False
        if facts["stale"] < budget.patience:
            return True
        values = [row[f"dev_{self.lesson.goal}"] for row in facts["curve"]][-facts["epoch"] :]
        before = values[: int(0.8 * len(values))]
        return budget.drops > 0 and min(values) < (1 - FINISHED) * min(before, default=math.inf)


def fit(
    lesson: Lesson, progress: Progress, checkpoint: Checkpoint | None, device: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Trains the network of a lesson, or goes on from the checkpoint to the same weights.

    Returns the best weights on dev, and the facts of the run: `keep`, what `evaluate` measured of
    these weights, `symbols` (read in training), `seconds`, `curve` (a row per epoch).
    """
    run, budget = Run(lesson, device), lesson.budget
    if checkpoint and (saved := checkpoint.load()):
        with suppress(BadInput):  # a damaged checkpoint is as good as none
            run.resume(saved)
    facts, sweeps = run.facts, len(lesson.keeps)
    started = time.monotonic() - facts["seconds"]
    while facts["sweep"] < sweeps:
        keep = lesson.keeps[facts["sweep"]]
        while run.goes_on():
            _epoch(run, keep, started, progress, checkpoint)
            dev = run.end_epoch(keep)
            whole = (facts["sweep"] + facts["epoch"] / budget.epochs) / sweeps
            progress(whole, f"epoch {facts['epoch']}: {lesson.report(dev)}")
            if checkpoint:
                checkpoint.save(run.save())
        again = dict(epoch=0, batch=0, stale=0, drop=0, sweep_best=math.inf)
        facts |= dict(sweep=facts["sweep"] + 1, **again)
        if facts["sweep"] < sweeps:
            run.restart()
    return run.best, facts | facts["dev"]


def _epoch(
    run: Run, keep: float, started: float, progress: Progress, checkpoint: Checkpoint | None
) -> None:
    """The steps of an epoch that are still to be taken."""
    lesson, facts, epochs = run.lesson, run.facts, run.lesson.budget.epochs
    sweeps, saved_at = len(lesson.keeps), time.monotonic()
    order = (lesson.seed * 100 + facts["sweep"]) * 1000 + facts["epoch"]
    for number, (share, minibatch) in enumerate(lesson.minibatches(facts["epoch"], order)):
        if number < facts["batch"]:
            continue  # taken before the run was interrupted
        torch.manual_seed(order * 1_000_000 + number)
        done = (facts["epoch"] + share) / epochs
        loss = run.step(minibatch, keep, done)
        nats = loss.nats.item()
        facts |= dict(
            batch=number + 1,
            symbols=facts["symbols"] + loss.symbols,
            epoch_symbols=facts["epoch_symbols"] + loss.symbols,
            epoch_nats=facts["epoch_nats"] + nats * loss.symbols,
            seconds=time.monotonic() - started,
        )
        best = f", {lesson.report(facts['dev'])}" if facts["dev"] else ""
        message = f"epoch {facts['epoch'] + 1} of {epochs}, {nats / math.log(2):.2f} bits{best}"
        progress((facts["sweep"] + done) / sweeps, message)
        if checkpoint and time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            checkpoint.save(run.save())
            saved_at = time.monotonic()
