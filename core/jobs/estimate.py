"""How long a spec will take: its arithmetic over the rate that the machine showed."""

from __future__ import annotations

import json
import os
from functools import singledispatch
from statistics import median

from core import machine
from core.cells import CELLS
from core.corpora.speech.spec import SpeechSpec
from core.models.factorized.spec import (
    AtlasSpec,
    FactorizedSpec,
    KernelSpec,
    PrunedSpec,
    PruningSpec,
)
from core.models.language.spec import ImportedSpec, MixtureSpec, ModelSpec, NgramSpec
from core.models.las.spec import BASE_WIDTH, LasSignatureSpec, LasSpec
from core.registry import known
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.store import Store
from core.text import SYMBOLS

CALIBRATION = "calibration"
UNMEASURED_GFLOPS = 40.0  # per thread, until the first job has measured the machine
SHARE_OF_PEAK = {
    "corpora": 0.3,
    "models": 0.5,
    "perplexities": 0.3,
    "signatures": 0.5,
    "atlases": 0.3,
    "prunings": 0.3,
}  # until the tables know better
START_SECONDS = 3.0  # a process with torch in it
SYMBOLS_OF_CORPUS = 4e6  # where a budget says "all"
NARROWEST = 1e5  # weights whose arithmetic takes as long as a step takes however narrow it is
SYMBOLS_PER_FRAME = 0.15  # of speech


def estimate(spec: Spec, store: Store | None = None, again: bool = False) -> float:
    """Seconds for all that this spec needs and that is not there yet; 0 if it is there itself.

    again: as of `Store.missing`.
    """
    store = store or Store()
    missing = store.missing(spec, again)
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
        "AND seconds > 0.5 ORDER BY rowid DESC LIMIT 50",
        [here],
    )
    rates = [
        gflop(other) / seconds
        for text, seconds in past.iter_rows()
        if (other := known(text)) and _comparable(step, other)
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


@singledispatch
def gflop(spec: Spec) -> float:
    """Roughly how many 10⁹ floating-point operations a step takes."""
    raise TypeError(f"no estimate for a {type(spec).__name__}")


@gflop.register
def _(spec: ModelSpec) -> float:
    budget = spec.budget
    kernel = 2 * CELLS[spec.cell].gates * spec.hidden**2
    weights = spec.layers * (kernel + NARROWEST) + 70 * spec.hidden
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
def _(spec: ImportedSpec) -> float:
    return 0.0  # it is there, or drawn at random


@gflop.register
def _(spec: FactorizedSpec) -> float:
    budget = spec.budget
    weights = 8 * spec.hidden**2 + 70 * spec.hidden
    read = 2 * budget.epochs * len(budget.keeps) * (budget.symbols or SYMBOLS_OF_CORPUS)
    # Forming the kernel of a minibatch takes about as much again as half of the recurrence.
    return (read * 6 + 4 * (budget.evaluate or SYMBOLS_OF_CORPUS / 20)) * weights * 1.5 / 1e9


@gflop.register
def _(spec: KernelSpec) -> float:
    return 1.0


@gflop.register
def _(spec: PrunedSpec) -> float:
    return 4 * (spec.model.budget.evaluate or SYMBOLS_OF_CORPUS / 20) * 12 * spec.hidden**2 / 1e9


@gflop.register
def _(spec: AtlasSpec) -> float:
    budget, dim, symbols = spec.budget, spec.model.hidden, len(SYMBOLS)
    states = budget.states + budget.dev_states + budget.test_states
    kernels = 2 * symbols if spec.first else 2
    solved = kernels * (spec.max_lag + 1) * (states * 2 * dim * symbols + 30 * dim**3)
    return (solved + 2 * budget.left_out * symbols * 8 * dim**2) / 1e9


@gflop.register
def _(spec: PruningSpec) -> float:
    budget = spec.atlas.budget
    return 2 * budget.evaluate * len(budget.curve) * 12 * spec.atlas.model.hidden**2 / 1e9


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


@gflop.register
def _(spec: SpeechSpec) -> float:
    each = 0.15 if spec.source == "synthetic" else 0.5  # a phrase, a recorded sentence
    return (spec.train + spec.dev + spec.test) * each


@gflop.register
def _(spec: LasSpec) -> float:
    budget, frames = spec.budget, _frames(spec.corpus)
    encoder = 8 * spec.units * (2 * spec.corpus.mels + spec.units) / 2
    encoder += (spec.layers - 1) * 8 * spec.units * 4 * spec.units / spec.reduction
    speller = 4 * spec.speller * (spec.embedding + 2 * spec.units + spec.speller)
    weights = encoder + SYMBOLS_PER_FRAME * speller
    passes = 3 * budget.epochs * spec.corpus.train if spec.trained else 0
    passes += (budget.epochs + 2) * (budget.evaluate or spec.corpus.dev)
    passes += min(budget.aligned, spec.corpus.train)
    return passes * frames * 2 * weights / 1e9


@gflop.register
def _(spec: LasSignatureSpec) -> float:
    budget, lags = spec.budget, spec.max_lag - spec.min_lag + 1
    states = min(
        budget.states or SYMBOLS_OF_CORPUS,
        spec.corpus.train * _frames(spec.corpus) * SYMBOLS_PER_FRAME,
    )
    if spec.decoder != "mlp":
        return states * 2 * spec.dim * (spec.dim + lags * len(SYMBOLS)) / 1e9
    sweep = 2.3 if len(budget.keeps) > 1 else 1.0
    units = lags * sweep * BASE_WIDTH * sum(budget.widths)
    return states * budget.epochs * units * 6 * (spec.dim + len(SYMBOLS)) / 1e9


def _frames(corpus: SpeechSpec) -> float:
    """About how many frames an utterance has."""
    return 120.0 if corpus.source == "synthetic" else 900.0


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
    if isinstance(step, FactorizedSpec) and isinstance(other, FactorizedSpec):
        return (step.cell, step.hidden, step.bases) == (other.cell, other.hidden, other.bases)
    if isinstance(step, AtlasSpec) and isinstance(other, AtlasSpec):
        return bool(step.first) == bool(other.first) and step.model.hidden == other.model.hidden
    if isinstance(step, LasSignatureSpec) and isinstance(other, LasSignatureSpec):
        return (step.decoder, step.dim) == (other.decoder, other.dim)
    if isinstance(step, LasSpec) and isinstance(other, LasSpec):
        return (step.units, step.trained) == (other.units, other.trained)
    if isinstance(step, SpeechSpec) and isinstance(other, SpeechSpec):
        return step.source == other.source
    return step.kind == other.kind
