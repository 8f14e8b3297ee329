"""Retraining on a little of another domain (paper, section 6 and Fig. 4)."""

from __future__ import annotations

from core.library import ngram_spec, perplexity_spec, signature_spec
from core.paper.studies.study import Choices, Plan, Study, required, with_controls
from core.profiles import find
from core.signatures.spec import signature_of

CELL, ORDER = "lstm", 5


def plan(choices: Choices) -> Plan:
    """The source, the retrained and the target model, all measured on the target corpus."""
    source, target = required(choices.source), required(choices.target)
    profile, fraction, seed = choices.profile, choices.fraction, choices.seeds[0]
    hidden = choices.hidden or find(profile).hidden
    there = signature_spec(target, CELL, 1, hidden, profile=profile, seed=seed)
    out_of_domain = signature_spec(source, CELL, 1, hidden, profile=profile, seed=seed).model
    retrained = there.model.model_copy(
        update={
            "init_from": out_of_domain,
            "fraction": fraction,
            "budget": find(profile).retraining,
        }
    )
    source_gram = ngram_spec(source, ORDER, profile)
    little_gram = ngram_spec(target, ORDER, profile, fraction)
    return Plan(
        signatures={
            "source": signature_of(out_of_domain, target, profile, seed=seed),
            "retrained": signature_of(retrained, target, profile, seed=seed),
            **with_controls({"target": there}),
        },
        perplexities={
            "source": perplexity_spec(profile, target, out_of_domain),
            "retrained": perplexity_spec(profile, target, retrained),
            "target": perplexity_spec(profile, target, there.model),
            "n-gram source": perplexity_spec(profile, target, source_gram),
            "n-gram fraction": perplexity_spec(profile, target, little_gram),
            "n-grams interpolated": perplexity_spec(profile, target, source_gram, little_gram),
            "retrained + n-grams": perplexity_spec(
                profile, target, retrained, source_gram, little_gram
            ),
        },
    )


STUDY = Study(
    "adaptation",
    "Retraining",
    "Fig. 4",
    plan,
    {"source": "shakespeare", "target": "wsj"},
    seeds=3,
    address="adaptation?adaptation=Retraining&source={source}&target={target}",
    options=("fraction",),
)
