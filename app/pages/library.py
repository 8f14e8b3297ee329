"""Library: corpora, models, signatures, jobs and the space they take."""

from __future__ import annotations

import streamlit as st

from app.widgets import choices, library, models

PARTS = {
    "Corpora": library.corpora,
    "Models": models.draw,
    "Signatures": library.signatures,
    "Jobs": library.history,
    "Space": library.space,
}

with st.container(horizontal=True, key="toolbar"):
    part = choices.switch("part", "Part", list(PARTS), "Corpora", label_visibility="collapsed")
PARTS[part]()
