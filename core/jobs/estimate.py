"""How long a spec will take: its arithmetic over the rate that was measured on the machine."""

from __future__ import annotations

import json
import os
from statistics import median

from core import machine
from core.registry import known
from core.spec import Spec
from core.store import Store

CALIBRATION = "calibration"
UNMEASURED_GFLOPS = 40.0  # per thread, until the first job has measured the machine
SHARE_OF_PEAK = {
    "corpora": 0.3,
    "models": 0.5,
    "perplexities": 0.3,
    "signatures": 0.5,
    "detectors": 0.3,
    "atlases": 0.3,
    "prunings": 0.3,
    "codebooks": 0.1,
}  # until jobs of the kind have been measured
START_SECONDS = 3.0  # a process with torch in it


def estimate(spec: Spec, store: Store | None = None, again: bool = False) -> float:
    """Seconds for all steps of a spec that have no result yet; 0 if the spec itself has one.

    again: as of `Store.missing`.
    """
    store = store or Store()
    missing = store.missing(spec, again)
    if not missing:
        return 0.0
    return START_SECONDS + sum(step_seconds(step, store) for step in missing)


def step_seconds(step: Spec, store: Store) -> float:
    """Seconds of one step: by what comparable steps took here, else by its arithmetic."""
    work = step.work()
    # Where a cluster computes, its machines count, not this one.
    here = None if os.environ.get("RAY_ADDRESS") else machine.name()
    past = store.query(
        f"SELECT spec, seconds FROM {step.table} WHERE machine = ifnull(?, machine) "
        "AND seconds > 0.5 ORDER BY rowid DESC LIMIT 50",
        [here],
    )
    rates = [
        other.work() / seconds
        for text, seconds in past.iter_rows()
        if (other := known(text)) and step.alike(other)
    ]
    if rates:
        return work / median(rates[:5])
    measured = store.artifacts.get(f"{CALIBRATION}/{machine.name()}")
    peak = json.loads(measured)["gflops"] if measured else UNMEASURED_GFLOPS * machine.threads()
    return 1.0 + work / (SHARE_OF_PEAK[step.table] * peak)


def calibrated(store: Store) -> bool:
    """Whether this machine's speed has been measured."""
    return store.artifacts.has(f"{CALIBRATION}/{machine.name()}")


def calibrate(store: Store, device: str) -> None:
    """Measures the machine's matrix-product rate once, for the estimates."""
    if not calibrated(store):
        key = f"{CALIBRATION}/{machine.name()}"
        store.artifacts.put(key, json.dumps({"gflops": machine.matmul_gflops(device)}).encode())
