"""The queries of this session, and the one that is shown."""

from __future__ import annotations

import html
from collections import deque
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import streamlit as st

from app.shell import choices, words

LINK = 1500  # characters of a query that still goes into the URL
REMEMBERED = 50  # queries of a session
LAST = "sql.answer"


@dataclass(frozen=True)
class Answer:
    """What came of a query: its rows, or one sentence on why there are none."""

    sql: str
    frame: pl.DataFrame
    truncated: bool
    refusal: str
    seconds: float
    moment: datetime

    @property
    def rows(self) -> str:
        return "1 row" if self.frame.height == 1 else f"{self.frame.height:,} rows"


def last_answer() -> Answer | None:
    """The answer that is shown, if there is one."""
    answer: Answer | None = st.session_state.get(LAST)
    return answer


def remember(answer: Answer) -> None:
    """Show an answer, and write its query down."""
    st.session_state[LAST] = answer
    history = _history()
    if history and history[0][0] == answer.sql:
        history.popleft()
    history.appendleft((answer.sql, answer.refusal or answer.rows, answer.moment))


def load(sql: str) -> None:
    """Let a query be the one that is shown and run, even if it is the one that ran last."""
    choices.set_value("sql", sql, link=len(sql) <= LINK)
    st.session_state.pop(LAST, None)


def queries_of_session() -> None:
    """A button for each query, the newest first, and what came of it."""
    if not _history():
        st.caption("The queries of this session appear here.")
    for number, (sql, outcome, moment) in enumerate(_history()):
        line = " ".join(sql.split())
        st.button(
            words.plain(line if len(line) <= 70 else line[:69] + "…"),
            key=f"past-{number}",
            type="tertiary",
            on_click=load,
            args=(sql,),
        )
        st.html(f"<div class='note'>{words.clock(moment)} · {html.escape(outcome)}</div>")


def _history() -> deque[tuple[str, str, datetime]]:
    return st.session_state.setdefault("sql.history", deque(maxlen=REMEMBERED))
