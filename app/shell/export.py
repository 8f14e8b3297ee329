"""The frame of a picture: title, SQL, chart, and what saves it; a table as CSV or Parquet."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from threading import Lock
from types import FunctionType
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.pictures import look
from app.shell import choices, saving

CLICKED = "export.clicked"  # of the session: the last click of each chart
ROW = 30.625  # pixels: of a table, at the font size of config.toml
LINK = 4000  # characters of a query that a link to the SQL page can carry
_finishing = Lock()  # two people may be the first to see a picture


@dataclass(frozen=True)
class Heading:
    """What a pane's title says, the queries behind its picture, and the place of its buttons."""

    title: str
    queries: tuple[str, ...]
    buttons: DeltaGenerator


# The heading that was drawn last: a chart belongs to it.
_heading: ContextVar[Heading | None] = ContextVar("heading", default=None)


def colors() -> look.Theme:
    """The theme that this browser shows."""
    return look.theme(st.context.theme.type)


def _by_name(function: FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@st.cache_resource(max_entries=100, show_spinner=False, hash_funcs={FunctionType: _by_name})
def drawn(picture: Callable[..., go.Figure], *args: Any, **more: Any) -> go.Figure:
    """The picture of these arguments, drawn once for all who look: that takes longer than most
    queries."""
    return picture(*args, **more)


def heading(title: str, key: str, *queries: str, buttons: Callable[[], None] | None = None) -> None:
    """A pane's title with "Show SQL" at its right: the very queries that made the picture.

    title: HTML. buttons: draws what stands between the two. A chart below adds a button that saves.
    """
    with st.container(
        horizontal=True, key=f"head-{key}", vertical_alignment="center", gap="xxsmall"
    ):
        st.html(f"<div class='pane-title'>{title}</div>", width="stretch")
        if buttons:
            buttons()
        place = st.container(width="content", horizontal=True, key=f"save-{key}")
        if queries:
            _show_sql(key, queries)
    saves_in(place, title, *queries)


def saves_in(place: DeltaGenerator, title: str, *queries: str) -> None:
    """The charts that follow have this title, and their buttons that save stand in this place."""
    _heading.set(Heading(title, queries, place))


def _show_sql(key: str, queries: tuple[str, ...]) -> None:
    with st.popover("Show SQL", type="tertiary", key=f"sql-{key}"):
        for sql in queries:
            st.code(sql, language="sql")
            if len(sql) <= LINK:
                st.page_link("pages/sql.py", label="Open in SQL", query_params={"sql": sql})


def chart(
    figure: go.Figure,
    key: str,
    name: str,
    alt: str,
    *,
    zooms: bool = False,
    on_click: Callable[..., None] | None = None,
) -> None:
    """A picture; the button in the heading above it saves it under `name`.

    zooms: dragging over a part of it shows that closer, and a button shows all again; without,
    nothing can be dragged. on_click: called with the clicked point's `customdata` before the page
    runs again.
    """
    with _finishing:
        if figure.layout.dragmode is None:  # else it is a drawn one that has been through here
            figure.update_xaxes(fixedrange=not zooms)
            figure.update_yaxes(fixedrange=not zooms)
            figure.update_layout(dragmode="zoom" if zooms else False)
    more: dict[str, Any] = {}
    if on_click:
        more = {"on_select": partial(_clicked, key, on_click), "selection_mode": "points"}
    st.plotly_chart(figure, key=key, theme=None, config=look.toolbar(zooms), alt=alt, **more)
    if heading := _heading.get():
        with heading.buttons:
            _save_button(figure, key, name, heading)


def _save_button(figure: go.Figure, key: str, name: str, heading: Heading) -> None:
    pressed = st.button(
        "Save",
        key=f"save-{key}-button",
        type="tertiary",
        icon=":material/download:",
        help="As a picture for a paper, or as numbers",
    )
    if pressed:
        saving.dialog(figure, name, heading.title, heading.queries)


def _clicked(key: str, on_click: Callable[..., None]) -> None:
    """Pass on what the clicked point stands for. A click on empty ground only unselects.

    Another part's report may bring a new click before the click's own message comes, or repeat one
    that has been passed on already.
    """
    points = st.session_state[key]["selection"]["points"]
    data = [point["customdata"] for point in points if point.get("customdata") not in (None, [])]
    passed_on = st.session_state.setdefault(CLICKED, {})
    if not choices.in_own_part() and passed_on.get(key) == data:
        return
    passed_on[key] = data
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


def table(
    rows: pl.DataFrame, key: str, columns: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """A table as people read it: columns by their names in words, counts with separators, other
    numbers with three decimals.

    columns: what is shown in another way. more: for `st.dataframe`, whose event this returns.
    """
    shown = {name: _column(name, dtype) for name, dtype in rows.schema.items()}
    for name, own in (columns or {}).items():
        shown[name] = _merged(shown[name], own)
    return st.dataframe(
        rows, key=key, hide_index=True, placeholder="–", column_config=shown, **more
    )


def _merged(usual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A column's configuration, and over it another, in which None says nothing."""
    return dict(usual) | {
        part: _merged(usual.get(part) or {}, value) if isinstance(value, Mapping) else value
        for part, value in own.items()
        if value is not None
    }


def table_height(rows: int) -> int:
    """The height in pixels of a table of so many rows under its head."""
    return math.ceil(ROW * (rows + 1)) + 2


def _column(name: str, dtype: pl.DataType) -> Any:
    words = name.replace("_", " ")
    if dtype.is_integer():
        return st.column_config.NumberColumn(words, format="localized")
    if dtype.is_float():
        return st.column_config.NumberColumn(words, format="%.3f")
    return st.column_config.Column(words)


def numbers(
    rows: pl.DataFrame, key: str, height: int, name: str, columns: Mapping[str, Any] | None = None
) -> None:
    """A table and what saves it under `name`. height: in pixels; columns: as of `table`."""
    table(rows, key, columns, height=height)
    downloads(rows, name)


def downloads(table: pl.DataFrame, name: str) -> None:
    """The table as CSV and as Parquet."""
    with st.container(horizontal=True, gap="small"):
        for extension in saving.TABLES:
            saving.table_button(extension, table, name)
