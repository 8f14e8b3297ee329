"""How fast a GRU and an LSTM train by the loops of `core.cells.loops`, against torch's layers.

A step is a language model's: forward, backward, clipping, Adam, on minibatches of as many segments
as the profile `laptop` takes of `sotu`, whose sentences have about 115 symbols.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from core import compiled, machine
from core.bench import here, seconds
from core.cells import CELLS
from core.cells.cell import Cell, first
from core.models.language.char_lm import CharLM
from core.text import SYMBOLS
from core.training.loop import next_symbol

SIZES = ((1, 80), (1, 160), (1, 320), (1, 640), (4, 320))
TIME, SEGMENTS, ROUNDS = 115, 18, 9
LOOPS = ("gru", "lstm")
TRAINED = {name: CELLS[name] for name in LOOPS} | {
    f"torch_{name}": replace(CELLS[name], output=first) for name in LOOPS
}


def run() -> dict[str, Any]:
    """Medians over interleaved rounds, in about two minutes on two cores.

    ratio: how many times as many symbols a second as by torch's layer, the least of cells and
    sizes; loop: whether the loops are compiled. By size: symbols a second of `gru` and `lstm` as
    networks train them, of `torch_gru` and `torch_lstm`, and GFLOP/s and the ratios of the former.
    """
    machine.settle()
    sizes = {f"[{layers},{hidden}]": _measure(layers, hidden) for layers, hidden in SIZES}
    return {
        "ratio": min(size[f"{name}_ratio"] for size in sizes.values() for name in LOOPS),
        **sizes,
        "loop": compiled.describe("cells/loops"),
        **here(),
    }


def _measure(layers: int, hidden: int) -> dict[str, float]:
    machine.settle(machine.worth(hidden))
    steps = {name: training_step(cell, layers, hidden) for name, cell in TRAINED.items()}
    rounds = [{name: seconds(step) for name, step in steps.items()} for _ in range(ROUNDS)]
    speeds = {
        name: TIME * SEGMENTS / statistics.median(each[name] for each in rounds) for name in steps
    }
    found: dict[str, float] = {name: round(speed) for name, speed in speeds.items()}
    for name in LOOPS:
        weights = layers * CELLS[name].kernel(hidden) + hidden * len(SYMBOLS)
        # A product and a sum: forward, for the inputs, for the weights.
        found[f"{name}_gflops"] = round(speeds[name] * 6 * weights / 1e9, 1)
        ratios = (each[f"torch_{name}"] / each[name] for each in rounds)
        found[f"{name}_ratio"] = round(statistics.median(ratios), 2)
    return found


def training_step(
    cell: Cell, layers: int, hidden: int, segments: int = SEGMENTS, device: str = "cpu"
) -> Callable[[], None]:
    """One step of training a language model of that cell, on that many segments of TIME symbols."""
    model = CharLM(cell.name, layers, hidden)
    model.cell = cell
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    read, predict = torch.randint(len(SYMBOLS), (2, TIME, segments), device=device)

    def step() -> None:
        optimizer.zero_grad()
        next_symbol(model(read), predict).minimized.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step()  # the first is slower
    return step
