"""How much of a GPU the product uses: networks, states and decoders, against the GPU's peak.

The first command to run on a machine with a GPU. It reads nothing but packaged texts.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch

from core import machine, profiles
from core.bench import decoders, here, seconds
from core.bench.networks import TIME, training_step
from core.cells import CELLS, lstm
from core.errors import BadInput
from core.models.language.states import ModelStates
from core.probes import rounds
from core.text import N_SYMBOLS

SIZES = ((1, 80), (1, 160), (1, 320), (1, 640), (4, 320))  # the paper's, Figs. 2 and 3
ROUNDS, STEPS = 9, 100


def run() -> dict[str, Any]:
    """Measures the GPU in a few minutes; raises BadInput where torch can use none.

    peak_gflops: a float32 product of 2,048 by 2,048. networks: by cell and size symbols a second
    that a language model learns from at profile `paper`, and the share of the peak. states: the
    same of reading h_t and c_t of an LSTM, and the time against its plain forward pass. decoders:
    what `core.bench.decoders.speed` measures of the paper's decoders, stacked and as a plain loop.
    rounds: the same decoders as signatures train them, one lag after the other: minibatches a
    second, and the share of the peak.
    """
    device = machine.settle()
    if device == "cpu":
        raise BadInput("bench gpu measures a GPU, and torch can use none on this machine.")
    return measure(device)


def measure(device: str) -> dict[str, Any]:
    """The figures of `run` on a device."""
    peak = machine.matmul_gflops(device)
    states = decoders.recurrent_states(torch.device(device))
    return {
        "peak_gflops": peak,
        "networks": [
            _network(name, layers, hidden, device, peak)
            for layers, hidden in SIZES
            for name in ("gru", "lstm")
        ],
        "states": [_states(hidden, device, peak) for layers, hidden in SIZES if layers == 1],
        "decoders": [decoders.speed(states, torch.device(device))],
        "rounds": [_rounds(states, device, peak)],
        **here(device),
    }


def _network(cell: str, layers: int, hidden: int, device: str, peak: float) -> dict[str, Any]:
    segments = profiles.find("paper").training.batch // TIME
    step = training_step(CELLS[cell], layers, hidden, segments, device)
    speed = TIME * segments / median(seconds(step) for _ in range(ROUNDS))
    # A product and a sum for every weight: forward, for the inputs, for the weights.
    gflops = speed * 6 * (layers * CELLS[cell].kernel(hidden) + hidden * N_SYMBOLS) / 1e9
    return {
        "network": f"{cell} [{layers},{hidden}]",
        "symbols_per_second": speed,
        "gflops": gflops,
        "share_of_peak": gflops / peak,
    }


@torch.no_grad()
def _states(hidden: int, device: str, peak: float) -> dict[str, Any]:
    segments = profiles.find("paper").training.batch // TIME
    layer = torch.nn.LSTM(hidden, hidden).to(device)
    x = torch.randn(TIME, segments, hidden, device=device)
    times = [(seconds(layer, x), seconds(lstm.unroll, layer, x)) for _ in range(ROUNDS)]
    speed = TIME * segments / median(unrolled for _, unrolled in times)
    gflops = speed * 2 * CELLS["lstm"].kernel(hidden) / 1e9
    return {
        "network": f"lstm [1,{hidden}]",
        "states_per_second": speed,
        "times_the_plain_pass": median(unrolled / plain for plain, unrolled in times),
        "share_of_peak": gflops / peak,
    }


def _rounds(splits: tuple[ModelStates, ...], device: str, peak: float) -> dict[str, Any]:
    train, dev, _ = splits
    budget = profiles.find("desk").decoders.model_copy(update={"steps": STEPS, "rounds": 2})
    started = time.perf_counter()
    trained = rounds.train(train, dev, decoders.HIDDEN, budget, 0, device).rounds
    elapsed = time.perf_counter() - started
    minibatches = int(trained.group_by("lag").max()["steps"].sum())
    flops = budget.batch * decoders.HIDDEN * (4 * decoders.STATE + 6 * N_SYMBOLS)
    return {
        "minibatches_per_second": minibatches / elapsed,
        "share_of_peak": minibatches * flops / elapsed / 1e9 / peak,
    }
