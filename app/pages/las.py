"""LAS (the paper's Fig. 7): what each layer of a speech recognizer remembers of the spelling."""

from __future__ import annotations

import streamlit as st

from app.widgets import choices, las, las_utterance

PARTS = {"Layers": las.layers, "Utterance": las_utterance.draw}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    part = choices.switch("las", "Show", list(PARTS), "Layers")
    asked = las.toolbar()
PARTS[part](asked, las.watch(asked))
