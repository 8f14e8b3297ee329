"""LAS (the paper's Fig. 7): what each layer of a speech recognizer remembers of the spelling.

Or of the sound itself, where units of it are recalled.
"""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts.las import added, curves, layers, sounds, toolbar, units, utterance
from app.shell import choices
from app.shell.errors import explained
from core import listening
from core.paper import heard

LAYERS, UTTERANCE = "Layers", "Utterance"

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    part = choices.switch("las", "Show", [LAYERS, UTTERANCE], LAYERS)
    recognizer = toolbar.select_recognizer(offers_units=part == LAYERS)
computed = watching.watch_plan(recognizer.plan)
toolbar.note_on_recognizer(recognizer.model)


@st.fragment
@explained()
def spelling_and_memory() -> None:
    """A click on a grapheme draws only this again."""
    step = utterance.selected_step(inspection)
    with st.container(key="wraps"):
        left, right = st.columns([16, 9], gap="medium")
    with left:
        utterance.attention(recognizer, sound, inspection, step)
    with right:
        utterance.spelling(inspection)
        utterance.recalled(recognizer, inspection, step)


if part == UTTERANCE:
    trained = sounds.ready(recognizer.model)
    if not trained and (listened := heard.read(recognizer.model)):
        sound, inspection = sounds.select_shipped(recognizer, listened)
        spelling_and_memory()
    elif (sound := sounds.select_sound(recognizer.model, trained)) is not None:
        inspection = utterance.inspect(recognizer, sound)
        spelling_and_memory()
    elif not trained:
        sounds.not_ready(recognizer)
elif not recognizer.units and (refusal := listening.refusal(recognizer.model)):
    layers.refused(refusal)
else:
    layers.signatures(recognizer, computed)
    with st.container(key="wraps"):
        difference, every = st.columns(2, gap="medium")
        halves, others = st.columns(2, gap="medium")
    with difference:
        layers.difference(recognizer)
    with every:
        curves.all_layers(recognizer, computed)
    with halves:
        curves.forward_halves(recognizer)
    with others:
        if recognizer.units:
            units.table(recognizer)
        else:
            curves.alignments(recognizer)
    if not recognizer.units:
        added.added_bits(recognizer)
    curves.numbers(recognizer)
