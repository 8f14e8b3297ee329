"""Signature (the paper's Fig. 1): one network's memory, symbol by lag."""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts import sentence
from app.parts.signature import added, longer, places, prediction, recall, toolbar

WIDTHS = [16, 9]

selected = toolbar.select_signature()
spec = longer.longest(selected.spec)
preview = spec.preview()
computed = watching.watch_signature(spec, selected.changed)
if selected.opened:
    toolbar.note_on_opened()

# The best that there is: trained decoders, else the linear preview.
shown = spec if spec.key in computed else preview


@st.fragment
def recall_and_answers() -> None:
    """A click on a cell of the heat map draws only this again."""
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        matrix = recall.heat_map(shown, preview=shown is not spec)
    with right:
        recall.marginal(spec, computed)
        recall.answers(shown, matrix)


if shown.key in computed:
    recall.finding(shown)
    recall_and_answers()
    if spec.key in computed:
        longer.offer(spec)
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        if shown.target == "symbol":
            prediction.memory_against_prediction(shown)
    with right:
        if not spec.corpus.words:
            added.added_bits(spec)
    if shown is spec:
        sentence.of_signature(spec)
    places.recall_by_place(shown)
    prediction.numbers(shown)
else:
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        recall.placeholder("Recall by lag and symbol", watching.COMING)
    with right:
        recall.placeholder("Marginal recall")
