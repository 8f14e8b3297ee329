"""How much more c_t of every step costs than the plain forward pass that yields only h_t."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from torch import nn

from core import machine
from core.bench import here, seconds
from core.cells import lstm

SIZES = (80, 160, 320)
STEPS, BATCH, ROUNDS = 42, 128, 25


@torch.no_grad()
def run() -> dict[str, Any]:
    """Medians over interleaved rounds: `ratio` is the worst `ratios` entry over the sizes."""
    device = machine.settle()
    ratios, plain = {}, {}
    for hidden in SIZES:
        layer = nn.LSTM(hidden, hidden).to(device)
        x = torch.randn(STEPS, BATCH, hidden, device=device)
        times = [(seconds(layer, x), seconds(lstm.unroll, layer, x)) for _ in range(ROUNDS)]
        ratios[hidden] = statistics.median(unrolled / forward for forward, unrolled in times)
        plain[hidden] = STEPS * BATCH / statistics.median(forward for forward, _ in times)
    return {
        "ratio": max(ratios.values()),
        "ratios": ratios,
        "plain_states_per_second": plain,
        "steps": STEPS,
        "batch": BATCH,
        **here(device),
    }
