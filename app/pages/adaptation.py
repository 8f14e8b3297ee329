"""Adaptation (the paper's Figs. 4 and 5): retraining on another domain, and n-grams."""

from __future__ import annotations

import streamlit as st

from app.widgets import adaptation, choices

FIGURES = {
    "Retraining": (adaptation.retraining_toolbar, adaptation.retraining),
    "Network against n-gram": (adaptation.ngram_toolbar, adaptation.ngram),
}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    figure = choices.switch("adaptation", "Figure", list(FIGURES), "Retraining")
    toolbar, draw = FIGURES[figure]
    asked = toolbar()
draw(asked)
