"""Compare: two to four signatures side by side, their differences and their distances."""

from __future__ import annotations

import streamlit as st

from app.widgets import compare

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    compare.picker()
pinned = compare.cards()
if pinned:
    compare.draw(pinned)
else:
    compare.nothing()
