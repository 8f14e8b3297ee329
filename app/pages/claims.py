"""Claims: what the paper says, statement by statement, and what is found here."""

from __future__ import annotations

import streamlit as st

from app.parts.claims import parts, statements

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    profile = statements.select_profile()
claims = statements.verdicts(profile)
parts.measured(claims)
