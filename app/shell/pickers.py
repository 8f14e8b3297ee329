"""The toolbar of the Signature page: from choices to a spec, and from a spec to an address."""

from __future__ import annotations

import os

import streamlit as st

import core
from app.shell import choices, queries
from core.cells import CELLS, label
from core.corpora import NAMES, source
from core.library import added_models
from core.models.imported.spec import ImportedSpec
from core.models.language.spec import ModelSpec
from core.profiles import PROFILES
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec

HIDDEN = (40, 80, 160, 320, 640)
LAYERS = (1, 2, 3, 4)
MEANING = {"h": "h, output", "c": "c, cell"}
HERE = "here"


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
        name, label, list(names), default, say=lambda c: names.get(c, c), width=width
    )


def read(corpus: str) -> CorpusSpec:
    """The spec of a chosen corpus; one that nobody has needed yet is read from its package."""
    with st.spinner(f"Reading the corpus {corpora().get(corpus, corpus)} …"):
        return core.find_corpus(corpus)


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


def signature_toolbar() -> SignatureSpec:
    """Draw the choices in one row and give the spec that they describe."""
    with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
        corpus = corpus_choice("corpus", "Corpus", "shakespeare")
        added = model_choice()
        cell, layers, hidden = (added.cell, added.layers, added.hidden) if added else _shape()
        states = CELLS[cell].states
        state = choices.select(
            "state", "State", states, states[0], say=lambda s: MEANING.get(s, s), width=115
        )
        layer = choices.select(
            "layer",
            "Layer",
            range(1, layers + 1),
            1,
            width=90,
            help="The layer whose state is read; 1 is nearest the input.",
        )
        profile = profile_choice()
    return core.signature_spec(
        read(corpus),
        cell=cell,
        layers=layers,
        hidden=hidden,
        layer=layer,
        state=state,
        profile=profile,
        model=added,
    )


def model_choice() -> ImportedSpec | None:
    """The choice of an added model, where there are any; None for one that is trained here."""
    specs = map(ImportedSpec.model_validate_json, added_models().values())
    added = {spec.key[:12]: spec for spec in specs}
    if not added:
        return None
    chosen = choices.select(
        "model",
        "Model",
        [HERE, *added],
        HERE,
        width=170,
        say=lambda key: added[key].title if key in added else "trained here",
        help="A network trained here on the corpus, or one that was added on the Library page.",
    )
    return added.get(chosen)


def _shape() -> tuple[str, int, int]:
    """The choices of a network that is trained here: cell, layers, hidden size."""
    cell = choices.select("cell", "Cell", list(CELLS), "gru", say=label, width=100)
    layers = choices.select(
        "layers",
        "Layers",
        LAYERS,
        1,
        free=choices.whole(1, 16),
        width=90,
        help="How many recurrent layers are stacked; type any number up to 16.",
    )
    hidden = choices.select(
        "hidden",
        "Hidden",
        HIDDEN,
        80,
        free=choices.whole(1, 4096),
        width=100,
        help="Units of each layer; type any number up to 4096.",
    )
    return cell, layers, hidden


def address(spec: SignatureSpec, listed: dict[str, str]) -> dict[str, str] | None:
    """The URL's parameters of the Signature page that shows this signature; listed: `corpora()`.

    None for what that page does not show: n-grams and retrained networks.
    """
    model, corpus = spec.model, spec.corpus
    if isinstance(model, ImportedSpec) and model.trained:
        network: dict[str, object] = {"model": model.key[:12]}
    elif isinstance(model, ModelSpec) and not model.init_from and model.fraction == 1:
        network = {"cell": model.cell, "layers": model.layers, "hidden": model.hidden}
        network |= {"model": HERE}
    else:
        return None
    values = {
        "corpus": corpus.content if corpus.content in listed else corpus.name,
        **network,
        "state": spec.state,
        "layer": spec.layer,
        "profile": spec.profile,
    }
    return {name: str(value) for name, value in values.items()}
