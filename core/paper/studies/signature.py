"""What one network remembers and what it predicts, by symbol (paper, section 4 and Fig. 1)."""

from __future__ import annotations

from core.cells import label
from core.library import signature_spec
from core.paper.studies.study import Choices, Plan, Study, required

CELL, HIDDEN = "gru", 80


def plan(choices: Choices) -> Plan:
    """The signature of a one-layer network, its added bits, and its control: it untrained."""
    corpus = required(choices.corpus)
    trained = signature_spec(
        corpus, CELL, 1, choices.hidden or HIDDEN, profile=choices.profile, seed=choices.seeds[0]
    )
    control = {"untrained": trained.floor} if trained.floor else {}
    return Plan({label(CELL): trained} | control, others={"added bits": trained.added()})


STUDY = Study(
    "signature",
    "Signature",
    "Fig. 1",
    plan,
    {"corpus": "shakespeare"},
    seeds=3,
    address=f"signature?cell={CELL}&layers=1&hidden={HIDDEN}&corpus={{corpus}}",
)
