"""When the learning rate goes down, and when training stops."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest
import torch
from torch import nn

from core.library import signature_spec
from core.profiles import PROFILES, TrainingBudget
from core.spec import CorpusSpec
from core.store import Store
from core.training.loop import Loss, Run, fit
from core.training.schedule import dropped
from tests.core.invented import known


class Scripted:
    """A lesson of one step an epoch, whose dev values are given."""

    seed, keeps, clip, goal = 0, (1.0,), 1.0, "perplexity"

    def __init__(self, dev: list[float], **budget: object) -> None:
        self.dev = iter(dev)
        self.budget: TrainingBudget = PROFILES["desk"].training.model_copy(update=budget)

    def build(self) -> nn.Module:
        return nn.Linear(1, 1)

    def minibatches(self, epoch: int, order: int) -> Iterator[tuple[float, int]]:
        yield 0.5, 0

    def loss(self, model: nn.Module, minibatch: int, keep: float, done: float) -> Loss:
        cost = model(torch.ones(1)).square().sum()
        return Loss(cost, cost, 1)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        return {"perplexity": next(self.dev)}

    def report(self, measured: dict[str, float]) -> str:
        return ""


def rates(lesson: Scripted) -> list[float]:
    """The learning rate of each epoch until training stopped, as shares of the peak."""
    _, facts = fit(lesson, lambda fraction, message: None, None, "cpu")
    return [row["learning_rate"] / lesson.budget.learning_rate for row in facts["curve"]]


def test_the_rate_is_quartered_where_dev_stops_falling_and_training_ends_after_the_last_drop() -> (
    None
):
    # Falls by less than a thousandth (8 to 7.995) do not count.
    dev = [10, 9, 8, 7.995, 7.999, 7, 6.9, 7, 7, 6.85, 6.9, 6.9, 1]
    lesson = Scripted(dev, drops=2, patience=2, epochs=40)
    assert rates(lesson) == [1.0] * 5 + [0.25] * 4 + [1 / 16] * 3
    assert next(lesson.dev) == 1


def test_at_its_lowest_rate_it_goes_on_until_it_is_finished() -> None:
    """As the view `unfinished` counts: a fall of more than 1 % in the last fifth of the epochs."""
    dev = [12, 11, 11, 10.95, 10, 10, 10, 1]
    lesson = Scripted(dev, drops=1, patience=1, epochs=40)
    # Patience ends with the sixth, but the fall at the fifth is outside the first four fifths.
    assert rates(lesson) == [1.0] * 3 + [0.25] * 4
    # A small fall there does not count, nor does any of a rate that goes down by the clock.
    assert len(rates(Scripted([*dev[:4], 10.9, 10.9, 1], drops=1, patience=1, epochs=40))) == 6
    assert len(rates(Scripted([12, 11, 10.5, 10.2, 10, 10, 1], drops=0, patience=1, epochs=9))) == 6


def test_the_loop_and_the_view_agree_on_what_is_finished(store: Store) -> None:
    network = signature_spec(CorpusSpec(name="tiny", content="1" * 64), "gru", 1, 20).model
    goes_on, models, curves = set(), [], []
    for epochs in range(5, 30):
        for fall in (0.0099, 0.0101):
            name = f"{epochs} epochs, {fall}"
            before = int(0.8 * epochs)
            dev = [4.0] * before + [4.0 * (1 - fall)] * (epochs - before)
            run = Run(Scripted([], drops=1, patience=1, epochs=40), "cpu")
            curve = [{"dev_perplexity": value} for value in dev]
            run.facts |= dict(epoch=epochs, stale=1, drop=1, curve=curve)
            goes_on |= {name} if run.goes_on() else set()
            models.append(known(network) | {"key": name})
            curves += [{"model": name, "epoch": at + 1.0, **row} for at, row in enumerate(curve)]
    store.take_in({"models": pl.DataFrame(models), "training_curve": pl.DataFrame(curves)})
    assert set(store.query("FROM unfinished")["key"]) == goes_on
    assert len(goes_on) == 25


def test_epochs_bound_it_and_each_keep_probability_starts_at_the_peak() -> None:
    assert rates(Scripted([5.0] * 9, drops=3, patience=1, epochs=3)) == [1.0, 1.0, 0.25]
    lesson = Scripted([5.0] * 9, drops=1, patience=1, epochs=9)
    lesson.keeps = (0.9, 1.0)
    assert rates(lesson) == [1.0, 1.0, 0.25, 1.0, 1.0, 0.25]


def test_without_drops_the_rate_goes_down_by_the_clock() -> None:
    lesson = Scripted([5.0, 4.0, 3.0, 2.0], drops=0, patience=9, epochs=4)
    assert rates(lesson) == pytest.approx([0.52, 0.933, 0.5, 0.067], abs=1e-3)


def test_the_rate_rises_in_the_first_quarter_of_an_epoch() -> None:
    assert [dropped(at, 2.0, 0) for at in (0, 0.25, 7)] == [0.08, 2.0, 2.0]
    assert dropped(3, 2.0, 2) == 0.125
