"""What a memory signature is: three sentences, a live one, and the words of the product."""

from __future__ import annotations

import html

import streamlit as st

import core
from app import watching
from app.parts import several, unfinished
from app.pictures import heatmaps
from app.shell import export, links, pickers, queries
from core import reading
from core.paper import shipped
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
| guess | answering without a memory; a ring marks recall that a guess reaches |
| study | the signatures that one figure of the paper needs |
| profile | how much is computed: smoke (seconds), laptop (minutes), desk (days), paper (a GPU) |
"""


def words_of_the_product() -> None:
    """What each word means, on request."""
    with st.popover("The words", icon=":material/menu_book:"):
        st.markdown(WORDS)


def sentences() -> None:
    """What a memory signature is, in three sentences."""
    st.subheader("What a network still remembers", anchor=False)  # its link would be unseen
    for sentence in SENTENCES:
        st.markdown(sentence)


def networks_that_read() -> list[SignatureSpec]:
    """The networks that read a sentence at once."""
    return [spec for spec in shipped.networks() if reading.ready(spec)]


def live_signature(profile: str) -> None:
    """The signature of Fig. 1's network, as its own page draws it."""
    spec = _spec(profile)
    page, params = links.figure("signature", [spec.corpus.name], spec.profile)
    computed = watching.watch_signature(spec)
    shown = spec if spec.key in computed else spec.preview()
    if shown.key not in computed:
        export.empty(heatmaps.HEIGHT, watching.COMING)
        return
    sql = queries.fill(queries.MATRIX, key=shown.key)
    ahead = queries.fill(queries.FORWARD, key=shown.key)
    title = html.escape(spec.model.title) + ("" if shown is spec else ", linear preview")

    def link() -> None:
        st.page_link(page, label="Open", icon=":material/open_in_new:", query_params=params)

    export.heading(title, "live", sql, ahead, buttons=link)
    figure = export.drawn(
        heatmaps.signature, queries.table(sql), queries.table(ahead), export.colors(), (0, "")
    )
    export.chart(figure, "live", "signature", "Recall of every symbol at every lag")
    trained = unfinished.sentence([spec.model.key])
    recent = heatmaps.share_recent([queries.table(sql)])
    several.how_to_read(recent, f"Row “next”: accuracy of predicting the symbol. {trained}")


def _spec(profile: str) -> SignatureSpec:
    """Fig. 1's network; its corpus is only read if nobody ever has."""
    known = recorded(STUDIES["signature"], profile, Store())["corpus"]
    corpus: CorpusSpec = known if known.content.strip("0") else pickers.read(known.name)
    return core.signature_spec(corpus, CELL, 1, HIDDEN, profile=profile)
