"""The answer that is shown, and the queries that this person ran and saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from app.shell import choices, people

LINK = 1500  # characters of a query that still goes into the URL
LAST = "sql.answer"
KEY = "sql-queries"
HERE = Path(__file__).parent
QUERIES = st.components.v2.component(
    "sql-queries",
    html="<div class='queries'></div>",
    css=(HERE / "queries.css").read_text(),
    js=(HERE / "queries.js").read_text(),
)


@dataclass(frozen=True)
class Answer:
    """What came of a query: its rows, or one sentence on why there are none.

    place: the first character of what is wrong in the query, and the one behind its last.
    """

    sql: str
    frame: pl.DataFrame
    truncated: bool
    refusal: str
    place: tuple[int, int] | None
    seconds: float
    moment: datetime

    @property
    def rows(self) -> str:
        return "1 row" if self.frame.height == 1 else f"{self.frame.height:,} rows"

    @property
    def line(self) -> str:
        """Where the mistake is, in words; empty if that is not known."""
        if self.place is None:
            return ""
        lines = self.sql[: self.place[0]].split("\n")
        return f"Line {len(lines)}, column {len(lines[-1]) + 1}"

    @property
    def wrong(self) -> dict[str, Any] | None:
        """The mistake, as the editor marks it."""
        if self.place is None:
            return None
        start, end = self.place
        return {"text": self.sql, "from": start, "to": end, "moment": self.moment.isoformat()}


def last_answer() -> Answer | None:
    """The answer that is shown, if there is one."""
    answer: Answer | None = st.session_state.get(LAST)
    return answer


def remember(answer: Answer) -> Answer:
    """Show an answer."""
    st.session_state[LAST] = answer
    return answer


def load(sql: str) -> None:
    """Let a query be the one that is shown and run, even if it is the one that ran last."""
    choices.set_value("sql", sql, link=len(sql) <= LINK)
    st.session_state.pop(LAST, None)


def queries() -> None:
    """The queries that were saved and the last that ran, as the browser keeps them."""
    last = last_answer()
    ran = last and {
        "sql": last.sql,
        "outcome": last.refusal or last.rows,
        "moment": last.moment.isoformat(),
    }
    QUERIES(
        key=KEY,
        data={"who": people.who(), "last": ran},
        on_sent_change=lambda: load(st.session_state[KEY]["sent"]["text"]),
    )
