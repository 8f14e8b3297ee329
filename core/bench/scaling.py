"""What the paper's grid costs, here and (a projection) on GPUs of a cluster.

The work is the estimates' own arithmetic over the plans of the studies of character networks at
profile `paper`: Figs. 1 to 5; Figs. 6 and 7 are one network each, not a grid. This
machine's rates are measured on small pieces of the same work. GPU hours are arithmetic, nobody
measured them: the same share of the peak as here, of an H100's peak, and never faster than one
time step of a recurrence can follow another.
"""

from __future__ import annotations

import heapq
import random
import time
from typing import Any

from core import machine
from core.bench import here
from core.corpora import from_text
from core.library import signature_spec
from core.models.language import char_lm
from core.models.language.spec import ModelSpec
from core.paper.studies import STUDIES, Choices
from core.profiles import find
from core.registry import run as compute
from core.signatures.spec import SignatureSpec
from core.spec import WHOLE_CORPUS, CorpusSpec, Spec

H100_GFLOPS = 67_000.0  # float32 without tensor cores, as the data sheet of the SXM card has it
STEP_SECONDS = 30e-6  # of one time step of one layer, forward and backward: launches, not sums
SEGMENT = 114  # symbols of a mean sentence of `sotu`
GPUS = (1, 4, 8, 16)
GRID = ("signature", "size", "depth", "adaptation", "ngram")
SIZES = {80: 160_000, 160: 80_000, 320: 30_000, 640: 10_000}  # hidden: symbols trained on
STATES = {80: 32_000, 160: 16_000, 320: 6_000, 640: 3_000}  # dimension: states decoded


def run() -> dict[str, Any]:
    """Steps, work and time of the grid, in all and by kind; days are of one after another."""
    jobs = grid()
    steps = {step.key: step for job in jobs for step in job.steps()}
    peak, rates = machine.matmul_gflops(), Rates()
    local = {key: step.work() / rates(step) for key, step in steps.items()}
    there = {
        key: max(step.work() / (rates(step) / peak * H100_GFLOPS), _recurrence(step))
        for key, step in steps.items()
    }
    trained = [key for key, step in steps.items() if isinstance(step, ModelSpec)]
    return {
        "jobs": len(jobs),
        "steps": len(steps),
        "models": len(trained),
        "petaflop": sum(step.work() for step in steps.values()) / 1e6,
        "petaflop_of_models": sum(steps[key].work() for key in trained) / 1e6,
        "days_here": sum(local.values()) / 86400,
        "days_here_of_models": sum(local[key] for key in trained) / 86400,
        "share_of_peak": {
            f"{kind} {size}": round(rate / peak, 2) for (kind, size), rate in rates.measured.items()
        },
        "projected_hours": {
            f"{gpus} H100": round(makespan(jobs, there, gpus) / 3600, 1) for gpus in GPUS
        },
        "projected_hours_longest_job": max(
            sum(there[step.key] for step in job.steps()) for job in jobs
        )
        / 3600,
        "peak_gflops": peak,
        **here(),
    }


def grid() -> list[Spec]:
    """Every job of these studies at profile `paper`, in the order of the figures."""
    corpora = {
        name: CorpusSpec(name=name, content=digit * 64)
        for name, digit in (("sotu", "1"), ("shakespeare", "2"))
    }
    choices = Choices(
        "paper", corpus=corpora["sotu"], source=corpora["shakespeare"], target=corpora["sotu"]
    )
    specs = [spec for name in GRID for spec in STUDIES[name].plan(choices).specs]
    return list({spec.key: spec for spec in specs}.values())


def makespan(jobs: list[Spec], seconds: dict[str, float], slots: int) -> float:
    """When the last job ends if the oldest that can go on gets the next free slot.

    As the cluster's queue does it: the steps of a job one after another, a step that several jobs
    need only once. seconds: of each step, by key.
    """
    ends: dict[str, float] = {}
    left = {number: list(job.steps()) for number, job in enumerate(jobs)}
    ready = dict.fromkeys(left, 0.0)  # when a job can go on
    free = [0.0] * slots
    while left:
        now = heapq.heappop(free)
        for number in left:  # steps that are computed already, or are being so for another job
            while left[number] and left[number][0].key in ends:
                ready[number] = max(ready[number], ends[left[number].pop(0).key])
        left = {number: steps for number, steps in left.items() if steps}
        if not left:
            break
        number = min(left, key=lambda number: (max(ready[number], now), number))
        step = left[number].pop(0)
        ready[number] = ends[step.key] = max(ready[number], now) + seconds[step.key]
        heapq.heappush(free, ends[step.key])
        left = {number: steps for number, steps in left.items() if steps}
    return max(ends.values())


def _recurrence(step: Spec) -> float:
    """Seconds that a network needs because each time step waits for the one before."""
    if not isinstance(step, ModelSpec) or not step.trained:
        return 0.0
    passes = step.budget.epochs * len(step.budget.keeps)
    minibatches = passes * step.fraction * WHOLE_CORPUS / step.budget.batch
    return minibatches * SEGMENT * step.layers * STEP_SECONDS


class Rates:
    """GFLOP/s of this machine by kind and size of step, measured on small pieces."""

    def __init__(self) -> None:
        machine.settle()
        text = _text(400_000)
        corpus = from_text(text, "words")
        spec = CorpusSpec(name="words", content="3" * 64)
        data = {spec.content: corpus.to_bytes()}
        self.measured: dict[tuple[str, int], float] = {}
        for hidden, symbols in SIZES.items():
            wanted = _small(spec, hidden, symbols, STATES[hidden])
            model = wanted.model
            assert isinstance(model, ModelSpec)
            self._time(("model", hidden), model, data)
            weights, _ = char_lm.train(model.model_copy(update={"trained": False}), corpus)
            self._time(("decoders", hidden), wanted, data | {model.key: weights})

    def _time(self, what: tuple[str, int], spec: Spec, inputs: dict[str, bytes]) -> None:
        started = time.perf_counter()
        compute(spec, inputs, lambda fraction, message: None)
        self.measured[what] = spec.work() / (time.perf_counter() - started)

    def __call__(self, step: Spec) -> float:
        """Of the measured piece that is nearest in kind and size."""
        kind = "model" if isinstance(step, ModelSpec) else "decoders"
        model = step.model if isinstance(step, SignatureSpec) else step
        size = getattr(model, "hidden", 160)
        return self.measured[kind, min(SIZES, key=lambda known: abs(known - size))]


def _small(corpus: CorpusSpec, hidden: int, symbols: int, states: int) -> SignatureSpec:
    """A signature of the paper's sizes, whose decoders read a little text once, at one width."""
    paper = find("paper")
    training = paper.training.model_copy(
        update={"symbols": symbols, "epochs": 1, "keeps": (1.0,), "evaluate": 5_000}
    )
    decoders = paper.decoders.model_copy(
        update={
            "states": states,
            "dev_states": 1_000,
            "test_states": 1_000,
            "rounds": 1,
            "steps": states // paper.decoders.batch,
            "keeps": (0.8,),
            "widths": (1.0,),
        }
    )
    spec = signature_spec(corpus, "lstm", 1, hidden, profile="paper")
    model = spec.model.model_copy(update={"budget": training})
    return spec.model_copy(update={"model": model, "budget": decoders})


def _text(symbols: int) -> bytes:
    """Lines of invented words, as long as the sentences of `sotu`."""
    chance = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(3000)]
    lines = [" ".join(chance.choices(words, k=17)) for _ in range(symbols // SEGMENT)]
    return "\n".join(lines).encode()
