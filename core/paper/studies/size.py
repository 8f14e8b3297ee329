"""Kernel size and recall (paper, section 5 and Fig. 2)."""

from __future__ import annotations

from core.cells import label
from core.library import signature_spec
from core.paper.studies.study import Choices, Plan, Study, required
from core.profiles import find


def plan(choices: Choices) -> Plan:
    """One-layer networks of growing size, each cell of the matrix a signature."""
    corpus, profile = required(choices.corpus), choices.profile
    return Plan(
        {
            f"{label(cell)} [1,{hidden}]"
            + (f" seed {seed}" if len(choices.seeds) > 1 else ""): signature_spec(
                corpus, cell, 1, hidden, profile=profile, seed=seed
            )
            for cell in choices.cells
            for hidden in choices.sizes or find(profile).sizes
            for seed in choices.seeds
        }
    )


STUDY = Study(
    "size",
    "Kernel size",
    "Fig. 2",
    plan,
    {"corpus": "wsj"},
    seeds=3,
    address="sweeps?sweep=Kernel size&corpus={corpus}&seeds={seeds}",
)
