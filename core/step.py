"""What computing a spec takes and gives, whatever its kind."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from core import machine

Progress = Callable[[float, str], None]


class Inputs(Protocol):
    """The artifacts at hand by key, such as a dictionary; each is read when it is asked for.

    A result too large for memory is laid down here part by part, and the parts that an
    interrupted run has left are found here again.
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
    """The columns that say on what, and when, a row was computed."""
    return {
        "device": machine.device_name(device),
        "threads": machine.threads(),
        "machine": machine.name(),
        "created": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
    }
