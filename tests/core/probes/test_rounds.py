"""Decoders trained in rounds: what is known about them, and what other libraries' would recall."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

import core
from core.probes import rounds
from core.probes.bank import Bank, read_out
from core.probes.data import SHRINKAGE, Split
from core.probes.measure import evaluate
from core.probes.mlp import Decoders
from core.profiles import DecoderBudget
from tests.core.probes.test_decoders import BUDGET, CPU, delay_line, delay_line_recall, noise


def changed(**options: object) -> DecoderBudget:
    return BUDGET.model_copy(update=options)


def test_inputs_are_whitened_by_the_statistics_of_train() -> None:
    mixing = np.random.default_rng(0).normal(size=(12, 12)).astype(np.float32)
    train, dev = noise(4000, 12, 2, 1), noise(500, 12, 2, 2)
    for source in (train, dev):
        source.states = source.states @ mixing
    fit = Split(train, CPU, whiten=True)
    inputs = torch.cat([states for states, _ in fit.tiles()])
    covariance = torch.cov(inputs.T, correction=0)
    # An eigenvalue v of the correlation matrix becomes v / (v + SHRINKAGE).
    values = torch.linalg.eigvalsh(torch.corrcoef(torch.from_numpy(train.states).T))
    expected = (values / (values + SHRINKAGE)).sort().values
    assert torch.allclose(covariance, torch.diag(covariance.diag()), atol=1e-4)
    assert torch.allclose(covariance.diag().sort().values, expected, atol=1e-3)
    assert Split(dev, CPU, fit.inputs).inputs is not None
    mean, scale, rotation = fit.inputs
    other = torch.cat([states for states, _ in Split(dev, CPU, fit.inputs).tiles()])
    assert torch.allclose(other, (torch.from_numpy(dev.states) - mean) / scale @ rotation)


def test_a_delay_line_is_recalled_as_far_as_it_reaches() -> None:
    train, dev = delay_line(8000, 4, 6, 0), delay_line(3000, 4, 6, 1)
    budget = changed(keeps=(0.8, 1.0), steps=60)
    decoders = rounds.train(train, dev, 32, budget).decoders
    recalls = delay_line_recall(decoders, dev)
    assert recalls[:4] == [1, 1, 1, 1] and max(decoders.dev_bits[:4]) < 0.1
    # Six equally likely symbols.
    assert max(recalls[4:]) < 0.25 and min(decoders.dev_bits[4:]) > 2.4


def test_the_same_seed_gives_the_same_decoders() -> None:
    train, dev = noise(1500, 8, 3, 0), noise(500, 8, 3, 1)
    budget = changed(keeps=(0.5, 0.8, 1.0), widths=(0.5, 1.0), steps=10)
    first, second, other = (rounds.train(train, dev, 16, budget, seed) for seed in (0, 0, 1))
    assert first.rounds.equals(second.rounds)
    one, same, another = (each.decoders.logits(dev.states) for each in (first, second, other))
    assert torch.equal(one, same) and not torch.equal(one, another)


def test_a_lag_without_any_target_leaves_the_others_as_they_are() -> None:
    train, dev = noise(1500, 8, 2, 0), noise(500, 8, 2, 1)
    whole = rounds.train(train, dev, 16, BUDGET).decoders
    train.targets[:, 1] = dev.targets[:, 1] = -1
    assert rounds.train(train, dev, 16, BUDGET).decoders.dev_recall == (whole.dev_recall[0], 0.0)


def test_progress_goes_from_nothing_to_done() -> None:
    seen: list[float] = []
    train, dev = noise(1500, 8, 2, 0), noise(500, 8, 2, 1)
    budget = changed(keeps=(0.5, 0.6, 0.7, 0.8))
    rounds.train(train, dev, 16, budget, progress=lambda share, _: seen.append(share))
    assert seen == sorted(seen) and seen[0] < 0.01 and seen[-1] == 1


def test_a_sweep_of_six_keeps_costs_as_its_budget_says(monkeypatch: pytest.MonkeyPatch) -> None:
    worked = 0
    step = Bank.step

    def counted(bank: Bank, *arguments: object) -> None:
        nonlocal worked
        worked += len(bank.members)
        step(bank, *arguments)

    monkeypatch.setattr(Bank, "step", counted)
    monkeypatch.setattr(rounds, "ENOUGH", -1.0)  # no decoder finishes early
    train, dev = noise(2000, 8, 3, 0), noise(500, 8, 3, 1)
    costs = []
    for keeps in ((0.8,), (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)):
        worked = 0
        budget = changed(keeps=keeps, steps=5)
        found = rounds.train(train, dev, 16, budget).decoders
        assert set(found.keeps) <= set(keeps)
        assert worked * budget.batch == 3 * budget.read
        costs.append(worked)
    # Three lags; rounds of 5, 10 and 20 steps, of one keep each, and of six, three and two.
    assert costs == [3 * 35, 3 * (6 * 5 + 3 * 10 + 2 * 20)]


def test_the_decoders_before_are_those_of_one_round_less() -> None:
    train, dev = noise(4000, 8, 3, 0), noise(2000, 8, 3, 1)
    # Recall on dev rises from round to round here, so that no decoder finishes early.
    whole, less = (rounds.train(train, dev, 16, changed(rounds=n, steps=10)) for n in (3, 2))
    rose = [
        lag for lag in range(3) if whole.decoders.dev_recall[lag] > less.decoders.dev_recall[lag]
    ]
    assert rose
    for lag in rose:
        assert whole.before.dev_recall[lag] == less.decoders.dev_recall[lag]
        for (a, _), (b, _) in zip(whole.before.layers, less.decoders.layers, strict=True):
            assert torch.equal(a[lag], b[lag])


def test_each_round_is_twice_as_long_as_the_last() -> None:
    train, dev = delay_line(4000, 2, 2, 0), delay_line(1000, 2, 2, 1)
    done = rounds.train(train, dev, 32, changed(rounds=4, steps=3)).rounds.filter(lag=1)
    assert done["steps"].to_list() == [3, 9, 21, 45]
    one = rounds.train(train, dev, 32, changed(rounds=1, steps=3))
    assert one.before is None  # a single round says nothing of a rise


def test_a_decoder_that_no_longer_gains_is_finished() -> None:
    train, dev = delay_line(8000, 2, 2, 0), delay_line(2000, 2, 2, 1)
    training = rounds.train(train, dev, 32, changed(rounds=6, steps=100))
    assert training.rounds.group_by("lag").len()["len"].max() < 6
    assert training.decoders.dev_recall == (1.0, 1.0)
    assert training.rounds.filter(lag=0)["steps"].to_list() == [100, 300]


def test_each_round_drops_the_worse_half_of_keeps_and_widths() -> None:
    train, dev = noise(3000, 8, 2, 0), noise(1000, 8, 2, 1)
    budget = changed(keeps=(0.7, 1.0), widths=(0.5, 1.0), steps=10)
    training = rounds.train(train, dev, 32, budget)
    for _, of_lag in training.rounds.group_by("lag"):
        assert of_lag.group_by("steps").len().sort("steps")["len"].to_list() == [4, 2, 1]
        first, second = (
            of_lag.filter(steps=steps).sort("bits").select("keep", "width").rows()
            for steps in (10, 30)
        )
        assert sorted(second) == sorted(first[:2])
    # Decoders of 16 and 32 units stand side by side; the narrower ones are padded.
    widths = {row[0] for row in training.rounds.filter(steps=70).select("width").rows()}
    assert training.decoders.width == max(widths)
    inputs = Split(dev, CPU).in_memory
    assert inputs
    by_hand = torch.stack([read_out(inputs[0], training.decoders.layers, i) for i in (0, 1)], 1)
    assert training.decoders.logits(dev.states).shape == by_hand.shape


def test_dropout_wins_where_states_are_few_and_noisy() -> None:
    train, dev = noise(300, 60, 1, 0), noise(4000, 60, 1, 1)
    training = rounds.train(train, dev, 128, changed(keeps=(0.5, 1.0), batch=64))
    assert training.decoders.keeps == (0.5,)


def test_rising_is_what_the_last_doubling_added() -> None:
    train, dev, test = (noise(3000, 8, 3, seed) for seed in range(3))
    for source in (train, dev, test):
        source.first = 0
    training = rounds.train(train, dev, 16, changed(steps=4, learning_rate=5e-3))
    whole = evaluate(training.decoders, train, test, 0, training.before).recall
    half = evaluate(training.before, train, test, 0).recall
    assert half["rising"].null_count() == len(half)
    assert whole["rising"].to_list() == pytest.approx(
        (whole["accuracy"] - half["accuracy"]).to_list()
    )
    assert whole["rising"].abs().max() > 0


def test_going_on_ends_where_the_longer_training_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds, stored, and a third one later give the decoders of three rounds."""
    monkeypatch.setattr(rounds, "ENOUGH", -1.0)  # no lag ends its training early
    train, dev = (noise(3000, 8, 3, seed) for seed in range(2))
    whole = rounds.train(train, dev, 16, changed(steps=20, rounds=3, keeps=(1.0,)))
    begun = rounds.train(train, dev, 16, changed(steps=20, rounds=2, keeps=(1.0,)))
    later = rounds.go_on(begun.decoders, 2, train, dev, changed(steps=20, rounds=2, keeps=(1.0,)))
    for mine, reference in zip(later.decoders.layers, whole.decoders.layers, strict=True):
        torch.testing.assert_close(mine[0], reference[0], atol=1e-3, rtol=1e-3)
    assert later.decoders.dev_recall == pytest.approx(whole.decoders.dev_recall, abs=0.002)
    assert later.before and later.before.dev_recall == begun.decoders.dev_recall
    assert later.rounds["steps"].unique().to_list() == [140]
    stored = Decoders.from_bytes(begun.decoders.to_bytes())
    later = rounds.go_on(stored, 2, train, dev, changed(steps=20, rounds=2, keeps=(1.0,)))
    assert later.decoders.dev_recall == pytest.approx(whole.decoders.dev_recall, abs=0.01)


@pytest.mark.slow
def test_a_random_network_gives_what_it_holds() -> None:
    """On 300 segments of 40 symbols sklearn's MLPClassifier(128) recalls .99, .88 and .51 of the
    symbols 2, 3 and 4 steps back; a linear decoder of any library at most .65 of the second."""
    generator = np.random.default_rng(0)
    text = generator.integers(0, 5, (300, 40))
    torch.manual_seed(0)
    network = torch.nn.GRU(5, 32, batch_first=True)
    with torch.no_grad():
        states = network(torch.eye(5)[torch.from_numpy(text)])[0].numpy()
    tables = [core.measure(states, text, 8, decoder=kind) for kind in ("mlp", "linear")]
    mlp, linear = (table.filter(pl.col("symbol").is_null()).sort("lag") for table in tables)
    assert (mlp["high"] >= linear["low"]).all()
    for lag, peer in ((2, 0.991), (3, 0.883), (4, 0.509)):
        assert mlp["high"][lag] >= peer
    assert mlp["accuracy"][3] > linear["accuracy"][3] + 0.2
