"""Sweeps (the paper's Figs. 2 and 3): what is remembered by kernel size, and layer by layer."""

from __future__ import annotations

import streamlit as st

from app.widgets import choices, sweeps

FIGURES = {"Kernel size": sweeps.size, "Depth": sweeps.depth}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    figure = choices.switch("sweep", "Figure", list(FIGURES), "Kernel size")
    asked = sweeps.toolbar(deep=figure == "Depth")
FIGURES[figure](asked)
