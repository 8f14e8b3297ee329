"""Compare: two to four signatures side by side, their differences and their distances."""

from __future__ import annotations

import streamlit as st

from app.parts.compare import panes

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    panes.picker()
pinned = panes.cards()
if pinned:
    panes.draw(pinned)
else:
    panes.nothing()
