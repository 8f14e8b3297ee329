"""Sweeps (the paper's Figs. 2 and 3): what is remembered by kernel size, and layer by layer."""

from __future__ import annotations

import streamlit as st

from app.parts.sweeps import panes
from app.shell import choices

FIGURES = {"Kernel size": panes.size, "Depth": panes.depth}

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    figure = choices.switch("sweep", "Figure", list(FIGURES), "Kernel size")
    asked = panes.toolbar(deep=figure == "Depth")
FIGURES[figure](asked)
