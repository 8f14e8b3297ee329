"""The speed claims, each against a baseline or the limit of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import machine


def here(device: str | None = None) -> dict[str, Any]:
    """What a benchmark ran on: threads and machine, and the device where it may be a GPU."""
    facts: dict[str, Any] = {"threads": machine.threads(), "machine": machine.name()}
    return facts | ({} if device is None else {"device": machine.device_name(device)})


def peak_gb(pid: int | str = "self") -> float:
    """The most memory that a process has had, in 10^9 bytes; NaN where there is no /proc to ask.

    Unlike getrusage it does not count what the parent had before the exec.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return float("nan")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def seconds(work: Callable[..., Any], *arguments: Any) -> float:
    """Seconds that one call takes, until a GPU has done all that it was given."""
    import torch

    started = time.perf_counter()
    work(*arguments)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
