"""What a study costs, on networks that take seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.bench import cost
from core.library import find_corpus, signature_spec
from core.profiles import DecoderBudget, find
from core.store import Store


def test_each_network_and_signature_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known answer: with every step of every kind at one second, hours count steps."""
    monkeypatch.setattr(cost, "_symbol", lambda *shape: 1.0)
    monkeypatch.setattr(cost, "_minibatch", lambda *shape: 1.0)
    figures = cost.run("smoke")
    rows = {row["study"]: row for row in figures["studies"]}
    training, decoders = find("smoke").training, find("smoke").decoders
    assert training.symbols
    network = training.symbols * training.epochs / 3600
    bank = (find("smoke").max_lag + 1) * decoders.read / decoders.batch / 3600
    # Trained, untrained and added bits.
    assert rows["signature"]["networks_h"] == pytest.approx(network)
    assert rows["signature"]["decoders_h"] == pytest.approx(3 * bank)
    # Of its four networks the smaller two are those of adaptation and of the n-gram's study.
    assert rows["size"]["networks_h"] == pytest.approx(2 * network)
    assert rows["size"]["decoders_h"] == pytest.approx(2 * 2 * bank)
    assert figures["hours"] == pytest.approx(
        sum(row["networks_h"] + row["decoders_h"] for row in figures["studies"])
    )


def test_what_all_minibatches_share_counts_for_none_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known answer: half a second before the first minibatch, a hundredth for each step."""

    def clock(work: Callable[..., Any], *arguments: Any) -> float:
        work(*arguments)
        steps = [each.steps for each in arguments if isinstance(each, DecoderBudget)]
        return 0.5 + 0.01 * steps[0] if steps else 2.0

    monkeypatch.setattr(cost, "seconds", clock)
    spec = signature_spec(find_corpus("shakespeare"), "gru", 1, 16, profile="smoke")
    minibatches = (spec.max_lag + 1) * spec.budget.read / spec.budget.batch
    assert cost.decoding(spec) == pytest.approx(minibatches * 0.01 / cost.LAGS)
    symbols = cost.TIME * (spec.model.budget.batch // cost.TIME)
    assert cost.network(spec.model) == pytest.approx(spec.model.read * 2.0 / symbols)
    assert cost.network(spec.model.untrained()) == cost.decoding(spec.preview()) == 0
