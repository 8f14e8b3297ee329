"""What Figs. 1 to 5 cost at a profile, by speeds that are measured here.

Networks and their decoders are nearly all of it, and nothing else is counted. A few steps of each
size are timed, and multiplied by how many the profile allows at most: training stops by dev.
"""

from __future__ import annotations

from functools import cache
from statistics import median
from typing import Any

import numpy as np

from core import machine
from core.bench import here, seconds
from core.bench.networks import TIME, training_step
from core.cells import CELLS
from core.models.language.char_lm import CharLM
from core.models.language.spec import ModelSpec
from core.paper.reproduce import parts
from core.probes import rounds
from core.probes.mlp import width_for
from core.probes.states import ArrayStates
from core.profiles import DecoderBudget
from core.signatures.spec import SignatureSpec
from core.spec import Spec
from core.text import N_SYMBOLS

STUDIES = ("signature", "adaptation", "ngram", "depth", "size")
ROUNDS, STEPS, LAGS = 3, 40, 2
HOUR = 3600


def run(profile: str = "desk") -> dict[str, Any]:
    """Measures in some minutes what those studies need in hours, with one network each.

    studies: a row each: hours of training networks and of training decoders, the untrained
    networks' too. What two studies need counts in the first. hours: all of it.
    """
    machine.settle()
    counted: set[str] = set()
    rows, hours = [], 0.0
    for study in STUDIES:
        steps = {s.key: s for part in parts(profile, [study], 1) for s in part.spec.steps()}
        new = [step for key, step in steps.items() if key not in counted]
        counted |= steps.keys()
        networks, decoders = (sum(map(of, new)) / HOUR for of in (network, decoding))
        rows.append({"study": study, "networks_h": networks, "decoders_h": decoders})
        hours += networks + decoders
    return {"profile": profile, "studies": rows, "hours": hours, **here()}


def network(step: Spec) -> float:
    """Seconds of training a recurrent network for all of its epochs; 0 of any other step."""
    if not isinstance(step, ModelSpec) or not step.trained:
        return 0.0
    return step.read * _symbol(step.cell, step.layers, step.hidden, step.budget.batch // TIME)


@cache
def _symbol(cell: str, layers: int, hidden: int, segments: int) -> float:
    """Seconds in which such a network learns from one symbol."""
    machine.settle(machine.worth(hidden))
    step = training_step(CELLS[cell], layers, hidden, segments)
    return median(seconds(step) for _ in range(ROUNDS)) / (TIME * segments)


def decoding(step: Spec) -> float:
    """Seconds of training the decoders of a recurrent network in all rounds; 0 of other steps."""
    if not isinstance(step, SignatureSpec) or not isinstance(step.model, ModelSpec):
        return 0.0
    if step.decoder == "linear":
        return 0.0
    model, budget = step.model, step.budget
    parameters = CharLM(model.cell, model.layers, model.hidden).kernel_parameters()
    width = width_for(step.dim, N_SYMBOLS, parameters, budget.depth)
    minibatches = (step.max_lag + 1) * budget.read / budget.batch
    return minibatches * _minibatch(step.dim, width, budget)


@cache
def _minibatch(dim: int, width: int, budget: DecoderBudget) -> float:
    """Seconds in which a decoder of that width learns from one minibatch.

    The difference of two trainings: what comes before the first minibatch and after the last, which
    thousands share, would else count for a few.
    """
    machine.settle(machine.worth(dim))
    once = budget.model_copy(update={"rounds": 1, "keeps": (1.0,), "widths": (1.0,)})
    short, long = (once.model_copy(update={"steps": steps}) for steps in (STEPS, 4 * STEPS))
    draws = np.random.default_rng(0)

    def noise(segments: int) -> ArrayStates:
        states = draws.standard_normal((segments, TIME, dim), dtype=np.float32)
        symbols = draws.integers(N_SYMBOLS, size=(segments, TIME))
        return ArrayStates(states, symbols, np.arange(segments), LAGS - 1, N_SYMBOLS)

    train, dev = noise(budget.batch * STEPS // TIME), noise(budget.batch // TIME)
    more = median(
        seconds(rounds.train, train, dev, width, long)
        - seconds(rounds.train, train, dev, width, short)
        for _ in range(ROUNDS)
    )
    return more / (3 * STEPS * LAGS)
