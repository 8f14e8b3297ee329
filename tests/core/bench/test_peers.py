"""The benchmark against peers, on fewer states and with what is installed."""

from __future__ import annotations

import numpy as np
import pytest

from core.bench import peers


@pytest.mark.slow
def test_ours_and_a_plain_loop_are_measured_on_the_same_positions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A network that holds the last symbol and no other: all methods find that, and only that."""
    symbols = np.random.default_rng(0).integers(0, 4, (120, 20))
    states = np.eye(4, dtype=np.float32)[symbols]
    monkeypatch.setattr(peers, "LAGS", {"last symbol": [0, 1]})
    monkeypatch.setattr(peers, "networks", lambda: {"last symbol": (states, symbols)})
    monkeypatch.setattr(peers, "PEERS", {"torch loop": peers.PEERS["torch loop"]})
    figures = peers.run()
    [network] = figures["networks"]
    assert network["positions"] == 20 * 20 + 20 * 19  # 20 segments are measured
    assert set(network["methods"]) == {"ours", "ours, linear", "torch loop"}
    for method in network["methods"].values():
        last, before = method["recall"]
        assert last == 1 and before == pytest.approx(0.25, abs=0.1) and method["seconds"] > 0
    assert figures["worst_deficit"] < 0.1 and not figures["not_installed"]


def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_installed", lambda package: package == "torch")
    monkeypatch.setattr(
        peers,
        "_compare",
        lambda name, device: {
            "methods": {
                method: {"recall": [0.5], "seconds": 1.0}
                for method in ("ours", "ours, linear", "torch loop")
            }
        },
    )
    figures = peers.run()
    assert figures["speedup"] == {"torch loop": 1.0} and figures["worst_deficit"] == 0
    assert len(figures["not_installed"]) == 3
