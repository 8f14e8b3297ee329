"""Disk space as a table; a table in which one row can be chosen."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.shell import words
from core.store import Store

ROWS = 420  # pixels: the height of a table
COUNT = st.column_config.NumberColumn(format="localized")
SHARE = st.column_config.NumberColumn("kept", format="percent")
DAY = st.column_config.DatetimeColumn(format="D MMM YYYY")
MOMENT = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")


def space() -> None:
    """The bytes of each part of the cache."""
    sizes = Store().status()["bytes"]
    parts = pl.DataFrame({"part": list(sizes), "size": [words.size(b) for b in sizes.values()]})
    st.html("<div class='pane-title'>Disk space</div>")
    st.dataframe(parts, hide_index=True, placeholder="–", width=360, key="space-table")
    total = words.size(sum(sizes.values()))
    st.caption(f"{total} in all, in the cache folder that MEMSIG_CACHE names.")


def select_row(table: pl.DataFrame, key: str, height: int) -> int | None:
    """A table in which one row can be chosen; the chosen row's number."""
    counts = [name for name in table.columns if table[name].dtype == pl.Int64]
    days = [name for name in ("added", "created") if name in table.columns]
    event = st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        height=height,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config=dict.fromkeys(counts, COUNT) | dict.fromkeys(days, DAY) | {"kept": SHARE},
    )
    rows = event["selection"]["rows"]
    return rows[0] if rows and rows[0] < table.height else None
