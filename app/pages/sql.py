"""SQL: any question to the tables, with the tables and some good questions beside it."""

from __future__ import annotations

import streamlit as st

from app.parts.sql import panes

left, right = st.columns([16, 9], gap="medium")
with left:
    panes.editor()
    panes.result()
with right:
    panes.beside()
