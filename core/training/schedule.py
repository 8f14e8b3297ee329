"""The learning rate's way through a training run."""

from __future__ import annotations

import math

WARM = 0.25  # share of the run in which it rises


def one_cycle(done: float, peak: float) -> float:
    """The one-cycle learning rate when a share `done` (0 to 1) of the run is over.

    Up to the peak in the first quarter, then down to zero along a cosine (L. Smith, N. Topin,
    "Super-convergence", 2017).
    """
    if done < WARM:
        return peak * (0.04 + 0.96 * done / WARM)
    return peak * 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM)))


def linear_decay(done: float, peak: float) -> float:
    """A rate that rises to its peak in the first tenth of the run, then falls to zero in a line."""
    return peak * (done / 0.1 if done < 0.1 else (1 - done) / 0.9)


def dropped(epochs: float, peak: float, drops: int) -> float:
    """A rate that rises to its peak in the first quarter of an epoch, and is quartered by drops.

    epochs: how many are over, as a fraction; drops: how often it has been lowered so far.
    """
    return peak * min(1.0, 0.04 + 0.96 * epochs / WARM) / 4**drops
