"""Library: runs, which are signatures and jobs, corpora, models and the space they take."""

from __future__ import annotations

import streamlit as st

from app.parts.library import corpora, models, runs, tables
from app.shell import choices

RUNS, CORPORA, MODELS, SPACE = PARTS = ["Runs", "Corpora", "Models", "Space"]
WIDTHS = [16, 9]

with st.container(horizontal=True, key="toolbar"):
    part = choices.switch("part", "Part", PARTS, RUNS, label_visibility="collapsed")

if part == RUNS:
    runs.runs()
elif part == CORPORA:
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        corpus = corpora.select()
    with right:
        corpora.add()
    if corpus:
        left, right = st.columns(WIDTHS, gap="medium")
        with left:
            corpora.symbols_or_left_out(corpus)
        with right:
            corpora.first_segments(corpus)
elif part == MODELS:
    left, right = st.columns(WIDTHS, gap="medium")
    with right:
        models.add()
    with left:
        model = models.select()
    if model:
        left, right = st.columns(WIDTHS, gap="medium")
        with left:
            models.training(model)
        with right:
            models.perplexities(model)
else:
    tables.space()
