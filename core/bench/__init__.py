"""The speed claims, each against a baseline or the limit of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[..., Any], *arguments: Any) -> float:
    """Seconds that one call takes, until a GPU has done all that it was given."""
    import torch

    started = time.perf_counter()
    work(*arguments)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
