from __future__ import annotations

import numpy as np

from core.probes.intervals import bootstrap, resampled, wilson


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Segments whose symbols share their fate: 95 % intervals must still hold the true rate."""
    generator = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        rate = generator.beta(6, 4, (80, 1))  # per segment; mean 0.6
        n = generator.integers(5, 15, (80, 1))
        low, high = bootstrap(n, generator.binomial(n, rate), seed=trial)
        inside += low[0] <= 0.6 <= high[0]
    assert 0.88 <= inside / 200 <= 0.99


def test_errors_that_go_together_make_wider_intervals() -> None:
    generator = np.random.default_rng(0)
    n = np.full((100, 1), 20)
    alone = bootstrap(n, generator.binomial(20, 0.5, (100, 1)))
    together = bootstrap(n, 20 * generator.binomial(1, 0.5, (100, 1)))
    assert (together[1] - together[0]) > 3 * (alone[1] - alone[0])


def test_a_cell_that_is_always_right_keeps_an_honest_width() -> None:
    n = np.zeros((50, 3), dtype=int)
    n[:4, 0] = 1  # four trials in four segments, all right
    n[:, 1] = 10
    correct = n.copy()
    correct[:, 1] = 0
    low, high = bootstrap(n, correct)
    assert high[0] == 1 and 0.4 < low[0] < 0.7
    assert low[1] == 0 and 0.05 < high[1] < 0.1
    assert np.isnan(low[2]) and np.isnan(high[2])


def test_wilson_known_value() -> None:
    low, high = wilson(np.array([10]), np.array([1.0]))
    assert round(float(low[0]), 3) == 0.722 and high[0] == 1.0


def test_the_same_segments_are_drawn_alike() -> None:
    """What one network gets right and the other wrong differs by a constant in every draw."""
    n = np.full((40, 1), 10)
    correct = np.random.default_rng(1).binomial(9, 0.5, (40, 1))
    apart = resampled(n, correct + 1, seed=3) - resampled(n, correct, seed=3)
    assert np.allclose(apart, 0.1, atol=1e-6)
