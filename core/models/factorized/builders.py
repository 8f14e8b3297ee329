"""Specs of factorized kernels from a few choices; everything else comes from the profile."""

from __future__ import annotations

from core import cells, profiles
from core.errors import BadInput
from core.models.base import check_alphabet
from core.models.factorized.spec import (
    RULES,
    AtlasSpec,
    Bigram,
    FactorizedSpec,
    KernelSpec,
    LambdaFrom,
    Part,
    PrunedSpec,
    PruningSpec,
    Rule,
)
from core.signatures.spec import Decoder, SignatureSpec, signature_of
from core.spec import CorpusSpec
from core.text import PAPER, SYMBOLS

NAMED_IN_PAPER = ("xt", "ha", "in", "ld", "po", "he")  # Fig. 6, and the text's 'he'


def factorized_spec(
    corpora: tuple[CorpusSpec, CorpusSpec],
    cell: str = "lstm",
    hidden: int | None = None,
    profile: str = "laptop",
    bases: bool = True,
    lambda_from: LambdaFrom = "previous",
    seed: int = 0,
) -> FactorizedSpec:
    """A factorized model on a mix of two corpora; bases=False is the plain one to compare with.

    hidden: None takes the profile's. Raises BadInput for a choice that does not exist.
    """
    cells.find(cell, factorizes=True)
    if corpora[0].content == corpora[1].content:
        raise BadInput("The two corpora of the mix are the same; choose another one.")
    for corpus in corpora:
        if corpus.alphabet != PAPER:
            raise BadInput(
                f"{corpus.name} has an alphabet of its own, and a factorized kernel has its bases "
                "for the bigrams of the paper's 34 symbols: choose other corpora."
            )
    budget = profiles.find(profile)
    size = hidden or budget.factorized
    return FactorizedSpec(
        corpora=corpora,
        cell=cell,
        hidden=size,
        bases=bases,
        lambda_from=lambda_from,
        profile=profile,
        budget=budget.training_for(cell, 1, size),
        seed=seed,
    )


def bigram(text: str) -> Bigram:
    """The bigram of two characters, or of names such as `<s>t`. Raises BadInput for anything else.

    A symbol is one of `core.text.SYMBOLS`.
    """
    for first in SYMBOLS:
        second = text.removeprefix(first)
        if second != text and second in SYMBOLS:
            return first, second
    raise BadInput(f"{text!r} is no bigram; give two of the 34 symbols, such as 'he' or '<s>t'.")


def kernel_signature(
    model: FactorizedSpec,
    part: Part,
    of: Bigram | None = None,
    corpus: CorpusSpec | None = None,
    decoder: Decoder = "mlp",
) -> SignatureSpec:
    """The signature of part of a factorized kernel: an ordinary signature like any other.

    of: the basis, for a part that has one. corpus: measured on (None: the mix's first).
    """
    kernel = KernelSpec(model=model, part=part, bigram=of)
    where = corpus or model.corpora[0]
    return signature_of(kernel, where, model.profile, decoder=decoder, seed=model.seed)


def pruned_signature(pruned: PrunedSpec) -> SignatureSpec:
    """The signature of a pruned model on its target, over whose text λ is at its mean."""
    model = pruned.model
    return signature_of(pruned, pruned.pruning.target, model.profile, seed=model.seed)


def atlas_spec(model: FactorizedSpec, corpus: CorpusSpec | None = None) -> AtlasSpec:
    """The atlas of a model's bases, measured on a corpus (None: the mix's first)."""
    budget, where = profiles.find(model.profile), corpus or model.corpora[0]
    check_alphabet(model, where)
    return AtlasSpec(
        model=model,
        corpus=where,
        max_lag=min(10, budget.max_lag),
        profile=model.profile,
        budget=budget.atlas,
        seed=model.seed,
    )


def pruning_spec(atlas: AtlasSpec, target: CorpusSpec, rule: Rule, seed: int = 0) -> PruningSpec:
    """An order of pruning for a target corpus; the seed is for the rule 'random'."""
    if rule not in RULES:
        raise BadInput(f"There is no rule {rule!r}; choose one of {', '.join(RULES)}.")
    check_alphabet(atlas.model, target)
    return PruningSpec(atlas=atlas, target=target, rule=rule, seed=seed)
