"""SQL: any question to the tables, with the tables and some good questions beside it."""

from __future__ import annotations

import streamlit as st

from app.parts.sql import editor, examples, history, result, schema

HEIGHT = 620  # pixels of each tab

left, right = st.columns([16, 9], gap="medium")
with left:
    editor.query()
    result.answer()
with right:
    of_tables, of_examples, of_queries = st.tabs(["Tables", "Examples", "Queries"])
    with of_tables, st.container(height=HEIGHT, key="schema", border=False):
        schema.tables()
    with of_examples, st.container(height=HEIGHT, key="examples", border=False, gap=None):
        examples.questions()
    with of_queries, st.container(height=HEIGHT, key="queries", border=False):
        history.queries()
