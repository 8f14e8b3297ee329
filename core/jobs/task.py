"""The task of a Ray cluster: one step, computed by a worker there and reported to the queue.

It is called by the actor of core.jobs.cluster and reports its progress to it.
"""

from __future__ import annotations

import os
import time
import traceback
from dataclasses import dataclass
from typing import Any

import ray

REPORT_SECONDS = 0.3


class Fetched:
    """The inputs of a step: bytes by key, brought from the object store when they are read."""

    def __init__(self, references: dict[str, Any], line: Line) -> None:
        self.references, self.line = references, line

    def __getitem__(self, key: str) -> bytes:
        value: bytes = ray.get(self.references[key])
        return value

    def __contains__(self, key: object) -> bool:
        return key in self.references

    def __setitem__(self, key: str, value: bytes) -> None:
        self.line.lay_down(key, value)
        self.references[key] = ray.put(value)


@dataclass
class Line:
    """What a task sends to the queue: its progress, its checkpoints, and parts of its result."""

    queue: Any
    key: str
    token: int
    checkpoint: bytes | None
    reported: float = 0.0

    def begin(self, **facts: str) -> None:
        self.queue.begin.remote(self.key, self.token, facts)

    def __call__(self, fraction: float, message: str) -> None:
        if time.monotonic() - self.reported > REPORT_SECONDS:
            self.reported = time.monotonic()
            self.queue.report.remote(self.key, self.token, fraction, message)

    def load(self) -> bytes | None:
        return self.checkpoint

    def save(self, data: bytes) -> None:
        ray.get(self.queue.save.remote(self.key, self.token, data))

    def lay_down(self, part: str, data: bytes) -> None:
        ray.get(self.queue.lay_down.remote(self.key, self.token, part, data))


def compute(
    queue: Any,
    key: str,
    token: int,
    spec: str,
    references: dict[str, Any],
    checkpoint: bytes | None,
    threads: int,
) -> dict[str, Any]:
    """The task: computes one step with the same pure function as a worker process of the app.

    Returns tables, artifacts, reason (None if it went well) and log lines.
    """
    os.environ.setdefault("MEMSIG_THREADS", str(threads))
    line = Line(queue, key, token, checkpoint)
    line.begin(worker=f"{ray.util.get_node_ip_address()}:{os.getpid()}")
    failed: dict[str, Any] = {"tables": {}, "artifacts": {}, "log": []}
    try:
        from core import machine
        from core.jobs.outcome import parquet
        from core.registry import SPECS, run

        line.begin(device=machine.device_name(machine.settle()))
        result = run(SPECS.validate_json(spec), Fetched(references, line), line, line)
        tables = {name: parquet(rows) for name, rows in result.tables.items()}
    except ModuleNotFoundError as error:
        lacks = f"The cluster's workers lack the package {error.name}"
        return failed | {"reason": f"{lacks}: install requirements.txt there."}
    except Exception as error:
        from core.jobs.outcome import reason

        return failed | {"reason": reason(error), "log": traceback.format_exc().splitlines()}
    return {"tables": tables, "artifacts": result.artifacts, "reason": None, "log": []}
