"""What a study costs, on networks that take seconds."""

from __future__ import annotations

import pytest

from core.bench import cost
from core.library import find_corpus, signature_spec
from core.profiles import find
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


def test_speeds_are_measured(store: Store) -> None:
    spec = signature_spec(find_corpus("shakespeare"), "gru", 1, 16, profile="smoke")
    few = spec.model_copy(update={"budget": spec.budget.model_copy(update={"rounds": 1})})
    assert cost.network(spec.model) > 0 == cost.network(spec.model.untrained())
    assert cost.decoding(spec) > cost.decoding(few) > 0 == cost.decoding(spec.preview())
