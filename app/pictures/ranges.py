"""A number with its interval against a threshold, as a line of HTML: a forest plot's row."""

from __future__ import annotations

MARGIN = 0.12  # of the width, left free on both sides


def row(
    value: float, low: float | None, high: float | None, threshold: float | None, side: str | None
) -> str:
    """A dot on its interval, a tick at the threshold, and the claimed side of it shaded.

    side: 'above' or 'below' the threshold; both are None where nothing is claimed. Every row has a
    scale of its own, from the smallest to the largest of its numbers.
    """
    ends = [value, *(end for end in (low, high, threshold) if end is not None)]
    least, span = min(ends), max(ends) - min(ends)

    def place(number: float) -> float:
        share = (number - least) / span if span else 0.5
        return 100 * (MARGIN + (1 - 2 * MARGIN) * share)

    parts = []
    if threshold is not None:
        start, end = (place(threshold), 100) if side == "above" else (0, place(threshold))
        parts.append(f"<i class='claimed' style='left:{start:.1f}%;width:{end - start:.1f}%'></i>")
        parts.append(f"<i class='threshold' style='left:{place(threshold):.1f}%'></i>")
    if low is not None and high is not None:
        width = place(high) - place(low)
        parts.append(f"<i class='interval' style='left:{place(low):.1f}%;width:{width:.1f}%'></i>")
    parts.append(f"<i class='dot' style='left:{place(value):.1f}%'></i>")
    return f"<div class='range'>{''.join(parts)}</div>"
