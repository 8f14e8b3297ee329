"""What a 5-gram and a GRU remember (paper, section 6 and Fig. 5)."""

from __future__ import annotations

from core.library import ngram_spec, perplexity_spec, signature_spec
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find
from core.signatures.spec import signature_of

CELL, ORDER = "gru", 5


def plan(choices: Choices) -> Plan:
    """The network's signature, the n-gram's by the same decoders and exactly, and their mixture."""
    corpus, profile = required(choices.corpus), choices.profile
    hidden = choices.hidden or find(profile).hidden
    network = signature_spec(corpus, CELL, 1, hidden, profile=profile, seed=choices.seeds[0])
    gram = ngram_spec(corpus, ORDER, profile)
    decoded = signature_of(gram, corpus, profile, seed=choices.seeds[0], hidden=hidden)
    return Plan(
        signatures={
            **with_controls({"GRU": network}),
            "5-gram": decoded,
            "5-gram, exact": decoded.model_copy(update={"decoder": "exact"}),
        },
        perplexities={
            "GRU": perplexity_spec(profile, corpus, network.model),
            "5-gram": perplexity_spec(profile, corpus, gram),
            "GRU + 5-gram": perplexity_spec(profile, corpus, network.model, gram),
        },
    )


STUDY = Study(
    "ngram",
    "Network against n-gram",
    "Fig. 5",
    plan,
    {"corpus": "wsj"},
    seeds=3,
    address="adaptation?adaptation=Network against n-gram&corpus={corpus}",
)
