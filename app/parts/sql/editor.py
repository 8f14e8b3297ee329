"""The editor of the SQL page: the query, with completion and the place of a mistake."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import sqlparse
import streamlit as st

from app.parts.sql import schema
from app.parts.sql.examples import EXAMPLES
from app.parts.sql.history import LINK, Answer, last_answer, load, remember
from app.shell import choices
from core.errors import BadInput
from core.store.sandbox import MAX_TEXT, BadSql, run_sql

SECONDS, ROWS, MEMORY_MB = 10, 10_000, 2048
GIVEN = "sql.given"  # of the session: the text that the editor was given last, and its number
KEY = "sql-editor"
HERE = Path(__file__).parent
EDITOR = st.components.v2.component(
    "sql-editor", **{kind: (HERE / f"editor.{kind}").read_text() for kind in ("html", "css", "js")}
)


def query() -> None:
    """The text of the query; the query of a link runs by itself."""
    sql = choices.value("sql", "", lambda text: text if 0 < len(text) <= MAX_TEXT else None)
    place = st.container()
    answer = last_answer()
    if sql:
        choices.set_value("sql", sql, link=len(sql) <= LINK)
        if answer is None or answer.sql != sql:
            with st.spinner("Running …"):
                answer = remember(_run(sql))
    if sql and st.session_state.get("sql-shown") != sql:
        st.session_state["sql-shown"] = sql
        _give(sql)
    number, text = st.session_state.get(GIVEN) or _give(EXAMPLES[0][1].strip())
    with place:
        EDITOR(
            key=KEY,
            data={
                "number": number,
                "text": text,
                "words": schema.words(),
                "wrong": answer.wrong if answer and answer.sql == sql else None,
            },
            on_sent_change=_sent,
        )
        st.html(
            "<div class='note'>Ctrl + Enter runs it, Ctrl + Space completes, Escape and Tab leave "
            "the text. Reading only, one query at a time, at most "
            f"{SECONDS} seconds, {ROWS:,} rows and {MEMORY_MB // 1024} GB.</div>"
        )


def _give(text: str) -> tuple[int, str]:
    """Let the editor show a text."""
    number, _ = st.session_state.get(GIVEN, (0, ""))
    st.session_state[GIVEN] = (number + 1, text)
    return st.session_state[GIVEN]


def _sent() -> None:
    """Run the query that the editor sent, or lay it out in lines."""
    sent = st.session_state[KEY]["sent"]
    if sent["event"] == "run":
        load(sent["text"])
        return
    try:
        if len(sent["text"]) > MAX_TEXT:
            raise sqlparse.exceptions.SQLParseError
        _give(sqlparse.format(sent["text"], reindent=True, wrap_after=88, indent_width=4))
    except sqlparse.exceptions.SQLParseError:
        st.toast("This query is too long or too deeply nested to be laid out.")


def _run(sql: str) -> Answer:
    moment, started = datetime.now(UTC), time.monotonic()
    frame, truncated, refusal, place = pl.DataFrame(), False, "", None
    try:
        frame, truncated = run_sql(sql, SECONDS, ROWS, MEMORY_MB)
    except BadInput as refused:
        refusal = str(refused)
        place = refused.place if isinstance(refused, BadSql) else None
    return Answer(sql, frame, truncated, refusal, place, time.monotonic() - started, moment)
