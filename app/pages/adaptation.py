"""Adaptation (the paper's Figs. 4 and 5): retraining on another domain, and n-grams."""

from __future__ import annotations

import streamlit as st

from app.parts.adaptation import panes
from app.shell import choices

FIGURES = {
    "Retraining": (panes.retraining_toolbar, panes.retraining),
    "Network against n-gram": (panes.ngram_toolbar, panes.ngram),
}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    figure = choices.switch("adaptation", "Figure", list(FIGURES), "Retraining")
    toolbar, draw = FIGURES[figure]
    asked = toolbar()
draw(asked)
