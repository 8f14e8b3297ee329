"""How long a spec will take: its arithmetic over the rate that the machine showed."""

from __future__ import annotations

import json
import os
from functools import singledispatch
from statistics import median

from core import machine
from core.specs import SPECS, MixtureSpec, ModelSpec, NgramSpec, SignatureSpec, Spec
from core.store import Store
from core.text import SYMBOLS

CALIBRATION = "calibration"
UNMEASURED_GFLOPS = 40.0  # per thread, until the first job has measured the machine
SHARE_OF_PEAK = {
    "models": 0.3,
    "perplexities": 0.3,
    "signatures": 0.5,
}  # until the tables know better
START_SECONDS = 3.0  # a process with torch in it
SYMBOLS_OF_CORPUS = 4e6  # where a budget says "all"


def estimate(spec: Spec, store: Store | None = None) -> float:
    """Seconds for all that this spec needs and that is not there yet; 0 if it is there itself."""
    store = store or Store()
    missing = [step for step in spec.steps() if not store.has_result(step)]
    if not missing:
        return 0.0
    return START_SECONDS + sum(step_seconds(step, store) for step in missing)


def step_seconds(step: Spec, store: Store) -> float:
    """Seconds of one step: by what comparable steps took here, else by its arithmetic."""
    work = gflop(step)
    # Where a cluster computes, whatever machine computed last tells more than this one.
    here = None if os.environ.get("RAY_ADDRESS") else machine.name()
    past = store.query(
        f"SELECT spec, seconds FROM {step.table} WHERE machine = ifnull(?, machine) "
        "AND seconds > 0.5 ORDER BY created DESC LIMIT 50",
        [here],
    )
    rates = [
        gflop(other) / seconds
        for text, seconds in past.iter_rows()
        if _comparable(step, other := SPECS.validate_json(text))
    ]
    if rates:
        return work / median(rates[:5])
    measured = store.artifacts.get(f"{CALIBRATION}/{machine.name()}")
    peak = json.loads(measured)["gflops"] if measured else UNMEASURED_GFLOPS * machine.threads()
    return 1.0 + work / (SHARE_OF_PEAK[step.table] * peak)


def calibrate(store: Store, device: str) -> None:
    """Measures the machine's matrix-product rate once, for the estimates."""
    key = f"{CALIBRATION}/{machine.name()}"
    if not store.artifacts.has(key):
        store.artifacts.put(key, json.dumps({"gflops": machine.matmul_gflops(device)}).encode())


@singledispatch
def gflop(spec: Spec) -> float:
    """Roughly how many 10⁹ floating-point operations a step takes."""
    raise TypeError(f"no estimate for a {type(spec).__name__}")


@gflop.register
def _(spec: ModelSpec) -> float:
    budget = spec.budget
    weights = spec.layers * 8 * spec.hidden**2 + 70 * spec.hidden
    evaluated = 2 * (budget.evaluate or SYMBOLS_OF_CORPUS / 20)
    if not spec.trained:
        return evaluated * 2 * weights / 1e9
    passes = budget.epochs * len(budget.keeps)
    read = passes * (budget.symbols or SYMBOLS_OF_CORPUS)
    return (read * 6 + passes * evaluated) * weights / 1e9


@gflop.register
def _(spec: NgramSpec) -> float:
    return (spec.symbols or SYMBOLS_OF_CORPUS) * spec.fraction * spec.order * 5e-5


@gflop.register
def _(spec: MixtureSpec) -> float:
    return len(spec.members) * (spec.evaluate or SYMBOLS_OF_CORPUS / 20) * 1e-3


@gflop.register
def _(spec: SignatureSpec) -> float:
    budget, lags = spec.budget, spec.max_lag + 1
    states = budget.states or SYMBOLS_OF_CORPUS
    dim = _dim(spec)
    if spec.decoder != "mlp":
        return states * 2 * dim * lags * len(SYMBOLS) / 1e9
    sweep = 2.3 if len(budget.keeps) > 1 else 1.0
    return states * budget.epochs * sweep * lags * 40 * dim**2 * sum(budget.widths) / 1e9


def _dim(spec: SignatureSpec) -> int:
    if isinstance(spec.model, NgramSpec):
        return (spec.model.order - 1) * len(SYMBOLS)
    return spec.model.hidden


def _comparable(step: Spec, other: Spec) -> bool:
    """Whether the other's speed says something about this one's: same kind of work, same size."""
    if isinstance(step, SignatureSpec) and isinstance(other, SignatureSpec):
        return (step.decoder, _dim(step)) == (other.decoder, _dim(other))
    if isinstance(step, ModelSpec) and isinstance(other, ModelSpec):
        return (step.cell, step.hidden, step.trained) == (other.cell, other.hidden, other.trained)
    return step.kind == other.kind
