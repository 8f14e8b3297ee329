"""The frame of a picture: title, SQL, chart with a save button, its table as CSV or Parquet."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app.pictures import look
from app.shell import choices
from app.shell.people import picture_format


def colors() -> look.Theme:
    """The theme that this browser shows."""
    return look.theme(st.context.theme.type)


def heading(title: str, key: str, *queries: str, buttons: Callable[[], None] | None = None) -> None:
    """A pane's title with "Show SQL" at its right: the very queries that made the picture.

    title: HTML. buttons: draws what stands between the two.
    """
    with st.container(
        horizontal=True, key=f"head-{key}", vertical_alignment="center", gap="xxsmall"
    ):
        st.html(f"<div class='pane-title'>{title}</div>", width="stretch")
        if buttons:
            buttons()
        with st.popover("Show SQL", type="tertiary", key=f"sql-{key}"):
            for sql in queries:
                st.code(sql, language="sql")


def chart(
    figure: go.Figure,
    key: str,
    name: str,
    alt: str,
    *,
    zooms: bool = False,
    on_click: Callable[..., None] | None = None,
) -> None:
    """A picture, saved by its toolbar under `name`.

    zooms: dragging over a part of it shows that closer, and a button shows all again; without,
    nothing can be dragged. on_click: called with the clicked point's `customdata` before the page
    runs again.
    """
    figure.update_xaxes(fixedrange=not zooms)
    figure.update_yaxes(fixedrange=not zooms)
    figure.update_layout(dragmode="zoom" if zooms else False)
    more: dict[str, Any] = {}
    if on_click:
        more = {"on_select": partial(_clicked, key, on_click), "selection_mode": "points"}
    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        config=look.toolbar(name, picture_format(), zooms),
        alt=alt,
        **more,
    )


@choices.by_person
def _clicked(key: str, on_click: Callable[..., None]) -> None:
    """Pass on what the clicked point stands for. A click on empty ground only unselects."""
    points = st.session_state[key]["selection"]["points"]
    data = [point["customdata"] for point in points if point.get("customdata") not in (None, [])]
    if data:
        last = data[-1]
        on_click(*last) if isinstance(last, list) else on_click(last)


def empty(height: int, text: str = "Not computed yet") -> None:
    """What stands where a picture will be, as high as it."""
    st.html(f"<div class='empty' style='height:{height}px'>{html.escape(text)}</div>")


def facts(values: dict[str, str], height: int | None = None) -> str:
    """A small table of facts, what each is and its value, as HTML. height: in pixels."""
    style = f" style='height:{height}px'" if height else ""
    rows = "".join(
        f"<tr><td>{html.escape(what)}</td><td>{html.escape(value)}</td></tr>"
        for what, value in values.items()
    )
    return f"<table class='facts'{style}>{rows}</table>"


def downloads(table: pl.DataFrame, name: str) -> None:
    """The table as CSV and as Parquet."""
    formats = (
        ("CSV", "text/csv", lambda: flat(table).write_csv()),
        ("Parquet", "application/octet-stream", lambda: _parquet(table)),
    )
    with st.container(horizontal=True, gap="small"):
        for label, mime, content in formats:
            extension = label.lower()
            st.download_button(
                label,
                content,
                f"{name}.{extension}",
                mime,
                key=f"{extension}-{name}",
                icon=":material/download:",
                on_click="ignore",
            )


def flat(table: pl.DataFrame) -> pl.DataFrame:
    """The table with lists, structures and bytes as text, which is all that CSV can hold."""
    return table.with_columns(
        pl.Series(name, [None if value is None else str(value) for value in table[name].to_list()])
        for name, kind in table.schema.items()
        if kind.is_nested() or kind == pl.Binary
    )


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()
