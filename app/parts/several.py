"""Panes of several signatures, for every page that compares some: maps, curves, differences."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import polars as pl
import streamlit as st

from app.parts import pager
from app.pictures import curves, heatmaps, look
from app.shell import choices, export, queries
from core.text import SYMBOLS

READING = (
    "White 0 %, dark purple 100 %. A ring marks recall that a guess reaches: the most frequent "
    "symbol, or the best guess from the current one{}. The interval of one network covers the test "
    "text alone."
)
# What follows in it: whether rings count the recent floor, which is measured with added bits.
RECENT = {
    True: " or from all more recent ones",
    False: " (from all more recent ones: known only where added bits are computed)",
}
UNTRAINED = "untrained"  # the choice, and the column
DIFFERENCE = 340  # pixels: the height of a difference that is missing


def side_by_side(
    title: str,
    signatures: Sequence[tuple[str, str]],
    name: str,
    *,
    scale: look.Scale = look.PURPLE,
    buttons: Callable[[], None] | None = None,
    symbols: Sequence[str] = SYMBOLS,
) -> bool:
    """Recall by lag and symbol of up to four signatures (name, key) on one scale.

    symbols: their alphabet, in order. Returns whether rings count the recent floor.
    """
    sqls = [queries.fill(queries.MATRIX, key=key) for _, key in signatures]

    def all_buttons() -> None:
        pager.buttons(symbols)
        if buttons:
            buttons()

    export.heading(title, "side", *sqls, buttons=all_buttons)
    tables = [
        (label, pager.cells(queries.table(sql), symbols))
        for (label, _), sql in zip(signatures, sqls, strict=True)
    ]
    if not any(table.height for _, table in tables):
        export.empty(heatmaps.SIDE[len(tables)])
        return False
    figure = export.drawn(heatmaps.lettered, tables, export.colors(), scale=scale, symbols=symbols)
    export.chart(figure, "side", name, "Recall by lag and symbol, side by side", zooms=True)
    return heatmaps.share_recent([table for _, table in tables])


def marginal(signatures: Sequence[tuple[str, str]], name: str) -> None:
    """Recall over all symbols by lag, a curve for each signature (name, key)."""
    sqls = [queries.fill(queries.MARGINAL, key=key) for _, key in signatures]
    export.heading("Marginal recall", "curves", *sqls)
    tables = [(label, queries.table(sql)) for (label, _), sql in zip(signatures, sqls, strict=True)]
    figure = export.drawn(curves.lettered, tables, export.colors())
    export.chart(figure, "curves", name, "Marginal recall by lag of each")


def switch_untrained(table: pl.DataFrame) -> None:
    """A switch for the untrained network's line, where there is one. table: as MARGINAL gives it.

    It goes into the heading of a pane; `floors` says which lines it leaves.
    """
    if table["untrained"].count():
        choices.toggle(UNTRAINED, "Untrained", width="content")


def floors() -> tuple[str, ...]:
    """Which floors are drawn beside marginal recall: all, or those that need no network."""
    hidden = choices.last_value(UNTRAINED, choices.ON) == choices.OFF
    return tuple(name for name in curves.DASHES if not (hidden and name == UNTRAINED))


def selected_cell(cells: pl.DataFrame, symbols: Sequence[str] = SYMBOLS) -> tuple[int, str]:
    """The lag and symbol whose answers are shown: those last chosen, where there is such a cell.

    cells: lag, symbol, of symbols that occur. symbols: their alphabet, in order.
    """
    last, listed = max(cells["lag"].to_list()), labels(cells, symbols)
    lag = choices.value("lag", 3, choices.whole(1, 64))
    symbol = choices.value("symbol", "e", lambda text: text if text in listed else None)
    if symbol not in listed:
        symbol = "e" if "e" in listed else next(filter(str.isalpha, listed), listed[0])
    return min(lag, last), symbol


def labels(cells: pl.DataFrame, symbols: Sequence[str]) -> list[str]:
    """The symbols that occur, in the order of their alphabet."""
    seen = cells.filter(pl.col("n") > 0) if "n" in cells.columns else cells
    return look.in_order(seen.select("symbol").unique(), symbols=symbols)["symbol"].to_list()


def select_cell(lag: int, symbol: str) -> None:
    """Show the answers of a cell."""
    choices.set_value("lag", lag)
    choices.set_value("symbol", symbol)


def how_to_read(recent: bool, more: str) -> None:
    """What the colors and rings of signatures mean, and more in HTML.

    recent: whether rings count the recent floor.
    """
    st.html(f"<div class='note'>{READING.format(RECENT[recent])} {more}</div>")


def difference(
    title: str,
    pair: str,
    sql: str,
    reach: float,
    name: str,
    *,
    key: str = "difference",
    alt: str = "",
    missing: str = "Not computed yet",
    largest: bool = False,
    clicks: bool = False,
    buttons: Callable[[], None] | None = None,
    symbols: Sequence[str] = SYMBOLS,
) -> None:
    """The difference of two signatures, cell by cell, with a note on what is significant.

    title: ends with "first − second". pair: their letters. sql: fills `queries.DIFFERENCE`.
    reach: the end of the color scale. largest: the note names the largest difference too.
    clicks: a click on a cell selects it. symbols: their alphabet, in order; the note counts all
    cells, also those of other pages.
    """
    export.heading(title, key, sql, buttons=buttons)
    table = queries.table(sql)
    if not table.height:
        export.empty(DIFFERENCE, missing)
        st.html("<div class='note'>&nbsp;</div>")
        return
    shown = pager.cells(table, symbols)
    chosen = selected_cell(shown, symbols) if clicks else None
    figure = export.drawn(
        heatmaps.difference, shown, pair, reach, export.colors(), chosen=chosen, symbols=symbols
    )
    on_click = select_cell if clicks else None
    export.chart(figure, key, name, alt or title, zooms=True, on_click=on_click)
    first, second = title.removeprefix("Difference ").split(" − ")
    note = heatmaps.difference_note(table, first, second) + (_largest(table) if largest else "")
    st.html(f"<div class='note'>{note}</div>")


def _largest(table: pl.DataFrame) -> str:
    """The largest significant difference, as HTML."""
    significant = table.filter(pl.col("significant"))
    if not significant.height:
        return ""
    top = significant.sort(pl.col("difference").abs(), descending=True).row(0, named=True)
    symbol, points = (html.escape(look.printable(top["symbol"])), look.points(top["difference"]))
    return f" Largest: <b>{symbol}</b>, {top['lag']} ago, {points}."


def reach(*sqls: str) -> float:
    """One color scale for several differences: the eye may go from one to the next."""
    tables = map(queries.table, sqls)
    largest = [table["difference"].abs().max() or 0.0 for table in tables if table.height]
    return look.scale_end(max(largest, default=0.0))
