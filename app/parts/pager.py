"""Pages of 40 symbols, where an alphabet has more than a picture can show at once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from app.pictures.symbols import MOST
from app.shell import choices
from app.shell.buttons import icon_button

FURTHEST = 999  # page


def cells(table: pl.DataFrame, labels: Sequence[str]) -> pl.DataFrame:
    """The cells of the chosen page; all where there is one page only."""
    if len(labels) <= MOST:
        return table
    start = _start(labels)
    return table.filter(pl.col("symbol").is_in(list(labels[start : start + MOST])))


def buttons(labels: Sequence[str]) -> None:
    """What turns the pages, where there are several."""
    if len(labels) <= MOST:
        return
    start, pages = _start(labels), _pages(labels)
    number = start // MOST + 1
    with st.container(
        horizontal=True,
        key="pager",
        width="content",
        wrap=False,
        gap=None,
        vertical_alignment="center",
    ):
        icon_button("chevron_left", "page-before", _turn, (number - 2) % pages + 1)
        stop = min(start + MOST, len(labels))
        st.caption(f"{start + 1}–{stop} of {len(labels)}", width="content")
        icon_button("chevron_right", "page-after", _turn, number % pages + 1)


def _pages(labels: Sequence[str]) -> int:
    return max(1, -(-len(labels) // MOST))


def _start(labels: Sequence[str]) -> int:
    """The place of the first label of the chosen page."""
    number: int = choices.value("page", 1, choices.whole(1, FURTHEST))
    return (min(number, _pages(labels)) - 1) * MOST


def _turn(number: int) -> None:
    choices.set_value("page", number)
