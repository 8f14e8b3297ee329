"""Larger units than symbols: what one network recalls of classes, n-grams and words (section 9).

And whether it holds that a word was read at all.
"""

from __future__ import annotations

from core.library import signature_spec
from core.paper.studies import signature
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find
from core.signatures.spec import RECALLED, DetectorSpec
from core.spec import Spec

SEEN = "words seen"


def plan(choices: Choices) -> Plan:
    """The network of Fig. 1 with decoders of every target, and the same of it untrained.

    All targets have the same rounds of decoders, fewer than Fig. 1 has, for there are ten. The
    detectors of words have as many.
    """
    profile, hidden = find(choices.profile), choices.hidden or signature.HIDDEN
    corpus, seed = required(choices.corpus), choices.seeds[0]
    spec = signature_spec(corpus, signature.CELL, 1, hidden, profile=profile.name, seed=seed)
    decoders = spec.budget.model_copy(update={"rounds": profile.compared_rounds})
    signatures = with_controls(
        {
            target: spec.model_copy(update={"target": target, "budget": decoders})
            for target in RECALLED
        }
    )
    detectors = DetectorSpec.beside(signatures["word"])
    others: dict[str, Spec] = {SEEN: detectors}
    if detectors.floor:
        others[f"{SEEN}, untrained"] = detectors.floor
    return Plan(signatures, others=others)


STUDY = Study(
    "targets",
    "Targets",
    "Beyond",
    plan,
    {"corpus": "shakespeare"},
    address="sweeps?sweep=Targets&corpus={corpus}",
)
