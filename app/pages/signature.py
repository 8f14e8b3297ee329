"""Signature (the paper's Fig. 1): one network's memory, symbol by lag."""

from __future__ import annotations

import streamlit as st

from app.widgets import pane, pickers, watch

spec = pickers.signature_toolbar()
with st.container(key="strip"):
    there = watch.watch(spec)
pane.draw(spec, there)
