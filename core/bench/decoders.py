"""How fast the bank of decoders trains, and what a sweep of keep probabilities costs.

The bank and a plain loop take turns of a few steps on the same minibatches of real recurrent
states, and a large matrix product is timed between the turns. If the speed of the machine drifts,
it slows all three alike. Ratios are medians over the turns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core import machine, profiles
from core.bench import here, seconds
from core.corpora import Segments, build
from core.models.language.char_lm import CharLM
from core.models.language.states import ModelStates
from core.probes import fused, rounds
from core.probes.bank import Bank
from core.probes.data import Split
from core.probes.fused import Fused
from core.probes.mlp import Decoders
from core.probes.operations import Engine, Examples, Operations, Sizes, Views
from core.text import N_SYMBOLS
from core.training.batches import PAD, padded, sample
from core.training.schedule import linear_decay, one_cycle

STATE, HIDDEN, LAGS, KEEP, BATCH, RATE = 160, 1056, 10, 0.8, 1024, 2e-2
TRAIN_STATES, DEV_STATES, TEST_STATES = 100_000, 20_000, 100_000
TURNS, STEPS = 24, 10  # turns, and steps in one
LM_STEPS, LM_SEGMENTS = 300, 96
# The budget of the keep sweep is the one profile's that has one, but shorter and of one width.
SWEEP = profiles.find("paper").decoders.model_copy(update={"steps": 40, "widths": (1.0,)})
SWEEP_HIDDEN = 256
# State and hidden layer by which steps in C++ and in torch's operations are compared.
SIZES = ((20, 96), (40, 192), (80, 368), (160, 1056), (320, 1200), (640, 2336))
STATES, REPEATS = 512, 20  # states of a minibatch, and steps at a time
SWEEPS = {"many_states": 100_000, "few_states": 10_000}  # which want different keeps


def run() -> dict[str, Any]:
    """Measures the speed claims on this machine, in about ten minutes on two cores.

    Rates are in GFLOP/s and count only the matrix products that forward and backward need (no
    gradient of the input, no padding). recall_*: on held-out text, lags 1 to 10. sweep_ratio: the
    time of a sweep, which drops the worse half of its keeps after each round, over that of training
    with one keep, the worse of two amounts of states. sweep_recall_gap: how far the sweep's
    decoders lie below the best of those of every keep in dev recall, at most. engines: see there.
    """
    device = torch.device(machine.settle())
    splits = recurrent_states(device)
    figures = speed(splits, device)
    sweeps = {name: _sweep(splits, states, device) for name, states in SWEEPS.items()}
    return {
        **figures,
        "sweep_ratio": max(sweep["ratio"] for sweep in sweeps.values()),
        "sweep_recall_gap": max(max(sweep["gap"]) for sweep in sweeps.values()),
        "sweeps": sweeps,
        "engines": engines() if device.type == "cpu" and fused.available() else [],
        "dim": STATE,
        "hidden": HIDDEN,
        "decoders": LAGS,
        "keep": KEEP,
        "batch": BATCH,
        "steps": TURNS * STEPS,
        "states": TRAIN_STATES,
        **here(device.type),
    }


def recurrent_states(device: torch.device) -> tuple[ModelStates, ModelStates, ModelStates]:
    """States c_t of a briefly trained LSTM on Shakespeare: train, dev, test."""
    corpus = build("shakespeare")
    torch.manual_seed(0)
    model = CharLM("lstm", 1, STATE).to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    draws = np.random.default_rng(0)
    for step in range(LM_STEPS):
        rows = draws.integers(0, len(corpus.train), LM_SEGMENTS)
        read, predict = padded(corpus.train, rows)
        logits = model(read.to(device)).flatten(0, 1)
        loss = functional.cross_entropy(logits, predict.to(device).flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = one_cycle(step / LM_STEPS, 1e-2)
        optimizer.step()
    model.eval().requires_grad_(False)

    def states(segments: Segments, limit: int) -> ModelStates:
        part = segments.take(sample(segments, limit, 0))
        return ModelStates(model, part, 1, "c", LAGS, device.type)

    return (
        states(corpus.train, TRAIN_STATES),
        states(corpus.dev, DEV_STATES),
        states(corpus.test, TEST_STATES),
    )


class Loop:
    """The plain way: one nn.Sequential and one optimizer for each lag.

    It starts from the bank's initial weights, so that only the dropout masks differ.
    """

    def __init__(self, bank: Bank, device: torch.device) -> None:
        torch.manual_seed(0)
        drop = 1 - KEEP
        self.nets = [
            nn.Sequential(
                nn.Dropout(drop),
                nn.Linear(STATE, HIDDEN),
                nn.ReLU(),
                nn.Dropout(drop),
                nn.Linear(HIDDEN, N_SYMBOLS),
            ).to(device)
            for _ in range(LAGS)
        ]
        for i, net in enumerate(self.nets):
            for layer, (weight, bias) in zip((net[1], net[4]), bank.layers, strict=True):
                layer.load_state_dict({"weight": weight[i], "bias": bias[i, 0]})
        self.optimizers = [torch.optim.Adam(net.parameters(), fused=True) for net in self.nets]

    def step(self, states: Tensor, targets: Tensor, learning_rate: float) -> None:
        for lag, (net, optimizer) in enumerate(zip(self.nets, self.optimizers, strict=True), 1):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(states), targets[:, lag], ignore_index=-1)
            torch.autograd.backward(loss)
            optimizer.param_groups[0]["lr"] = learning_rate
            optimizer.step()

    def measure(self, split: Split) -> list[float]:
        """Recall per lag."""
        correct, count = torch.zeros(2, LAGS, dtype=torch.float64)
        with torch.inference_mode():
            for states, targets in split.tiles():
                for i, net in enumerate(self.nets):
                    truth = targets[:, i + 1]
                    correct[i] += (net.eval()(states).argmax(1) == truth).sum().cpu()
                    count[i] += (truth >= 0).sum().cpu()
        return [float(value) for value in correct / count]


def speed(splits: tuple[ModelStates, ...], device: torch.device) -> dict[str, Any]:
    """Bank and loop on the same minibatches in turns, with the machine's peak in between.

    splits: what `recurrent_states` returns. The figures are those of `run`.
    """
    fit = Split(splits[0], device, whiten=True)
    held_out = Split(splits[2], device, fit.inputs)
    bank = Bank(STATE, N_SYMBOLS, HIDDEN, 1, {KEEP: list(range(1, LAGS + 1))}, BATCH, 0, device)
    loop = Loop(bank, device)
    large = [torch.randn(2048, 2048, device=device) for _ in range(3)]

    def peak() -> None:
        torch.mm(large[0], large[1], out=large[2])

    def run_all(step: Callable[..., None], turns: list[Any]) -> None:
        for arguments in turns:
            step(*arguments)

    batches = fit.minibatches(BATCH, 0)
    flops = STEPS * LAGS * BATCH * HIDDEN * (4 * STATE + 6 * N_SYMBOLS)
    rates = []
    peak()
    for turn in range(TURNS):
        done = [(STEPS * turn + i) / (TURNS * STEPS + 1) for i in range(1, STEPS + 1)]
        steps = [(*next(batches), linear_decay(share, RATE)) for share in done]
        # The peak is the faster of a product before and one after the bank's turn.
        before = seconds(peak)
        bank_time = seconds(run_all, bank.step, steps)
        after = seconds(peak)
        loop_time = seconds(run_all, loop.step, steps)
        rates.append((2 * 2048**3 / min(before, after), flops / bank_time, flops / loop_time))
    recall, _ = bank.measure(held_out)
    recall_bank, recall_loop = recall.tolist(), loop.measure(held_out)
    peaks, banks, loops = (median(rate) / 1e9 for rate in zip(*rates, strict=True))
    return {
        "peak_gflops": peaks,
        "bank_gflops": banks,
        "loop_gflops": loops,
        "share_of_peak": median(bank / peak for peak, bank, _ in rates),
        "speedup_over_loop": median(bank / loop for _, bank, loop in rates),
        "recall_bank": recall_bank,
        "recall_loop": recall_loop,
        "recall_deficit": max(b - a for a, b in zip(recall_bank, recall_loop, strict=True)),
    }


def engines() -> list[dict[str, float]]:
    """Steps of single decoders in C++ and in torch's operations, in turns: milliseconds, best of
    turns, and the rate in C++ as a share of the machine's peak."""
    peak = machine.matmul_gflops()
    found = []
    for dim, width in SIZES:
        machine.settle(machine.worth(dim))
        times: dict[type[Engine], float] = {}
        for _ in range(TURNS // 4):
            for kind in (Fused, Operations):
                taken = seconds(_stepper(kind, dim, width)) / REPEATS
                times[kind] = min(times.get(kind, math.inf), taken)
        flops = 2 * STATES * width * (2 * dim + 3 * N_SYMBOLS)
        gflops = flops / times[Fused] / 1e9
        ratio = times[Operations] / times[Fused]
        milliseconds = {"fused_ms": 1e3 * times[Fused], "torch_ms": 1e3 * times[Operations]}
        rates = {"ratio": ratio, "gflops": gflops, "share_of_peak": gflops / peak}
        found.append({"dim": dim, "width": width} | milliseconds | rates)
    return found


def _stepper(kind: type[Engine], dim: int, width: int) -> Callable[[], None]:
    """What takes a few training steps of one decoder, on noise."""
    torch.manual_seed(0)
    shapes = (width, dim), (1, width), (N_SYMBOLS, width), (1, N_SYMBOLS)
    values = [torch.randn(shape) / dim for shape in shapes]
    gradients = [torch.zeros_like(value) for value in values]
    engine = kind(Sizes(1, STATES, dim, width, N_SYMBOLS, 1), values, gradients)
    layers: list[Views] = [
        (values[i], values[i + 1], gradients[i], gradients[i + 1]) for i in (0, 2)
    ]
    truth = torch.randint(N_SYMBOLS, (STATES,))
    minibatch = Examples(torch.randn(STATES, dim), truth, None, None)

    def run() -> None:
        for _ in range(REPEATS):
            engine.differentiate(layers, minibatch)
            engine.update(RATE)

    return run


def _sweep(splits: tuple[ModelStates, ...], states: int, device: torch.device) -> dict[str, Any]:
    """The keep sweep against training with every keep by itself, on about that many states."""
    whole, dev, _ = splits
    part = whole.segments.take(sample(whole.segments, states, 0))
    fit = ModelStates(whole.model, part, whole.layer, whole.state, LAGS, device.type)

    def trained(*keeps: float) -> tuple[Decoders, float]:
        budget = SWEEP.model_copy(update={"keeps": keeps})
        started = time.perf_counter()
        decoders = rounds.train(fit, dev, SWEEP_HIDDEN, budget, 0, device.type).decoders
        return decoders, time.perf_counter() - started

    # The sweep stands in the middle, so that drift cancels.
    keeps, middle = SWEEP.keeps, len(SWEEP.keeps) // 2
    first = [trained(keep) for keep in keeps[:middle]]
    swept, sweep_seconds = trained(*keeps)
    alone = first + [trained(keep) for keep in keeps[middle:]]
    by_lag = list(zip(*(decoders.dev_recall for decoders, _ in alone), strict=True))
    best = [max(recalls) for recalls in by_lag]
    return {
        "ratio": sweep_seconds / median(seconds for _, seconds in alone),
        "gap": [most - ours for most, ours in zip(best, swept.dev_recall, strict=True)],
        "keeps": swept.keeps,
        "best_keeps": [max(zip(recalls, keeps, strict=True))[1] for recalls in by_lag],
        "dev_recall": swept.dev_recall,
        "best_dev_recall": best,
    }
