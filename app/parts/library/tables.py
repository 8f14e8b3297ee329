"""Disk space as a table; a table in which one row can be chosen."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.shell import export, words
from core.store import Store

ROWS = 420  # pixels: the height of a table
SHARE = st.column_config.NumberColumn("kept", format="percent")
DAY = st.column_config.DatetimeColumn(format="D MMM YYYY")
MOMENT = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")


def space() -> None:
    """The bytes of each part of the cache."""
    sizes = Store().status()["bytes"]
    parts = pl.DataFrame({"part": list(sizes), "size": [words.size(b) for b in sizes.values()]})
    st.html("<div class='pane-title'>Disk space</div>")
    export.table(parts, "space-table", width=360)
    total = words.size(sum(sizes.values()))
    st.caption(f"{total} in all, in the cache folder that MEMSIG_CACHE names.")


def select_row(table: pl.DataFrame, key: str, height: int) -> int | None:
    """A table in which one row can be chosen; the chosen row's number."""
    own = {"added": DAY, "created": DAY, "kept": SHARE}
    event = export.table(
        table,
        key,
        {name: own[name] for name in table.columns if name in own},
        height=height,
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = event["selection"]["rows"]
    return rows[0] if rows and rows[0] < table.height else None
