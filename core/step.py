"""What the step of a spec takes and returns, whatever its kind."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from core import machine

Progress = Callable[[float, str], None]  # (share that is done, 0 to 1; what is being done)


class Inputs(Protocol):
    """Artifacts by key, such as a dictionary; each is read on access.

    A step whose result is too large for memory stores it here part by part; after an interruption
    the finished parts are here.
    """

    def __getitem__(self, key: str, /) -> bytes: ...

    def __setitem__(self, key: str, value: bytes, /) -> None: ...

    def __contains__(self, key: object, /) -> bool: ...


@dataclass(frozen=True)
class Result:
    """Rows for the tables, and bytes for the artifact store by key."""

    tables: dict[str, pl.DataFrame]
    artifacts: dict[str, bytes] = field(default_factory=dict)


def where(device: str) -> dict[str, Any]:
    """The columns on the machine that computed a row, and when."""
    return {
        "device": machine.device_name(device),
        "threads": machine.threads(),
        "machine": machine.name(),
        "created": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
    }
