"""How much a job slows down where another process keeps one of the threads of the machine busy."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.bench import here

ROUNDS = 3
# Trains an LSTM and a bank of decoders for a fixed number of steps, and prints the seconds.
JOB = """
import time
import core
import torch
from torch import nn
from core import machine
from core.probes.bank import Bank
device = torch.device(machine.settle())
layer, x = nn.LSTM(160, 160).to(device), torch.randn(42, 64, 160, device=device)
bank = Bank(160, 34, 1056, 1, {1.0: list(range(5))}, 512, 0, device)
states, targets = torch.randn(512, 160), torch.randint(0, 34, (512, 5))
started = time.perf_counter()
for _ in range(60):
    layer(x)[0].square().mean().backward()
    bank.step(states.to(device), targets.to(device), 1e-3)
print(time.perf_counter() - started)
"""


def run() -> dict[str, Any]:
    """Medians over rounds of a quiet and a busy run each; `ratio`: how much longer busy takes."""
    quiet, busy = [], []
    for _ in range(ROUNDS):
        quiet.append(_job())
        with _neighbour():
            busy.append(_job())
    quiet_s, busy_s = statistics.median(quiet), statistics.median(busy)
    return {"quiet_s": quiet_s, "busy_s": busy_s, "ratio": busy_s / quiet_s, **here()}


def _job() -> float:
    """Seconds of the job in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", JOB], capture_output=True, text=True, check=True)
    return float(ran.stdout)


@contextmanager
def _neighbour() -> Iterator[None]:
    """A process that keeps one thread busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()
