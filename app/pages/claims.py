"""Claims: what the paper says, statement by statement, and what is found here."""

from __future__ import annotations

import streamlit as st

from app.widgets import claims

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    profile = claims.toolbar()
claims.draw(profile)
