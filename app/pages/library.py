"""Library: corpora, models, signatures, jobs and the space they take."""

from __future__ import annotations

import streamlit as st

from app.parts.library import models, panes
from app.shell import choices

PARTS = {
    "Corpora": panes.corpora,
    "Models": models.draw,
    "Signatures": panes.signatures,
    "Jobs": panes.history,
    "Space": panes.space,
}

with st.container(horizontal=True, key="toolbar"):
    part = choices.switch("part", "Part", list(PARTS), "Corpora", label_visibility="collapsed")
PARTS[part]()
