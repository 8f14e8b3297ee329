"""What the bases of a factorized kernel remember, and which can go (paper, Fig. 6)."""

from __future__ import annotations

from core.library import perplexity_spec, signature_spec
from core.models.factorized.builders import (
    NAMED_IN_PAPER,
    atlas_spec,
    bigram,
    factorized_spec,
    kernel_signature,
    pruning_spec,
)
from core.models.factorized.spec import RULES
from core.paper.studies.study import Choices, Plan, Study, required
from core.spec import Spec

CELL = "lstm"
DRAWS = 3  # random orders of pruning that the rules are held against


def plan(choices: Choices) -> Plan:
    """Atlas and pruning of a model on both corpora, W₀ and the paper's bases with trained decoders.

    Everything is measured on the source, which has the symbols that the target lacks; pruning is
    for the target. The plain network of the same size, on the same minibatches, is scored for
    comparison; W₀'s control is the untrained network of its shape. The cell is the selected one
    where only one is selected.
    """
    cell = choices.cells[0] if len(choices.cells) == 1 else CELL
    mix, seed = (required(choices.source), required(choices.target)), choices.seeds[0]
    model, plain = (
        factorized_spec(mix, cell, choices.hidden, choices.profile, bases, seed=seed)
        for bases in (True, False)
    )
    atlas = atlas_spec(model)
    others: dict[str, Spec] = {"atlas": atlas}
    for rule in RULES:
        for order in range(DRAWS if rule == "random" else 1):
            label = f"pruning by {rule}" + (f" {order}" if rule == "random" else "")
            others[label] = pruning_spec(atlas, mix[1], rule, order)
    signatures = {
        "W₀": kernel_signature(model, "base"),
        "full kernel": kernel_signature(model, "full"),
    }
    for name in NAMED_IN_PAPER:
        signatures[f"'{name}'"] = kernel_signature(model, "basis", bigram(name))
    plain_one = signature_spec(mix[0], cell, 1, model.hidden, profile=choices.profile, seed=seed)
    if plain_one.floor:
        signatures["W₀, untrained"] = plain_one.floor
    return Plan(
        signatures=signatures,
        perplexities={
            f"{label}, {corpus.name}": perplexity_spec(choices.profile, corpus, member)
            for corpus in mix
            for label, member in (("factorized", model), ("plain", plain))
        },
        others=others,
    )


STUDY = Study(
    "factorized",
    "Factorized kernel",
    "Fig. 6",
    plan,
    {"source": "shakespeare", "target": "wsj"},
    seeds=3,
    address="factorized?mix1={source}&mix2={target}",
)
