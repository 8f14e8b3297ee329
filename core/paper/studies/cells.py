"""What the cells of today remember, at equal parameters and at equal state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.cells import CELLS
from core.cells.cell import Cell
from core.library import signature_spec
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find
from core.signatures.spec import SignatureSpec
from core.spec import Spec

# The cell whose numbers all others are to have. Matched to a GRU, whose state is half as large, the
# cells with 16 numbers a unit would have one unit.
REFERENCE = CELLS["lstm"]
# What is equal: recurrent parameters, or the numbers carried from step to step.
ALIGNMENTS: dict[str, Callable[[Cell, int], int]] = {
    "parameters": Cell.kernel,
    "state": Cell.state_size,
}
FAR = 0.25  # a larger distance from the reference, as a share of its number, is part of the label
LARGEST = 4096  # units of a layer, at most


def networks(reference: int) -> dict[tuple[str, int], dict[str, float]]:
    """The networks that are compared, each as its cell and its units.

    reference: units of the LSTM. The values are the alignments that a network belongs to, one or
    both, each with the distance from the LSTM's number, as a share of it: 0.1 is a tenth more.
    """
    compared: dict[tuple[str, int], dict[str, float]] = {}
    for cell in CELLS.values():
        for alignment, numbers in ALIGNMENTS.items():
            target = numbers(REFERENCE, reference)
            hidden = nearest_size(partial(numbers, cell), target)
            distance = numbers(cell, hidden) / target - 1
            compared.setdefault((cell.name, hidden), {})[alignment] = distance
    return compared


def nearest_size(numbers: Callable[[int], int], target: int) -> int:
    """The units with which a layer's number is nearest to the target; of two as near, the fewer.

    numbers: from units to the recurrent parameters of a layer, or to the size of its state. Sizes
    beyond the smallest that reaches the target are not tried: a matrix memory has fewer weights
    where its units have few divisors, so that a far larger one could be as near by chance.
    """
    sizes = range(1, LARGEST + 1)
    reached = next((hidden for hidden in sizes if numbers(hidden) >= target), LARGEST)
    return min(range(1, reached + 1), key=lambda hidden: abs(numbers(hidden) - target))


def label(cell: str, hidden: int, aligned: dict[str, float]) -> str:
    """Such as "GRU [1,18], equal parameters", with the distance where that is large."""
    far = [f"{name} {distance:+.0%}" for name, distance in aligned.items() if abs(distance) > FAR]
    ending = f" ({', '.join(far)})" if far else ""
    return f"{CELLS[cell].label} [1,{hidden}], equal {' and '.join(aligned)}{ending}"


def plan(choices: Choices) -> Plan:
    """One layer of every cell in both alignments: signature, control and added bits.

    All have the same budget, but for the peak rate, which is chosen by cell and size.
    """
    profile, corpus = find(choices.profile), required(choices.corpus)
    signatures: dict[str, SignatureSpec] = {}
    for (cell, hidden), aligned in networks(choices.hidden or profile.compared).items():
        spec = signature_spec(corpus, cell, 1, hidden, profile=profile.name, seed=choices.seeds[0])
        budget = profile.compared_for(cell, hidden)
        model = spec.model.model_copy(update={"budget": budget})
        decoders = spec.budget.model_copy(update={"rounds": profile.compared_rounds})
        spec = spec.model_copy(update={"model": model, "budget": decoders})
        signatures[label(cell, hidden, aligned)] = spec
    added: dict[str, Spec] = {
        f"{label}, added bits": spec.added() for label, spec in signatures.items()
    }
    return Plan(with_controls(signatures), others=added)


STUDY = Study(
    "cells",
    "Cells",
    "Beyond",
    plan,
    {"corpus": "shakespeare"},
    address="sweeps?sweep=Cells&corpus={corpus}",
)
