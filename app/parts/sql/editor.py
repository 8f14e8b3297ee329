"""The editor of the SQL page: the query and the button that runs it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import polars as pl
import streamlit as st

from app.parts.sql.examples import EXAMPLES
from app.parts.sql.history import LINK, Answer, last_answer, load, remember
from app.shell import choices
from core.errors import BadInput
from core.store.sandbox import MAX_TEXT, run_sql

SECONDS, ROWS, MEMORY_MB = 10, 10_000, 2048


def query() -> None:
    """The text of the query; the query of a link runs by itself."""
    sql = choices.value("sql", "", lambda text: text if 0 < len(text) <= MAX_TEXT else None)
    if st.session_state.get("sql-shown") != sql or "sql-text" not in st.session_state:
        st.session_state["sql-text"] = sql or EXAMPLES[0][1].strip()
        st.session_state["sql-shown"] = sql
    with st.form("sql-form", border=False):
        st.text_area("Query", key="sql-text", height=190, label_visibility="collapsed")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.form_submit_button(
                "Run",
                type="primary",
                icon=":material/play_arrow:",
                on_click=lambda: load(st.session_state["sql-text"].strip()),
                help="Ctrl + Enter",
            )
            st.html(
                "<div class='note'>Ctrl + Enter runs it. Reading only, one query at a time, at "
                f"most {SECONDS} seconds, {ROWS:,} rows and {MEMORY_MB // 1024} GB.</div>",
                width="stretch",
            )
    if sql:
        choices.set_value("sql", sql, link=len(sql) <= LINK)
        answer = last_answer()
        if answer is None or answer.sql != sql:
            with st.spinner("Running …"):
                remember(_run(sql))


def _run(sql: str) -> Answer:
    moment, started = datetime.now(UTC).replace(tzinfo=None), time.monotonic()
    frame, truncated, refusal = pl.DataFrame(), False, ""
    try:
        frame, truncated = run_sql(sql, SECONDS, ROWS, MEMORY_MB)
    except BadInput as refused:
        refusal = str(refused)
    return Answer(sql, frame, truncated, refusal, time.monotonic() - started, moment)
