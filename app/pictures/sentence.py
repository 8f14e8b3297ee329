"""The picture of a sentence: under each letter what a network's state holds of those before it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.pictures.grids import grid, heat, ink
from app.pictures.look import (
    PURPLE,
    Row,
    Theme,
    color_axis,
    finish,
    lag_text,
    printable,
    right_to_left,
)

MONOSPACE = "'Source Code Pro', ui-monospace, Menlo, Consolas, monospace"
ROW, TITLE, BELOW = 15, 24, 10  # pixels: of a row, of a network's name, under everything
LETTERS, EXPECTED = -1, 0  # the rows above lag 1: the sentence, and what was expected
WIDE, FEWEST = 900, 30  # pixels of all columns together, and columns that there is room for
NEXT = -1  # the lag of the symbol that comes next


def triangles(
    readings: Sequence[tuple[str, pl.DataFrame]], symbols: str, colors: Theme
) -> go.Figure:
    """The same sentence as networks read it, one below the other, with one cursor.

    readings: what each network is called, and its rows as `core.reading.table` has them.
    symbols: the sentence. A column stands for each, from the right where it is written so: what was
    expected in its place, and what the state after it holds of the symbols before it.
    """
    lags = max(table["lag"].max() or 1 for _, table in readings)
    pane = ROW * (lags + 2)
    height = len(readings) * (pane + TITLE)
    figure = go.Figure()
    for number, (name, table) in enumerate(readings):
        which = str(number + 1) if number else ""
        _add_pane(figure, table, symbols, lags, f"y{which}", colors)
        below = (len(readings) - 1 - number) * (pane + TITLE)
        low, top = below / height, (below + pane) / height
        figure.update_layout({f"yaxis{which}": _lag_axis(lags, low, top)})
        font = {"size": 12, "color": colors.text}
        place: Row = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        text = f"<b>{html.escape(name)}</b>"
        figure.add_annotation(x=0, y=top, text=text, showarrow=False, font=font, **place)
    spike = {"showspikes": True, "spikemode": "across", "spikesnap": "data", "spikedash": "solid"}
    ends = [-0.5, max(len(symbols), FEWEST) + 0.5]
    figure.update_xaxes(
        range=ends[::-1] if right_to_left(symbols) else ends,
        anchor="free",
        showgrid=False,
        showticklabels=False,
        ticks="",
        spikethickness=1,
        spikecolor=colors.second,
        **spike,
    )
    axis = color_axis(PURPLE, 0, 1, [0, 0.5, 1], title="probability")
    axis["colorbar"] |= {"len": 1 - TITLE / height, "y": 0, "yanchor": "bottom"}
    figure.update_layout(coloraxis=axis, hovermode="closest")
    return finish(figure, colors, height + BELOW, (62, 10, 0, BELOW))


def _add_pane(
    figure: go.Figure, table: pl.DataFrame, symbols: str, lags: int, axis: str, colors: Theme
) -> None:
    """One network: the letters, what it expected in their place, and what its state holds."""
    columns = range(len(symbols) + 1)
    cells = {_place(row): row for row in table.filter(pl.col("lag") != 0).iter_rows(named=True)}
    rows = range(EXPECTED, lags + 1)
    probabilities = grid(cells, rows, columns, lambda row: row["probability"])
    heat(figure, probabilities, rows, grid(cells, rows, columns, _hover), yaxis=axis)
    size = min(13.0, WIDE / (0.62 * len(columns)))
    bold = {column: f"<b>{_letter(symbol)}</b>" for column, symbol in enumerate(symbols)}
    _add_letters(figure, bold, LETTERS, axis, size=size)
    guessed = {column: cells[EXPECTED, column] for column in columns if (EXPECTED, column) in cells}
    first = {column: _letter(row["guesses"][0]) for column, row in guessed.items()}
    inks = [
        colors.text
        if row["truth"] is None  # on no cell
        else ink(row["truth"] == row["guesses"][0], row["probability"])
        for row in guessed.values()
    ]
    _add_letters(figure, first, EXPECTED, axis, size=0.85 * size, color=inks)


def _add_letters(
    figure: go.Figure, letters: dict[int, str], row: int, axis: str, **font: Any
) -> None:
    """A row of letters by their columns."""
    figure.add_scatter(
        x=list(letters),
        y=[row] * len(letters),
        text=list(letters.values()),
        mode="text",
        hoverinfo="skip",
        yaxis=axis,
        textfont={"family": MONOSPACE} | font,
    )


def _place(row: Row) -> tuple[int, int]:
    """Row and column of a cell; an expectation stands where its symbol does."""
    ahead = row["lag"] == NEXT
    return (EXPECTED, row["position"]) if ahead else (row["lag"], row["position"] - 1)


def _hover(row: Row) -> str:
    """What a cell says: which symbol is meant, how probable it is held, and the best guesses."""
    truth = "" if row["truth"] is None else f"<b>{_letter(row['truth'])}</b>"
    what = lag_text(row) if row["lag"] > 0 else "expected" if truth else "expected next"
    given = f": {row['probability']:.0%}" if truth else ""
    named = zip(row["guesses"], row["chances"], strict=True)
    guesses = ", ".join(f"{_letter(symbol)} {chance:.0%}" for symbol, chance in named)
    return f"{truth} {what}{given}<br>guesses: {guesses}".strip()


def _letter(symbol: str) -> str:
    """A symbol as it is drawn; the end of a segment has a letter of its own."""
    return "↵" if symbol == "</s>" else html.escape(printable(symbol))


def _lag_axis(lags: int, low: float, high: float) -> Row:
    """The axis of one network, between these heights, its sentence on top."""
    return {
        "domain": [low, high],
        "range": [lags + 0.5, LETTERS - 0.5],
        "tickvals": list(range(EXPECTED, lags + 1)),
        "ticktext": ["expected", *(f"{lag} ago" for lag in range(1, lags + 1))],
        "tickfont": {"size": 10},
        "showgrid": False,
        "ticks": "",
    }
