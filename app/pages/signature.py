"""Signature (the paper's Fig. 1): one network's memory, symbol by lag."""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts.signature import panes
from app.shell import pickers

spec = pickers.signature_toolbar()
with st.container(key="strip"):
    there = watching.watch(spec)
panes.draw(spec, there)
