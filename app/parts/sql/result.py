"""What came of the last query: a table or a chart."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts.sql.history import last_answer
from app.pictures import query
from app.shell import choices, export, words

SHOWN = 400  # pixels of a result
MARKS = ("table", "line", "bars", "points")
POINTS = 5_000  # of a chart


def answer() -> None:
    """The rows of the last query as a table or a chart."""
    last = last_answer()
    if last is None:
        export.empty(SHOWN, "Run a query, or choose an example: its rows appear here.")
        return
    if last.refusal:
        where = f"**{last.line}:** " if last.line else ""
        st.warning(where + words.plain(last.refusal))
        return
    frame = last.frame
    export.heading(f"{last.rows}, {last.seconds:.1f} s", "answer", buttons=_mark)
    mark = choices.last_value("as", "table")
    if last.truncated:
        st.caption(
            f"There are more rows: only the first {frame.height:,} are shown and downloaded."
        )
    if not frame.height:
        export.empty(SHOWN, "No row answers this query.")
    elif mark == "table" or not _chart(frame, mark):
        st.dataframe(frame, height=SHOWN, hide_index=True, placeholder="NULL", key="sql-table")
    export.downloads(frame, "query")


def _mark() -> None:
    """Choose how the rows are shown."""
    choices.switch(
        "as", "Shown as", MARKS, "table", label_visibility="collapsed", format_func=str.capitalize
    )


def _chart(frame: pl.DataFrame, mark: str) -> bool:
    """Draw a chart of three chosen columns; False where no column is a number."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    if not numbers:
        st.caption("A chart needs a column of numbers.")
        return False
    plain = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    x, y, by = guess(frame)
    with st.container(horizontal=True, key="chart-toolbar", gap="small"):
        x = choices.select("x", "Across", plain, x, width=135)
        y = choices.select("y", "Up", numbers, y, width=135)
        by = choices.select(
            "by", "Color", ["", *plain], by, width=135, format_func=lambda c: c or "none"
        )
    if frame.height > POINTS:
        st.caption(f"The chart shows the first {POINTS:,} rows.")
    figure = query.chart(frame.head(POINTS), x, y, by or None, mark, export.colors())
    export.chart(figure, "sql-chart", "query", f"{y} against {x}", zooms=True)
    return True


def guess(frame: pl.DataFrame) -> tuple[str, str, str]:
    """Columns for a first chart: across, up and color ('' for none)."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    y = next((name for name in numbers if frame.schema[name].is_float()), numbers[-1])
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    rest = [name for name in numbers if name != y]
    x = "lag" if "lag" in rest else (rest or texts or [y])[0]
    groups = [name for name in texts if name != x and frame[name].n_unique() > 1]
    few = [name for name in groups if frame[name].n_unique() <= query.GROUPS]
    # Where several rows share a place across, the column that tells them apart.
    telling = [name for name in groups if frame.select(x, name).is_unique().all()]
    crowded = not frame[x].is_unique().all()
    return x, y, ((telling if crowded else []) or few or [""])[0]
