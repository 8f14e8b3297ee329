"""Recall layer by layer of a deep network (paper, section 5 and Fig. 3)."""

from __future__ import annotations

from core.cells import label
from core.library import signature_spec
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find


def plan(choices: Choices) -> Plan:
    """One signature per layer with its control, and deeper decoders at the last two layers."""
    corpus, profile, seed = required(choices.corpus), choices.profile, choices.seeds[0]
    layers, hidden = find(profile).deep
    hidden = choices.hidden or hidden
    signatures = with_controls(
        {
            f"{label(cell)} layer {layer}": signature_spec(
                corpus, cell, layers, hidden, layer, profile=profile, seed=seed
            )
            for cell in choices.cells
            for layer in range(1, layers + 1)
        }
    )
    for cell in choices.cells:
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
    seeds=3,
    address="sweeps?sweep=Depth&corpus={corpus}",
)
