"""The toolbar of the Signature page: its choices, or a key in the address, give a spec."""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st

import core
from app.shell import choices, pickers, queries
from core import jobs
from core.cells import CELLS, label
from core.library import added_models
from core.models.imported.spec import ImportedSpec
from core.models.language.spec import ModelSpec
from core.registry import known
from core.signatures.spec import RECALLED, SignatureSpec, Target

LAYERS = (1, 2, 3, 4)
HERE = "here"
CHOICES = ("corpus", "model", "cell", "layers", "hidden", "state", "layer", "target", "profile")
KEY = re.compile("[0-9a-f]{64}")
OPENED = "signature.opened"  # its key, and that of what the choices describe meanwhile

# The spec of a signature.
SPEC = "SELECT spec FROM signatures WHERE key = {key}"


@dataclass(frozen=True)
class Selected:
    """The signature that its page shows.

    changed: whether a person has just changed a choice that leads to it; opened: whether it is one
    that the choices do not describe, opened by its key.
    """

    spec: SignatureSpec
    changed: bool = False
    opened: bool = False


def select_signature() -> Selected:
    """Draw the choices in one row; what they describe, or what was opened by its key.

    A key in the address (`?signature=KEY`) sets the choices to those of its signature, and holds
    until one of them is changed: a retrained network or another seed has no choice of its own.
    """
    opened = _opened()
    last, before = st.session_state.get(OPENED, ("", ""))
    if opened and last != opened.key:
        _show(opened)
    described = _described()
    if opened and last != opened.key:
        before = described.key
        st.session_state[OPENED] = (opened.key, before)
    if opened and described.key == before != opened.key:
        return Selected(opened, opened=True)
    choices.set_value("signature", "")
    return Selected(described, choices.changed() in CHOICES)


def _opened() -> SignatureSpec | None:
    """The signature whose key is in the address, computed or queued."""
    key_in_address = st.query_params.get("signature")
    if key_in_address is None:  # the key does not outlast a visit to the page
        choices.set_value("signature", "")
        st.session_state.pop(OPENED, None)
        return None
    key = choices.value("signature", "", lambda text: text if KEY.fullmatch(text) else None)
    spec = _signature(key) if key else None
    if key == key_in_address and spec is None:
        st.warning("That signature is not in this database.")
    return spec


def _signature(key: str) -> SignatureSpec | None:
    rows = queries.table(queries.fill(SPEC, key=key))
    job = jobs.find(key)
    spec = known(rows["spec"][0]) if rows.height else job.spec if job else None
    return spec if isinstance(spec, SignatureSpec) else None


def _show(spec: SignatureSpec) -> None:
    """Set the choices to those nearest to a signature."""
    corpus, model = spec.corpus, spec.model
    values: dict[str, object] = {
        "corpus": corpus.content if corpus.content in pickers.corpora() else corpus.name,
        "model": model.key[:12] if isinstance(model, ImportedSpec) else HERE,
        "layer": spec.layer,
        "target": spec.target,
        "state": spec.state,
        "profile": spec.profile,
    }
    if isinstance(model, ModelSpec):
        values |= {"cell": model.cell, "layers": model.layers, "hidden": model.hidden}
    for name, value in values.items():
        choices.set_value(name, value)


def _described() -> SignatureSpec:
    """Draw the choices in one row and give the spec that they describe."""
    with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
        corpus = pickers.corpus_choice("corpus", "Corpus", "shakespeare")
        added = _model()
        cell, layers, hidden = (added.cell, added.layers, added.hidden) if added else _shape()
        states = CELLS[cell].states
        state = choices.select(
            "state",
            "State",
            states,
            states[0],
            format_func=lambda s: pickers.STATE_NAMES.get(s, s),
            width=115,
        )
        layer = choices.select(
            "layer",
            "Layer",
            range(1, layers + 1),
            1,
            width=90,
            help="The layer whose state is read; 1 is nearest the input.",
        )
        target = _target()
        profile = pickers.profile_choice()
    return core.signature_spec(
        pickers.read(corpus),
        cell=cell,
        layers=layers,
        hidden=hidden,
        layer=layer,
        state=state,
        profile=profile,
        model=added,
        target=target,
    )


def _model() -> ImportedSpec | None:
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
        format_func=lambda key: added[key].title if key in added else "trained here",
        help="A network trained here on the corpus, or one that was added on the Library page.",
    )
    return added.get(chosen)


def _target() -> Target:
    """The choice of what is recalled."""
    return choices.select(
        "target",
        "Recall of",
        list(RECALLED),
        "symbol",
        width=110,
        help="What the decoders name: a symbol, its class, the two or three symbols that ended "
        "so many steps ago, or the word so many words back.",
    )


def _shape() -> tuple[str, int, int]:
    """The choices of a network that is trained here: cell, layers, hidden size."""
    cell = choices.select("cell", "Cell", list(CELLS), "gru", format_func=label, width=100)
    layers = choices.select(
        "layers",
        "Layers",
        LAYERS,
        1,
        free=choices.whole(1, 16),
        width=90,
        help="How many recurrent layers are stacked; type any number up to 16.",
    )
    return cell, layers, pickers.hidden_choice("hidden", 80)


def note_on_opened() -> None:
    """A line where the choices above the signature are not the whole of it."""
    st.html(
        "<div class='note'>Opened by its key: the choices above are the nearest to it, and "
        "changing one leaves it.</div>"
    )
