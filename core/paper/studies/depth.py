"""Recall layer by layer of a deep network (paper, section 5 and Fig. 3)."""

from __future__ import annotations

from core.cells import label
from core.library import signature_spec
from core.paper.studies.study import Choices, Plan, Study, required
from core.profiles import find


def plan(choices: Choices) -> Plan:
    """One signature per layer, and decoders twice as deep at the two layers furthest from input."""
    corpus, profile, seed = required(choices.corpus), choices.profile, choices.seeds[0]
    layers, hidden = find(profile).deep
    hidden = choices.hidden or hidden
    signatures = {}
    for cell in choices.cells:
        for layer in range(1, layers + 1):
            spec = signature_spec(corpus, cell, layers, hidden, layer, profile=profile, seed=seed)
            signatures[f"{label(cell)} layer {layer}"] = spec
        for layer in range(max(1, layers - 1), layers + 1):
            spec = signatures[f"{label(cell)} layer {layer}"]
            deeper = spec.budget.model_copy(update={"depth": 2 * spec.budget.depth})
            signatures[f"{label(cell)} layer {layer}, decoders twice as deep"] = spec.model_copy(
                update={"budget": deeper}
            )
    return Plan(signatures)


STUDY = Study(
    "depth",
    "Depth",
    "Fig. 3",
    plan,
    {"corpus": "wsj"},
    address="sweeps?sweep=Depth&corpus={corpus}",
)
