"""The toolbar of the Adaptation page, for each of its two figures."""

from __future__ import annotations

from app.parts import study
from app.pictures import look
from app.shell import choices, pickers
from core.paper.studies import Choices
from core.profiles import find
from core.text import SYMBOLS


def retraining() -> Choices:
    """Source, target, fraction, profile, hidden size."""
    source = pickers.corpus_choice("source", "Source", "shakespeare", 130)
    target = pickers.corpus_choice("target", "Target", study.default_corpus(), 130)
    percent = choices.slide(
        "fraction",
        "Share of the target",
        1,
        50,
        5,
        width=150,
        format="%d %%",
        help="How much of the target's train split it is retrained on, a seeded sample",
    )
    profile = pickers.profile_choice()
    return Choices(
        profile,
        source=pickers.read(source),
        target=pickers.read(target),
        fraction=percent / 100,
        hidden=_hidden(profile),
    )


def ngram() -> Choices:
    """Corpus, profile, hidden size."""
    corpus = pickers.corpus_choice("corpus", "Corpus", study.default_corpus())
    profile = pickers.profile_choice()
    return Choices(profile, corpus=pickers.read(corpus), hidden=_hidden(profile))


def _hidden(profile: str) -> int:
    return pickers.hidden_choice("units", find(profile).hidden, width=90, of="the one layer")


def alphabet(selected: Choices) -> tuple[str, ...]:
    """The symbols of the corpus that all is measured on, in order."""
    corpus = selected.target or selected.corpus
    return corpus.alphabet.symbols if corpus else SYMBOLS


def file_name(selected: Choices, what: str) -> str:
    """The name under which something of these choices is saved."""
    corpora = [spec.name for spec in (selected.source, selected.target, selected.corpus) if spec]
    share = [f"{100 * selected.fraction:g}"] if selected.source else []
    return look.file_name(what, *corpora, *share, selected.hidden, selected.profile)
