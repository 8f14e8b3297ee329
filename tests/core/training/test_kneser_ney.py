"""The discounts of modified Kneser-Ney; the estimate is tested with the n-grams that use it."""

from __future__ import annotations

import pytest

from core.training.kneser_ney import discounts


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        ((9, 3, 2, 1), (3 / 5, 2 - 3 * 0.6 * 2 / 3, 3 - 4 * 0.6 / 2)),
        ((9, 3, 2, 0), (3 / 5, 2 - 3 * 0.6 * 2 / 3, 3)),  # no four: D3 is at its bound
        ((4, 1, 1, 0), (2 / 3, 0, 3)),  # D2 is at its bound
        ((0, 3, 2, 1), None),
        ((9, 0, 2, 1), None),
        ((9, 3, 0, 1), None),
        ((9, 1, 9, 1), None),  # D2 is negative
        ((9, 3, 2, 9), None),  # D3 is negative
        ((0, 0, 0, 0), None),
    ],
)
def test_discounts_and_every_way_to_their_fallback(
    n: tuple[int, ...], expected: tuple[float, ...] | None
) -> None:
    assert discounts(n) == pytest.approx(expected or (0.5, 1.0, 1.5), abs=1e-12)
