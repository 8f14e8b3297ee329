"""Library: corpora, models, signatures, jobs and the space they take."""

from __future__ import annotations

import streamlit as st

from app.parts.library import corpora, models, tables
from app.shell import choices

CORPORA, MODELS, SIGNATURES, JOBS, SPACE = "Corpora", "Models", "Signatures", "Jobs", "Space"
PARTS = [CORPORA, MODELS, SIGNATURES, JOBS, SPACE]
WIDTHS = [16, 9]

with st.container(horizontal=True, key="toolbar"):
    part = choices.switch("part", "Part", PARTS, CORPORA, label_visibility="collapsed")

if part == CORPORA:
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
elif part == SIGNATURES:
    tables.signatures()
elif part == JOBS:
    tables.jobs()
else:
    tables.space()
