"""SQL: any question to the tables, with the tables and some good questions beside it."""

from __future__ import annotations

import streamlit as st

from app.widgets import sql

left, right = st.columns([16, 9], gap="medium")
with left:
    sql.editor()
    sql.result()
with right:
    sql.beside()
