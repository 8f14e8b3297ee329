"""This machine: its device and threads, its name in results, and its measured speed."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

NAME_BYTES = 15
NARROW = 80  # numbers of a state: what torch does with so few is not worth a second thread


def threads() -> int:
    """Threads for one heavy process: MEMSIG_THREADS, else the cores this process may use."""
    chosen = int(os.environ.get("MEMSIG_THREADS", 0))
    if chosen:
        return chosen
    # macOS cannot say which cores a process may use.
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def worth(dim: int) -> int | None:
    """How many threads torch's work on states of `dim` numbers is worth (None: all there are).

    Torch's threads meet after every operation and sleep meanwhile, as spinning would take a busy
    machine's time from others. C++ of ours meets twice a minibatch and takes `threads()`.
    """
    return 1 if dim <= NARROW else None


def offer_to_end(points: int) -> None:
    """Makes the kernel end this process rather than another when memory runs out (Linux).

    points: 0 to 1,000, added to the kernel's own score of the process.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(points))


def name_process(name: str) -> None:
    """Names this process (Linux), by at most the 15 bytes that the kernel keeps of a name."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name[:NAME_BYTES])


def settle(most: int | None = None) -> str:
    """Sets torch's thread count and returns the device to compute on, 'cuda' or 'cpu'.

    most: threads at most, for work that more of them would only slow down.
    """
    import torch

    torch.set_num_threads(min(threads(), most or threads()))
    return "cuda" if torch.cuda.is_available() else "cpu"


@lru_cache
def name() -> str:
    """Processor, threads and GPUs: what a result or a speed was obtained on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    return ", ".join([model, f"{threads()} thread{'s' * (threads() > 1)}", *gpus()])


def gpus() -> list[str]:
    """The names of the NVIDIA GPUs here, as the driver lists them; torch need not be loaded."""
    found = []
    for facts in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = dict(line.split(":", 1) for line in facts.read_text().splitlines() if ":" in line)
        found.append(lines.get("Model", "GPU").strip())
    return found


def slots() -> list[str]:
    """One place for a heavy job per GPU this process may use, by its CUDA number.

    Without a GPU there is one place, and its number is empty: two heavy processes on one CPU
    slow each other to a tenth.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    numbers = [str(n) for n in range(len(gpus()))] if allowed is None else allowed.split(",")
    return numbers if gpus() else [""]


def device_name(device: str) -> str:
    """The accelerator's name, or 'cpu'."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)


def matmul_gflops(device: str = "cpu") -> float:
    """Best rate of a float32 matrix product of this machine, in GFLOP/s."""
    import torch

    size = 2048
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    out = a @ b
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        torch.matmul(a, b, out=out)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9
