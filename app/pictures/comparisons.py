"""The pictures that lay signatures side by side: tables in, plotly figures out.

Compared signatures go by letters, A to D, in the order in which they are pinned; a letter has one
color and one mark in all pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from app.pictures.figures import (
    PURPLE,
    Look,
    at_floor,
    band,
    dressed,
    in_order,
    shown,
    told,
    value_of,
    when,
)

LETTERS = "ABCD"
MARKS = ("circle", "square", "diamond", "triangle-up")
# Blue, where the second remembers more, over white to red, where the first does (Fig. 5).
RED_BLUE = [
    [0.0, "#08306b"],
    [0.12, "#2166ac"],
    [0.3, "#6baed6"],
    [0.45, "#d6e6f4"],
    [0.5, "#ffffff"],
    [0.55, "#fde0d2"],
    [0.7, "#f4886c"],
    [0.88, "#c22b2d"],
    [1.0, "#67000d"],
]
TEAL = [[0.0, "#ffffff"], [0.25, "#d9efec"], [0.5, "#aadbd5"], [0.75, "#79c3be"], [1.0, "#45a6a3"]]
ON_TEAL = "#1d2a2b"  # numbers are legible on all of it
UNDECIDED = "#cfccc7"  # a cell whose intervals overlap
REACHES = (0.1, 0.25, 0.5, 0.75, 1.0)  # ends of the scale of differences and of distances
SIDE = {1: 400, 2: 400, 3: 360, 4: 640}  # pixels, by the number of signatures
LETTERS_OF_TITLE = {1: 90, 2: 58, 3: 36, 4: 58}


def side_by_side(
    matrices: Sequence[tuple[str, pl.DataFrame]], colors: Look, scale: list[list[Any]] = PURPLE
) -> go.Figure:
    """Up to four signatures on one scale, with linked axes: whatever is zoomed, all show it.

    matrices: what each is called, and its cells as `figures.signature` takes them.
    """
    count = len(matrices)
    across = 2 if count == 4 else count
    down = math.ceil(count / across)
    every = pl.concat([table.select("lag", "symbol", "n") for _, table in matrices])
    symbols, lags = _axes(every.filter(pl.col("n") > 0))
    long = LETTERS_OF_TITLE[count]
    titles = [
        f"<b>{letter}</b>  {_cut(name, long)}"
        for letter, (name, _) in zip(LETTERS, matrices, strict=False)
    ]
    figure = make_subplots(
        rows=down,
        cols=across,
        subplot_titles=titles,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.02,
        vertical_spacing=0.09,
    )
    figure.update_annotations(font_size=12, font_color=colors.text, yshift=-3)
    for number, (_, table) in enumerate(matrices):
        row, col = number // across + 1, number % across + 1
        table = table.with_columns(share=pl.col("n") / pl.col("n").sum().over("lag"))
        cells = {(r["lag"], r["symbol"]): r for r in table.iter_rows(named=True) if r["n"]}
        found = [[cells.get((lag, s)) for s in symbols] for lag in lags]
        figure.add_heatmap(
            z=[[value_of(cell, "accuracy") for cell in line] for line in found],
            x=list(range(len(symbols))),
            y=lags,
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            text=[["" if cell is None else told(cell) for cell in line] for line in found],
            hovertemplate=f"<b>{LETTERS[number]}</b> %{{text}}<extra></extra>",
            hoverongaps=False,
            row=row,
            col=col,
        )
        floored = [key for key, cell in cells.items() if at_floor(cell)]
        figure.add_scatter(
            x=[symbols.index(s) for _, s in floored],
            y=[lag for lag, _ in floored],
            mode="markers",
            marker={"size": 3, "color": "#8d8899"},
            hoverinfo="skip",
            row=row,
            col=col,
        )
    _symbols_by_lag(figure, symbols, lags, 11 if across < 3 else 9)
    figure.update_xaxes(showticklabels=True)
    figure.update_yaxes(title="symbols ago", col=1)
    bar = _bar([0, 0.25, 0.5, 0.75, 1], ".0%")
    figure.update_layout(coloraxis={"colorscale": scale, "cmin": 0, "cmax": 1, "colorbar": bar})
    return dressed(figure, colors, SIDE[count], {"l": 46, "r": 10, "t": 28, "b": 26})


def difference(table: pl.DataFrame, pair: str, reach: float, colors: Look) -> go.Figure:
    """The cells of one signature less those of another; gray where the intervals overlap.

    table: lag, symbol, a, b, difference, significant, n_a, n_b. pair: the two letters.
    reach: the end of the scale on both sides of zero; see `reach`.
    """
    symbols, lags = _axes(table)
    cells = {(row["lag"], row["symbol"]): row for row in table.iter_rows(named=True)}
    found = [[cells.get((lag, s)) for s in symbols] for lag in lags]
    first, second = pair
    text = [
        [
            ""
            if cell is None
            else f"<b>{shown(cell['symbol'])}</b>, {when(cell)}: "
            f"<b>{points(cell['difference'], 1)}</b><br>"
            f"{first} {cell['a']:.1%} (n {cell['n_a']:,}), "
            f"{second} {cell['b']:.1%} (n {cell['n_b']:,})"
            + ("" if cell["significant"] else "<br>the intervals overlap")
            for cell in line
        ]
        for line in found
    ]
    figure = go.Figure()
    told_on_hover = {"text": text, "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False}
    for decided in (False, True):
        of_kind = [[cell and cell["significant"] == decided for cell in line] for line in found]
        z = [
            [cell["difference"] if hit and cell else None for cell, hit in zip(*both, strict=True)]
            for both in zip(found, of_kind, strict=True)
        ]
        look = (
            {"coloraxis": "coloraxis"}
            if decided
            else {"colorscale": [[0, UNDECIDED], [1, UNDECIDED]], "showscale": False}
        )
        figure.add_heatmap(
            z=z, x=list(range(len(symbols))), y=lags, xgap=1, ygap=1, **look, **told_on_hover
        )
    _symbols_by_lag(figure, symbols, lags, 11)
    figure.update_yaxes(title="symbols ago")
    ticks = [-reach, -reach / 2, 0, reach / 2, reach]
    bar = _bar(ticks, "") | {"ticktext": [points(tick).removesuffix(" points") for tick in ticks]}
    figure.update_layout(
        coloraxis={"colorscale": RED_BLUE, "cmin": -reach, "cmax": reach, "colorbar": bar}
    )
    return dressed(figure, colors, 340, {"l": 46, "r": 10, "t": 24, "b": 26})


def points(value: float, digits: int = 0) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.{digits}f} points".replace("-", "−") if value else "0 points"


def reach(largest: float | None) -> float:
    """The end of a scale that holds the largest value: one of a few, so that scales compare."""
    return next((end for end in REACHES if (largest or 0.0) <= end), REACHES[-1])


def curves(tables: Sequence[tuple[str, pl.DataFrame]], colors: Look) -> go.Figure:
    """Marginal recall of each signature by lag, with bands. Tables: lag, accuracy, low, high."""
    figure = go.Figure()
    for letter, color, mark, (name, table) in zip(
        LETTERS, colors.series, MARKS, tables, strict=False
    ):
        band(figure, table, f"<b>{letter}</b> {_cut(name, 26)}", color, mark)
    last = max((lag for _, table in tables for lag in table["lag"].to_list()), default=1)
    figure.update_xaxes(title="lag (symbols ago)", dtick=1, range=[0.8, last + 0.2])
    figure.update_yaxes(title="recall", range=[0, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_layout(hovermode="x unified")
    # Recall starts high and falls: the lower left corner is free.
    corner = {"x": 0.01, "xanchor": "left", "y": 0.02, "yanchor": "bottom", "font_size": 11}
    return dressed(figure, colors, 340, {"l": 52, "r": 8, "t": 24, "b": 38}, corner)


def distances(
    names: Sequence[str], matrix: Sequence[Sequence[float | None]], colors: Look
) -> go.Figure:
    """How far apart signatures are, all with all; the rows and columns as they come.

    names: a short mark, such as a letter or a number, and a space before the rest.
    """
    count = len(names)
    marks = [name.split(" ", 1)[0] for name in names]
    known = [value for line in matrix for value in line if value is not None]
    end = reach(max(known, default=0.0))
    figure = go.Figure(
        go.Heatmap(
            z=[list(line) for line in matrix],
            x=list(range(count)),
            y=list(range(count)),
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            hoverongaps=False,
            texttemplate="%{z:.3f}" if count <= 10 else None,
            textfont={"size": 11, "color": ON_TEAL},
            text=[[f"{one}<br>{other}" for other in names] for one in names],
            hovertemplate="%{text}<br>distance <b>%{z:.3f}</b><extra></extra>",
        )
    )
    ticks = {"tickvals": list(range(count)), "showgrid": False, "ticks": "", "fixedrange": True}
    small = 12 if count <= 16 else 9
    figure.update_xaxes(
        **ticks,
        ticktext=marks,
        range=[-0.5, count - 0.5],
        side="top",
        tickangle=0,
        tickfont_size=small,
    )
    cut = [_cut(name, 44) for name in names]
    figure.update_yaxes(**ticks, ticktext=cut, range=[count - 0.5, -0.5], tickfont_size=small)
    figure.update_layout(
        coloraxis={"colorscale": TEAL, "cmin": 0, "cmax": end, "colorbar": _bar(None, ".2f")}
    )
    widest = max((len(name) for name in cut), default=1)
    height = min(max(260, 24 * count + 60), 720)
    return dressed(
        figure, colors, height, {"l": 18 + round(0.53 * small * widest), "r": 10, "t": 40, "b": 10}
    )


def clustered(matrix: Sequence[Sequence[float | None]]) -> list[int]:
    """An order of the rows in which neighbors are alike: the leaves of average linkage.

    A missing distance counts as 1.
    """
    if len(matrix) < 2:
        return list(range(len(matrix)))
    filled = [[1.0 if value is None else value for value in line] for line in matrix]
    condensed = squareform(filled, checks=False)
    tree = hierarchy.linkage(condensed, "average", optimal_ordering=True)
    order: list[int] = hierarchy.leaves_list(tree).tolist()
    return order if order[0] <= order[-1] else order[::-1]


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _axes(cells: pl.DataFrame) -> tuple[list[str], list[int]]:
    """The symbols, in order, and the lags of some cells."""
    symbols = in_order(cells.select("symbol").unique())["symbol"].to_list()
    return symbols, sorted(cells["lag"].unique().to_list())


def _symbols_by_lag(figure: go.Figure, symbols: list[str], lags: list[int], font: int) -> None:
    """Symbols along x and lags down y, from end to end."""
    figure.update_xaxes(
        tickvals=list(range(len(symbols))),
        ticktext=[shown(s) for s in symbols],
        tickangle=0,
        range=[-0.5, len(symbols) - 0.5],
        showgrid=False,
        ticks="",
        tickfont_size=font,
    )
    figure.update_yaxes(
        tickvals=lags,
        range=[max(lags, default=1) + 0.5, min(lags, default=0) - 0.5],
        showgrid=False,
        ticks="",
    )


def _bar(ticks: list[float] | None, form: str) -> dict[str, object]:
    bar = {"tickformat": form, "thickness": 9, "len": 1, "outlinewidth": 0, "x": 1.01, "xpad": 4}
    return bar | ({} if ticks is None else {"tickvals": ticks})
