"""The opening page's parts: what a memory signature is, a live one, and the tour of the words."""

from __future__ import annotations

import html
from typing import Any

import streamlit as st

import core
from app import watching
from app.parts.overview.gallery import state
from app.pictures import figures
from app.shell import export, links, pickers, queries, words
from core import machine
from core.paper.reproduce import recorded
from core.paper.studies import STUDIES
from core.paper.studies.signature import CELL, HIDDEN
from core.signatures.spec import SignatureSpec
from core.spec import CorpusSpec
from core.store import Store

SENTENCES = (
    "A recurrent network reads a text symbol by symbol and keeps a state: what does that state "
    "still hold of the symbols that went by?",
    "Freeze the network, train one small decoder for every lag that reads the state and names the "
    "symbol so many steps ago, and count how often it is right on text that nobody has seen.",
    "All these recalls, symbol by lag, are the network's **memory signature**: dark is "
    "remembered, white is forgotten.",
)
WORDS = """
| word | meaning |
|---|---|
| symbol | a letter, the space, `.` `,` `'`, `#` for any digit, or the end of a segment |
| segment | what is read in one go: a verse line, a sentence; the state is reset at each |
| state | what a model carries from step to step: an LSTM's cell, a GRU's output |
| lag | how many steps back the decoder looks |
| decoder | the small network trained for one layer and one lag |
| recall | how often a decoder is right on held-out text, for each true symbol or over all |
| signature | all recalls of one model and layer: symbol by lag |
| floor | what guessing without a memory would get; a dot marks recall not above it |
| study | the signatures that one figure of the paper needs |
| profile | how much is computed: smoke (seconds), laptop (two cores), paper (the paper's sizes) |
"""


def tour() -> None:
    """The words of the product, on request."""
    with st.popover("The words", icon=":material/menu_book:"):
        st.markdown(WORDS)


def introduction(profile: str) -> Any:
    """Three sentences and one live signature; gives the place for `machine_facts`."""
    left, right = st.columns([9, 16], gap="large")
    with left:
        st.markdown("### What a network still remembers")
        for sentence in SENTENCES:
            st.markdown(sentence)
        slot = st.container(gap="xsmall")
    with right:
        _live(_spec(profile))
    return slot


def _spec(profile: str) -> SignatureSpec:
    """Fig. 1's network; its corpus is only read if nobody ever has."""
    known = recorded(STUDIES["signature"], profile, Store())["corpus"]
    corpus: CorpusSpec = known if known.content.strip("0") else pickers.read(known.name)
    return core.signature_spec(corpus, CELL, 1, HIDDEN, profile=profile)


def _live(spec: SignatureSpec) -> None:
    """The signature as its own page draws it."""
    page, params = links.figure("signature", [spec.corpus.name], spec.profile)
    there = watching.watch_signature(spec)
    if not there & {spec.key, spec.preview().key}:
        export.empty(figures.HEIGHT, watching.SIGNATURE_COMING)
        return
    shown = spec if spec.key in there else spec.preview()
    sql = queries.fill(queries.MATRIX, key=shown.key)
    ahead = queries.fill(queries.FORWARD, key=shown.key)
    said = html.escape(spec.model.title)
    kind = "" if spec.key in there else ", linear preview"

    def link() -> None:
        st.page_link(page, label="Open", icon=":material/open_in_new:", query_params=params)

    export.heading(f"{said}{kind}", "live", sql, ahead, buttons=link)
    figure = figures.signature(queries.table(sql), queries.table(ahead), export.colors(), (0, ""))
    export.chart(figure, "live", "signature", "Recall of every symbol at every lag")


def machine_facts(slot: Any, profile: str) -> None:
    """What is computed, what is missing, where it would run and how long that takes."""
    states = [state(study, profile) for study in STUDIES]
    done, total = sum(s.done for s in states), sum(s.total for s in states)
    rest = sum(s.seconds for s in states)
    facts = {
        f"computed at profile {profile}": f"{done} of {total} results",
        "came with the program": words.number(sum(s.shipped for s in states)),
        "missing, on this machine": f"about {words.seconds(rest)}" if done < total else "nothing",
        "this machine": machine.name(),
    }
    rows = "".join(
        f"<tr><td>{what}</td><td>{html.escape(value)}</td></tr>" for what, value in facts.items()
    )
    slot.html(f"<table class='facts'>{rows}</table>")
    if done < total:
        slot.caption("Every page has a button for what it misses; everything at once:")
        slot.code(f".venv/bin/python -m core reproduce --profile {profile}", language="sh")
