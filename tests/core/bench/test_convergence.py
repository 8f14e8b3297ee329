"""The benchmark of convergence, on a network and budgets that take seconds."""

from __future__ import annotations

import pytest

from core import profiles
from core.bench import convergence

SMOKE = profiles.find("smoke")


@pytest.mark.slow
def test_the_gap_is_what_longer_training_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    first = SMOKE.decoders
    today = first.model_copy(update={"rounds": 2, "steps": 10, "learning_rate": 2e-2})
    monkeypatch.setattr(convergence, "NETWORKS", (("gru", 16),))
    monkeypatch.setattr(convergence, "LAPTOP", SMOKE)
    monkeypatch.setattr(convergence, "FIRST_RELEASE", first)
    monkeypatch.setattr(convergence, "TODAY", today)
    monkeypatch.setattr(convergence, "LONGER", today.model_copy(update={"rounds": 6}))
    figures = convergence.run()
    assert [network["trained"] for network in figures["networks"]] == [True, False]
    for network in figures["networks"]:
        assert network["lags"] == list(range(11))
        for name in ("recall", "rising", "reference", "reference_rising", "first_release"):
            assert len(network[name]) == 11
        # The untrained network holds the last symbol, which any training finds.
        assert network["reference"][0] > 0.95
        # Two rounds of ten minibatches are not enough; 32 times as many are better.
        assert sum(network["reference"]) > sum(network["recall"])
        assert network["gigaflop"] > 0 and network["seconds"] > 0
    gaps = [
        longer - short
        for network in figures["networks"]
        for longer, short in zip(network["reference"][1:], network["recall"][1:], strict=True)
    ]
    assert figures["worst_gap"] == max(gaps) > 0
