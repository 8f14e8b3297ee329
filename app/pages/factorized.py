"""Factorized (the paper's Fig. 6): the bases of a factorized kernel, one per bigram."""

from __future__ import annotations

import streamlit as st

from app.widgets import (
    choices,
    factorized,
    factorized_choices,
    factorized_numbers,
    factorized_pruning,
)

PARTS = {
    "Atlas": factorized.atlas,
    "Pruning": factorized_pruning.pruning,
    "Numbers": factorized_numbers.numbers,
}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    part = choices.switch("factorized", "Part", list(PARTS), "Atlas")
    asked = factorized_choices.toolbar()
PARTS[part](asked)
