"""Log-mel features: what a recognizer reads of audio, one frame every 10 ms."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from core.corpora.speech.utterances import HOP_MS, RATE

if TYPE_CHECKING:  # torch takes seconds to load, and `centers` does without
    from torch import Tensor

WINDOW = RATE * 25 // 1000  # samples of a frame
HOP = RATE * HOP_MS // 1000
FOURIER = 512  # the window, padded with zeros
LOWEST = 20.0  # Hz, the lower edge of the first band; the last one ends at RATE / 2
FLOOR = 1e-6  # smallest energy: two steps of 16-bit audio


def log_mel(samples: np.ndarray, mels: int) -> np.ndarray:
    """Log-mel energies of audio at `RATE`: float16 [frames, mels], natural logarithm.

    samples: float32 [samples] in −1..1. Frame i is a Hann window around i × `HOP_MS` milliseconds;
    the last frame is the last one whose middle lies in the audio.
    """
    import torch

    padded = torch.nn.functional.pad(torch.from_numpy(samples), (WINDOW // 2, WINDOW // 2))
    frames = padded.unfold(0, WINDOW, HOP) * torch.hann_window(WINDOW)
    power = torch.fft.rfft(frames, FOURIER).abs().square()
    return (power @ _filters(mels)).clamp(min=FLOOR).log().half().numpy()


def centers(mels: int) -> np.ndarray:
    """The frequency in Hz at the middle of each band: float64 [mels]."""
    return _edges(mels)[1:-1]


def _edges(mels: int) -> np.ndarray:
    """Where triangular bands begin, peak and end: evenly spaced on O'Shaughnessy's mel scale."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (LOWEST, RATE / 2))
    return 700 * (10 ** (np.linspace(low, high, mels + 2) / 2595) - 1)


@lru_cache
def _filters(mels: int) -> Tensor:
    """Weights of the Fourier bins in each band: float32 [bins, mels]."""
    import torch

    edges = _edges(mels)
    bins = np.arange(FOURIER // 2 + 1)[:, None] * RATE / FOURIER
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.from_numpy(np.minimum(rising, falling).clip(0)).float()
