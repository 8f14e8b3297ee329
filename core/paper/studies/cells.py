"""What the cells of today remember, against how many numbers they carry from step to step."""

from __future__ import annotations

from core.cells import CELLS
from core.library import signature_spec
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find
from core.spec import Spec


def plan(choices: Choices) -> Plan:
    """One layer of every cell at one hidden size: signature, control and added bits.

    The cells differ in parameters and in the size of their state, which is what they are drawn
    against. All have the same budget, its peak rate apart, which is the cell's own.
    """
    profile, corpus = find(choices.profile), required(choices.corpus)
    hidden, signatures = choices.hidden or profile.compared, {}
    for name, cell in CELLS.items():
        spec = signature_spec(corpus, name, 1, hidden, profile=profile.name, seed=choices.seeds[0])
        budget = profile.training_for(name, 1, hidden)
        budget = budget.model_copy(update={"epochs": profile.compared_epochs})
        model = spec.model.model_copy(update={"budget": budget})
        decoders = spec.budget.model_copy(update={"rounds": profile.compared_rounds})
        signatures[cell.label] = spec.model_copy(update={"model": model, "budget": decoders})
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
