from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from core.probes.intervals import intervals, rank_correlation, resampled, sign_test, wilson


def bootstrap(n: np.ndarray, correct: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of sum(correct) / sum(n) by bootstrap over segments."""
    return intervals(resampled(n, correct, seed), n, correct)


@pytest.mark.parametrize("segments", [20, 60, 200])
@pytest.mark.parametrize(("hits", "misses"), [(6, 4), (12, 3)])
def test_intervals_cover_the_truth_as_often_as_they_say(
    segments: int, hits: int, misses: int
) -> None:
    """Text drawn at random, in segments of different lengths whose symbols share their fate."""
    generator = np.random.default_rng(segments + hits)
    cells = 2000  # alike and independent, of one text each
    rate = generator.beta(hits, misses, (segments, cells))
    n = generator.integers(5, 16, (segments, cells))
    low, high = bootstrap(n, generator.binomial(n, rate))
    truth = hits / (hits + misses)
    assert 0.93 <= ((low <= truth) & (truth <= high)).mean() <= 0.97


def test_fewer_than_20_segments_give_no_interval() -> None:
    n = np.zeros((50, 3), dtype=int)
    n[:19, 0], n[:20, 1] = 30, 30
    low, high = bootstrap(n, np.random.default_rng(0).binomial(n, 0.5))
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False, True]
    assert low[1] < 0.5 < high[1]


@pytest.mark.parametrize("segments", [20, 40, 200])
def test_a_cell_with_a_mistake_is_not_surer_than_one_without(segments: int) -> None:
    n = np.full((segments, 6), 200 // segments)
    mistakes = np.zeros_like(n)
    for cell, count in enumerate((0, 1, 2, 3, 4, 5)):
        mistakes[:count, cell] = 1
    low, high = bootstrap(n, n - mistakes)
    assert high[0] == 1 and low[0] == pytest.approx(segments / (segments + 1.96**2))
    assert (high - low >= high[0] - low[0]).all()
    assert (low <= low[0]).all()
    mirrored = bootstrap(n, mistakes)
    assert np.allclose(mirrored[0], 1 - high) and np.allclose(mirrored[1], 1 - low)


def test_errors_that_go_together_make_wider_intervals() -> None:
    generator = np.random.default_rng(0)
    n = np.full((100, 1), 20)
    alone = bootstrap(n, generator.binomial(20, 0.5, (100, 1)))
    together = bootstrap(n, 20 * generator.binomial(1, 0.5, (100, 1)))
    assert (together[1] - together[0]) > 3 * (alone[1] - alone[0])


def test_a_cell_that_is_always_right_keeps_an_honest_width() -> None:
    n = np.zeros((50, 3), dtype=int)
    n[:20, 0] = 1  # twenty trials in as many segments, all right
    n[:, 1] = 10
    correct = n.copy()
    correct[:, 1] = 0
    low, high = bootstrap(n, correct)
    assert high[0] == 1 and 0.8 < low[0] < 0.85
    assert low[1] == 0 and 0.05 < high[1] < 0.1
    assert np.isnan(low[2]) and np.isnan(high[2])


def test_wilson_is_scipys_for_arrays() -> None:
    hits, n = np.array([10, 0, 3, 500]), np.array([10, 7, 8, 1001])
    low, high = wilson(n, hits / n)
    for place, pair in enumerate(zip(hits.tolist(), n.tolist(), strict=True)):
        expected = stats.binomtest(*pair).proportion_ci(method="wilson")
        # Here 1.96 stands for the 97.5th percentile of the normal distribution.
        assert (low[place], high[place]) == pytest.approx(tuple(expected), abs=1e-5)


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx(0.8)
    # Ties share their mean rank: 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    assert rank_correlation([1, 5, 5, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    for one, other in (([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3])):
        assert math.isnan(rank_correlation(one, other))


def test_sign_test_by_hand() -> None:
    assert sign_test(5, 5) == pytest.approx(1 / 32)
    assert sign_test(4, 5) == pytest.approx(6 / 32)
    assert sign_test(0, 5) == 1


def test_the_same_segments_are_drawn_alike() -> None:
    """What one network gets right and the other wrong differs by a constant in every draw."""
    n = np.full((40, 1), 10)
    correct = np.random.default_rng(1).binomial(9, 0.5, (40, 1))
    apart = resampled(n, correct + 1, seed=3) - resampled(n, correct, seed=3)
    assert np.allclose(apart, 0.1, atol=1e-6)
