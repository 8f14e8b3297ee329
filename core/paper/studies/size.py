"""Kernel size and recall (paper, section 5 and Fig. 2)."""

from __future__ import annotations

from core.cells import label
from core.library import perplexity_spec, signature_spec
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find


def plan(choices: Choices) -> Plan:
    """One-layer networks of growing size, each cell of the matrix a signature; their controls.

    The perplexities of the smallest and the largest are scored for their bootstrap replicates.
    """
    corpus, profile = required(choices.corpus), choices.profile
    sizes = choices.sizes or find(profile).sizes
    signatures = {
        f"{label(cell)} [1,{hidden}]"
        + (f" seed {seed}" if len(choices.seeds) > 1 else ""): signature_spec(
            corpus, cell, 1, hidden, profile=profile, seed=seed
        )
        for cell in choices.cells
        for hidden in sizes
        for seed in choices.seeds
    }
    scored = {
        name: perplexity_spec(profile, corpus, spec.model)
        for name, spec in signatures.items()
        if spec.model.hidden in (min(sizes), max(sizes))
    }
    return Plan(with_controls(signatures), scored)


STUDY = Study(
    "size",
    "Kernel size",
    "Fig. 2",
    plan,
    {"corpus": "wsj"},
    seeds=3,
    address="sweeps?sweep=Kernel size&corpus={corpus}&seeds={seeds}",
)
