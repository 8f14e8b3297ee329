"""The pieces of a heat map: cells as lines of values, their colors, axes, marks and clicks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.pictures.look import SELECTED, Row, Theme, printable, spacing

Cells = Mapping[tuple[Any, Any], Row]  # by row and column of the picture
recall = itemgetter("accuracy")
RINGS = "no better than a guess"
MOST_NAMED, NAMED = 40, 16  # columns that all have names, and names where there are more


def by_lag(table: pl.DataFrame) -> dict[tuple[int, str], Row]:
    """The cells that occur, by lag and symbol."""
    return {(row["lag"], row["symbol"]): row for row in table.iter_rows(named=True) if row["n"]}


def grid(
    cells: Cells, rows: Iterable[Any], columns: Sequence[Any], value: Callable[[Row], Any]
) -> list[list[Any]]:
    """A value of each cell, line by line; None where there is no cell."""
    keys = [[(row, column) for column in columns] for row in rows]
    return [[value(cells[key]) if key in cells else None for key in line] for line in keys]


def heat(
    figure: go.Figure,
    z: list[list[Any]],
    y: Sequence[Any],
    text: list[list[Any]] | None = None,
    **more: Any,
) -> None:
    """Add a heat map on the figure's color axis, columns at 0, 1, … text: of the hover."""
    hover: dict[str, Any] = {"hoverinfo": "skip"}
    if text is not None:
        hover = {"text": text, "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False}
    colors = {"coloraxis": "coloraxis", "xgap": 1, "ygap": 1}
    figure.add_heatmap(z=z, x=list(range(len(z[0]))), y=list(y), **colors | hover | more)


def guess_rings(figure: go.Figure, cells: Cells, symbols: Sequence[str], **where: int) -> None:
    """Mark the cells whose recall is no better than a guess, by rings that show on every color."""
    guessed = [key for key, row in cells.items() if row.get("guess")]
    figure.add_scatter(
        x=[symbols.index(symbol) for _, symbol in guessed],
        y=[lag for lag, _ in guessed],
        name=RINGS,
        mode="markers",
        marker={"size": 5, "color": "#ffffff", "line": {"width": 1, "color": "#6b6577"}},
        hoverinfo="skip",
        unselected={"marker": {"opacity": 1}},
        **where,
    )


def ring_key(figure: go.Figure, colors: Theme) -> None:
    """Say under the last row what a ring means, where there is one. Takes 14 pixels of margin."""
    if any(trace.name == RINGS and trace.x for trace in figure.data):
        font = {"size": 11, "color": colors.text}
        place = {"xref": "paper", "yref": "paper", "x": 1, "y": 0, "yshift": -22}
        anchor = {"xanchor": "right", "yanchor": "top", "showarrow": False}
        figure.add_annotation(text=f"○ {RINGS}", font=font, **place, **anchor)


def clicks(
    figure: go.Figure,
    places: Sequence[tuple[float, float]],
    keys: Sequence[tuple[Any, ...]],
    text: Sequence[str],
    chosen: tuple[Any, ...] | None,
    size: int,
    **where: int,
) -> None:
    """Add a layer of unseen squares that takes clicks, the chosen one outlined.

    places: x and y of each; keys: what a click on it gives as customdata; text: of its hover.
    """
    figure.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers",
        customdata=[list(key) for key in keys],
        text=list(text),
        hovertemplate="%{text}<extra></extra>",
        hoverlabel_align="left",
        # Heat maps give no click event, SVG markers do, even when nobody can see them.
        marker={
            "symbol": "square-open",
            "size": size,
            "opacity": 0.001,
            "color": SELECTED,
            "line": {"width": 2.5},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.001}},
        selectedpoints=[keys.index(chosen)] if chosen in keys else None,
        **where,
    )
    figure.update_layout(clickmode="event+select", hovermode="closest")


def ink(right: bool, probability: float) -> str:
    """The color of a guess on a purple cell: red where it is wrong, light where the cell is dark.

    probability: what the color of the cell stands for.
    """
    if probability > 0.55:
        return "#ffffff" if right else "#ffb3a7"
    return "#2f2d2b" if right else "#c22b2d"


def column_axis(figure: go.Figure, labels: Sequence[str], font: int, **more: Any) -> None:
    """Columns at 0, 1, … under their labels, from end to end."""
    figure.update_xaxes(
        tickvals=list(range(len(labels))),
        ticktext=list(labels),
        tickangle=0,
        tickfont_size=font,
        range=[-0.5, len(labels) - 0.5],
        showgrid=False,
        ticks="",
        **more,
    )


def row_axis(figure: go.Figure, rows: Sequence[float], step: int = 1, **more: Any) -> None:
    """Rows from the top down, from end to end. step: every how many rows a tick stands."""
    half = spacing(rows) / 2
    ends = [rows[-1] + half, rows[0] - half]
    figure.update_yaxes(tickvals=list(rows)[::step], range=ends, showgrid=False, ticks="", **more)


def lag_axis(
    figure: go.Figure, lags: Sequence[int], unit: str, colors: Theme, step: int = 1
) -> None:
    """Lags down the rows; a line parts the past from what is heard now and the future."""
    row_axis(figure, lags, step)
    figure.update_yaxes(title=f"{unit} ago", col=1)
    if lags[0] < 1:
        figure.add_hline(y=spacing(lags) / 2, line={"color": colors.second, "width": 1.5})


def symbol_axis(figure: go.Figure, symbols: Sequence[str], font: int, **more: Any) -> None:
    """Symbols across; of more than `MOST_NAMED` some have their names only in the hover."""
    every = 1 if len(symbols) <= MOST_NAMED else math.ceil(len(symbols) / NAMED)
    names = [printable(s) if place % every == 0 else "" for place, s in enumerate(symbols)]
    column_axis(figure, names, font, **more)


def not_yet(figure: go.Figure, x: float, y: float, colors: Theme, **more: Any) -> None:
    """Say in a pane, or in a column of it, that nothing is computed yet."""
    font = {"size": 11, "color": colors.faint}
    figure.add_annotation(x=x, y=y, text="not yet", showarrow=False, font=font, **more)
