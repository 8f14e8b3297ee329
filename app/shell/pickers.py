"""Choices that several pages have: the corpus and the profile."""

from __future__ import annotations

import os

import streamlit as st

import core
from app.shell import choices, queries, words
from core.corpora import NAMES, source
from core.profiles import PROFILES
from core.spec import CorpusSpec

STATE_NAMES = {"h": "h, output", "c": "c, cell"}


def default_profile() -> str:
    """MEMSIG_PROFILE where it names a profile, else laptop."""
    wanted = os.environ.get("MEMSIG_PROFILE", "laptop")
    return wanted if wanted in PROFILES else "laptop"


def corpora() -> dict[str, str]:
    """What a corpus is asked for by, and what it is called: packaged names, then stored texts.

    Stored texts go by their content, since two may have one name.
    """
    listed = {name: name for name in NAMES}
    stored = queries.table(queries.CORPORA).filter(kind="text")
    for key, name, segment in stored.select("key", "name", "segment").iter_rows():
        if name not in NAMES:
            listed[key] = name
        elif segment != source(name).segments[0]:
            listed[key] = f"{name} by {segment}"
    return listed


def corpus_choice(name: str, label: str, default: str, width: int = 170) -> str:
    """The choice of a corpus, as `read` takes it."""
    names = corpora()
    return choices.select(
        name, label, list(names), default, format_func=lambda c: names.get(c, c), width=width
    )


def read(corpus: str) -> CorpusSpec:
    """The spec of a chosen corpus; one that nobody has needed yet is read from its package."""
    with st.spinner(words.plain(f"Reading the corpus {corpora().get(corpus, corpus)} …")):
        return core.find_corpus(corpus)


def hidden_choice(
    name: str,
    usual: int,
    sizes: tuple[int, ...] = (20, 40, 80, 160, 320, 640),
    width: int = 100,
    of: str = "each layer",
) -> int:
    """The choice of a hidden size, of these or any other."""
    return choices.select(
        name,
        "Hidden",
        sorted({*sizes, usual}),
        usual,
        free=choices.whole(1, 4096),
        width=width,
        help=f"Units of {of}; type any number up to 4096.",
    )


def profile_choice() -> str:
    """The choice of a profile."""
    return choices.select(
        "profile",
        "Profile",
        list(PROFILES),
        default_profile(),
        width=115,
        help="; ".join(f"{p.name}: {p.about}" for p in PROFILES.values()),
    )
