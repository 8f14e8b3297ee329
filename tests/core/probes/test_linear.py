"""Linear decoders of all lags at once: what is known of them, and what each finds by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.probes import linear
from core.profiles import find
from tests.core.probes.test_decoders import BUDGET, Arrays, delay_line, delay_line_recall, noise


def test_a_delay_line_is_recalled_as_far_as_it_reaches() -> None:
    train, dev = delay_line(8000, 4, 6, 0), delay_line(3000, 4, 6, 1)
    decoders = linear.train(train, dev, BUDGET).decoders
    recalls = delay_line_recall(decoders, dev)
    assert recalls[:4] == [1, 1, 1, 1] and max(decoders.dev_bits[:4]) < 0.1
    # Six equally likely symbols.
    assert max(recalls[4:]) < 0.25 and min(decoders.dev_bits[4:]) > 2.4
    assert decoders.depth == decoders.width == 0


def random_network(segments: int, lags: int, seed: int) -> Arrays:
    """States of an untrained GRU that reads five symbols at random, 40 a segment."""
    text = np.random.default_rng(seed).integers(0, 5, (segments, 40))
    torch.manual_seed(0)
    network = torch.nn.GRU(5, 32, batch_first=True)
    with torch.no_grad():
        states = network(torch.eye(5)[torch.from_numpy(text)])[0].flatten(0, 1).numpy()
    step = np.arange(text.size) % 40
    back = [np.where(step >= lag, np.roll(text.ravel(), lag), -1) for lag in range(lags)]
    return Arrays(states, np.stack(back, 1), 5, 400)


def regression(train: Arrays, lag: int) -> torch.nn.Linear:
    """Multinomial logistic regression of one lag, without a penalty, by L-BFGS to its end."""
    valid = train.targets[:, lag] >= 0
    inputs, truth = torch.from_numpy(train.states[valid]), torch.from_numpy(train.targets[valid])
    mean, scale = inputs.mean(0), inputs.std(0)
    layer = torch.nn.Linear(32, 5)
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=500, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(layer((inputs - mean) / scale), truth[:, lag])
        value.backward()
        return value

    optimizer.step(loss)
    assert max(weights.grad.abs().max() for weights in layer.parameters()) < 1e-3
    with torch.no_grad():
        layer.weight /= scale
        layer.bias -= layer.weight @ mean
    return layer


@pytest.mark.slow
def test_each_lag_is_a_logistic_regression_trained_to_its_end() -> None:
    lags, recalls = 5, []
    train, dev, test = (random_network(n, lags, seed) for seed, n in enumerate((300, 100, 400)))
    budget = find("laptop").decoders
    decoders = linear.train(train, dev, budget).decoders
    mine = decoders.logits(test.states)
    for lag in range(lags):
        valid = test.targets[:, lag] >= 0
        truth = torch.from_numpy(test.targets[valid, lag])
        with torch.no_grad():
            theirs = regression(train, lag)(torch.from_numpy(test.states[valid]))
        recall, expected = (
            (logits.argmax(1) == truth).double().mean().item()
            for logits in (mine[valid, lag], theirs)
        )
        assert recall == pytest.approx(expected, abs=0.005)
        recalls.append(recall)
    assert recalls[0] == 1 and 0.3 < recalls[4] < 0.7  # far ones are held in part


def test_a_lag_without_any_target_leaves_the_others_as_they_are() -> None:
    train, dev = noise(1500, 8, 2, 0), noise(500, 8, 2, 1)
    whole = linear.train(train, dev, BUDGET).decoders
    train.targets[:, 1] = dev.targets[:, 1] = -1
    decoders = linear.train(train, dev, BUDGET).decoders
    assert decoders.dev_recall == (whole.dev_recall[0], 0.0)
    logits = decoders.logits(dev.states)
    assert torch.equal(logits[:, 0], whole.logits(dev.states)[:, 0])
    assert not logits[:, 1].any()


def test_the_same_seed_gives_the_same_decoders() -> None:
    train, dev = noise(1500, 8, 3, 0), noise(500, 8, 3, 1)
    first, second, other = (
        linear.train(train, dev, BUDGET, seed).decoders.logits(dev.states) for seed in (0, 0, 1)
    )
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_rounds_are_reported_and_the_last_doubling_is_known() -> None:
    train, dev = noise(1500, 8, 2, 0), noise(500, 8, 2, 1)
    seen: list[float] = []
    budget = BUDGET.model_copy(update={"steps": 5})
    training = linear.train(train, dev, budget, progress=lambda share, _: seen.append(share))
    assert seen == sorted(seen) and seen[0] < 0.03 and seen[-1] == 1
    # Each step reads a minibatch for all lags together: rounds of 5, 10 and 20 steps.
    assert len(seen) * budget.batch == budget.read_linear == 35 * 128
    assert training.rounds.filter(lag=1)["steps"].to_list() == [5, 15, 35]
    less = linear.train(train, dev, budget.model_copy(update={"rounds": 2}))
    assert training.rounds.filter(training.rounds["steps"] < 35).equals(less.rounds)
    assert training.before is not None
    assert linear.train(train, dev, budget.model_copy(update={"rounds": 1})).before is None
