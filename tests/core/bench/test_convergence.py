"""The benchmark of convergence, on a network and budgets that take seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import profiles
from core.bench import convergence

SMOKE = profiles.find("smoke")


@pytest.mark.slow
def test_the_gap_is_what_longer_training_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    short = SMOKE.decoders.model_copy(update={"rounds": 2, "steps": 10})
    monkeypatch.setattr(convergence, "NETWORKS", (("gru", 16),))
    monkeypatch.setattr(convergence, "LAPTOP", replace(SMOKE, decoders=short))
    monkeypatch.setattr(convergence, "MORE_ROUNDS", 4)
    figures = convergence.run()
    assert [network["trained"] for network in figures["networks"]] == [True, False]
    for network in figures["networks"]:
        assert network["lags"] == list(range(11))
        for name in ("recall", "rising", "reference", "reference_rising"):
            assert len(network[name]) == 11
        # The untrained network holds the last symbol, which any training finds.
        assert network["reference"][0] > 0.95
        # Two rounds of ten minibatches are not enough; 32 times as many are better.
        assert sum(network["reference"]) > sum(network["recall"])
        # Work is the minibatches of all rounds: 10 and 20 a lag; up to 630, where it still paid.
        assert 3 < network["reference_gigaflop"] / network["gigaflop"] <= 21
        assert network["seconds"] > 0 and network["reference_seconds"] > 0
    gaps = [
        longer - short
        for network in figures["networks"]
        for longer, short in zip(network["reference"][1:], network["recall"][1:], strict=True)
    ]
    assert figures["worst_gap"] == max(gaps) > 0
