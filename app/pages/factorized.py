"""Factorized (the paper's Fig. 6): the bases of a factorized kernel, one per bigram."""

from __future__ import annotations

import streamlit as st

from app.parts.factorized import numbers, panes, pruning, toolbar
from app.shell import choices

PARTS = {"Atlas": panes.atlas, "Pruning": pruning.pruning, "Numbers": numbers.numbers}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    part = choices.switch("factorized", "Part", list(PARTS), "Atlas")
    asked = toolbar.toolbar()
PARTS[part](asked)
