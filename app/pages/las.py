"""LAS (the paper's Fig. 7): what each layer of a speech recognizer remembers of the spelling."""

from __future__ import annotations

import streamlit as st

from app.parts.las import panes, utterance
from app.shell import choices

PARTS = {"Layers": panes.layers, "Utterance": utterance.draw}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    part = choices.switch("las", "Show", list(PARTS), "Layers")
    asked = panes.toolbar()
PARTS[part](asked, panes.watch(asked))
