"""The pictures of the paper's studies (Figs. 2 to 5): tables in, plotly figures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from app.pictures.figures import FLOORS, PURPLE, Look, band, dressed, shown
from core.cells import label as cell_label

# The paper's green (Fig. 4): the lighter, the higher the recall.
GREEN = [
    [0.0, "#00341a"],
    [0.125, "#005a2c"],
    [0.25, "#1b7c40"],
    [0.375, "#3a9e57"],
    [0.5, "#63b871"],
    [0.625, "#92cf95"],
    [0.75, "#bde2b8"],
    [0.875, "#dff2da"],
    [1.0, "#f9fdf7"],
]
NAMED_IN_PAPER = ("k", "l", "m", "b", "c", "u")  # as taken over from the target (section 6)
MOST = 5  # symbols named on either side
MATRIX, SMALL, CHECK = 380, 250, 300  # heights in pixels, whatever is there
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "hexagon")
Row = dict[str, Any]


def matrices(
    table: pl.DataFrame,
    cells: Sequence[str],
    columns: Sequence[tuple[Row, str]],
    lags: int,
    colors: Look,
) -> go.Figure:
    """Figs. 2 and 3: marginal recall by lag, a panel each cell, a column each size or layer.

    table: cell, hidden, layer, lag, seeds, n, accuracy, low, high, majority, current, untrained.
    columns: the values that a column has in the table, and its label; lags: the largest.
    """
    figure = _panels(cells, colors)
    places, ticks = list(range(len(columns))), list(range(1, lags + 1))
    for number, cell in enumerate(cells, start=1):
        found: list[dict[int, Row]] = [
            {row["lag"]: row for row in _of(table, {"cell": cell} | column).iter_rows(named=True)}
            for column, _ in columns
        ]
        figure.add_heatmap(
            z=[[rows[lag]["accuracy"] if lag in rows else None for rows in found] for lag in ticks],
            x=places,
            y=ticks,
            coloraxis="coloraxis",
            xgap=2,
            ygap=1,
            hoverongaps=False,
            text=[
                [
                    f"<b>{cell_label(cell)} {label}</b>, {lag} ago: {_told(rows[lag])}"
                    if lag in rows
                    else ""
                    for rows, (_, label) in zip(found, columns, strict=True)
                ]
                for lag in ticks
            ],
            hovertemplate="%{text}<extra></extra>",
            row=1,
            col=number,
        )
        for place, rows in zip(places, found, strict=True):
            if not rows:
                figure.add_annotation(
                    x=place,
                    y=(lags + 1) / 2,
                    text="not yet",
                    textangle=-90,
                    showarrow=False,
                    font={"size": 11, "color": colors.faint},
                    row=1,
                    col=number,
                )
    figure.update_xaxes(
        tickvals=places,
        ticktext=[label for _, label in columns],
        tickangle=0,
        showgrid=False,
        range=[-0.5, len(columns) - 0.5],
        ticks="",
        fixedrange=True,
        tickfont_size=12 if len(columns) < 5 else 10,
    )
    figure.update_yaxes(
        tickvals=ticks, range=[lags + 0.5, 0.5], showgrid=False, ticks="", fixedrange=True
    )
    figure.update_yaxes(title="symbols ago", col=1)
    bar = {
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "tickformat": ".0%",
        "thickness": 9,
        "len": 1,
        "outlinewidth": 0,
        "x": 1.01,
        "xpad": 4,
    }
    figure.update_layout(coloraxis={"colorscale": PURPLE, "cmin": 0, "cmax": 1, "colorbar": bar})
    return dressed(figure, colors, MATRIX, {"l": 46, "r": 10, "t": 26, "b": 26})


def curves(
    table: pl.DataFrame,
    cells: Sequence[str],
    columns: Sequence[tuple[Row, str]],
    lags: int,
    colors: Look,
) -> go.Figure:
    """The rows of `matrices` as lines with bands, and the majority floor under them."""
    figure = _panels(cells, colors)
    for number, cell in enumerate(cells, start=1):
        panel = go.Figure()
        for place, (column, label) in enumerate(columns):
            rows = _of(table, {"cell": cell} | column).sort("lag")
            color = shades(len(columns), colors)[place]
            band(panel, rows, label, color, MARKS[place % len(MARKS)])
        for trace in panel.data:
            trace.legendgroup = trace.name
            trace.showlegend = number == 1 and bool(trace.name)
        figure.add_traces(list(panel.data), rows=1, cols=number)
        floor = _of(table, {"cell": cell}).unique("lag").sort("lag")
        figure.add_scatter(
            x=floor["lag"].to_list(),
            y=floor["majority"].to_list(),
            mode="lines",
            name=FLOORS["majority"],
            line={"color": colors.faint, "width": 1.3, "dash": "dot"},
            hovertemplate="%{y:.1%}",
            showlegend=number == 1,
            row=1,
            col=number,
        )
    figure.update_xaxes(dtick=1 if lags <= 10 else 2, range=[0.8, lags + 0.2], title="lag")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(title="recall", col=1)
    figure.update_layout(hovermode="x unified")
    below = {"orientation": "h", "x": 0, "y": -0.15, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, MATRIX, {"l": 50, "r": 8, "t": 26, "b": 78}, below)


def against_size(
    table: pl.DataFrame, sizes: Sequence[int], column: str, title: str, form: str, colors: Look
) -> go.Figure:
    """A number of each network against its hidden size, a line each cell, the spread over seeds.

    sizes: all that there will be, so that the axis stays where it is.
    table: cell, hidden, seeds, the column, and column_low, column_high where there is a spread.
    """
    figure = go.Figure()
    cells = table["cell"].unique().sort().to_list()
    for cell, color, mark in zip(cells, colors.series, MARKS, strict=False):
        rows = table.filter(pl.col("cell") == cell).sort("hidden")
        spread = {}
        if f"{column}_low" in table.columns and rows["seeds"].max() > 1:
            spread = {
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "thickness": 1.3,
                    "width": 3,
                    "array": (rows[f"{column}_high"] - rows[column]).to_list(),
                    "arrayminus": (rows[column] - rows[f"{column}_low"]).to_list(),
                }
            }
        figure.add_scatter(
            x=rows["hidden"].to_list(),
            y=rows[column].to_list(),
            mode="lines+markers",
            name=cell_label(cell),
            line={"color": color, "width": 2},
            marker={"size": 7, "symbol": mark},
            customdata=rows["seeds"].to_list(),
            hovertemplate=f"<b>{cell_label(cell)} %{{x}}</b>: %{{y:{form}}}, seeds %{{customdata}}"
            "<extra></extra>",
            **spread,
        )
    ends = [math.log10(sizes[0] / 1.15), math.log10(sizes[-1] * 1.15)]
    figure.update_xaxes(title="hidden size", type="log", tickvals=sizes, ticktext=sizes, range=ends)
    figure.update_yaxes(title=title, nticks=6)
    corner = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    return dressed(
        figure, colors, SMALL, {"l": 56, "r": 12, "t": 24, "b": 40}, corner | {"font_size": 11}
    )


def deeper(table: pl.DataFrame, cells: Sequence[str], lags: int, colors: Look) -> go.Figure:
    """What decoders twice as deep recall more, in points, by lag.

    table: cell, layer, lag, plain, deeper, difference, low, high.
    """
    figure = _panels(cells, colors)
    layers = table["layer"].unique().sort().to_list()
    for number, cell in enumerate(cells, start=1):
        for place, layer in enumerate(layers):
            rows = _of(table, {"cell": cell, "layer": layer}).sort("lag")
            aside = 0.22 * (place - (len(layers) - 1) / 2)
            figure.add_scatter(
                x=[lag + aside for lag in rows["lag"]],
                y=(100 * rows["difference"]).to_list(),
                mode="markers",
                name=f"layer {layer}",
                marker={"size": 7, "symbol": MARKS[place], "color": colors.series[place]},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "thickness": 1.3,
                    "width": 0,
                    "array": (100 * (rows["high"] - rows["difference"])).to_list(),
                    "arrayminus": (100 * (rows["difference"] - rows["low"])).to_list(),
                },
                customdata=rows.select("lag", "plain", "deeper", "low", "high").rows(),
                hovertemplate=f"<b>{cell_label(cell)} layer {layer}</b>, %{{customdata[0]}} ago: "
                "<b>%{y:+.1f} points</b><br>%{customdata[1]:.1%} plain, %{customdata[2]:.1%} "
                "twice as deep<extra></extra>",
                legendgroup=layer,
                showlegend=number == 1,
                row=1,
                col=number,
            )
    figure.add_hline(y=0, line={"color": colors.faint, "width": 1})
    figure.update_xaxes(dtick=1 if lags <= 10 else 2, range=[0.5, lags + 0.5], title="lag")
    figure.update_yaxes(ticksuffix="", nticks=7)
    figure.update_yaxes(title="points", col=1)
    below = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, CHECK, {"l": 50, "r": 8, "t": 26, "b": 62}, below)


def changes(table: pl.DataFrame, colors: Look) -> go.Figure:
    """The symbols whose memory changed most, beside those the paper names.

    table: symbol, n, change, to_target, half, by falling change. Bars whose interval holds zero
    are faint; a diamond is where the target's own model stands.
    """
    rows = table.to_dicts()
    gained = [row for row in rows if row["change"] > 0][:MOST]
    lost = [row for row in rows if row["change"] < 0][-MOST:]
    by_symbol = {row["symbol"]: row for row in rows}
    named = [by_symbol[symbol] for symbol in NAMED_IN_PAPER if symbol in by_symbol]
    figure = make_subplots(
        cols=2,
        column_widths=[max(len(gained) + len(lost), 1), max(len(named), 1)],
        subplot_titles=["changed most", "named in the paper"],
        shared_yaxes="all",
        horizontal_spacing=0.04,
    )
    figure.update_annotations(font_size=12, font_color=colors.text)
    for number, group in enumerate((gained + lost, named), start=1):
        labels = [shown(row["symbol"]) for row in group]
        figure.add_bar(
            x=labels,
            y=[100 * row["change"] for row in group],
            name="retrained − source",
            marker_color=[
                colors.accent if abs(row["change"]) > row["half"] else colors.faint for row in group
            ],
            error_y={
                "type": "data",
                "array": [100 * row["half"] for row in group],
                "thickness": 1.3,
                "width": 3,
                "color": colors.text,
            },
            customdata=[[row["source"], row["retrained"], row["n"]] for row in group],
            hovertemplate="<b>%{x}</b>: <b>%{y:+.1f} points</b><br>source %{customdata[0]:.1%}, "
            "retrained %{customdata[1]:.1%}<br>n %{customdata[2]:,} at every lag<extra></extra>",
            showlegend=number == 1,
            row=1,
            col=number,
        )
        aims = [row["to_target"] for row in group]
        figure.add_scatter(
            x=labels,
            y=[None if aim is None else 100 * aim for aim in aims],
            mode="markers",
            name="target − source",
            marker={"symbol": "diamond-open", "size": 10, "color": colors.second, "line_width": 2},
            hovertemplate="<b>%{x}</b>: target − source <b>%{y:+.1f} points</b><extra></extra>",
            showlegend=number == 1,
            row=1,
            col=number,
        )
    figure.add_hline(y=0, line={"color": colors.faint, "width": 1})
    figure.update_xaxes(type="category", tickangle=0, showgrid=False, tickfont_size=13)
    figure.update_yaxes(nticks=7)
    figure.update_yaxes(title="points, mean over lags", col=1)
    figure.update_layout(bargap=0.35)
    below = {"orientation": "h", "x": 0, "y": -0.14, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, CHECK, {"l": 50, "r": 8, "t": 26, "b": 46}, below)


def apart(table: pl.DataFrame, colors: Look) -> go.Figure:
    """Distances of signatures against gaps of perplexity. table: the rows of `queries.APART`."""
    figure = go.Figure()
    far = table["gap"].max() or 1.0
    marks = zip(table.iter_rows(named=True), colors.series, MARKS, strict=False)
    for row, color, mark in marks:
        side = "left" if row["gap"] > 0.5 * far else "right"
        figure.add_scatter(
            x=[row["gap"]],
            y=[row["distance"]],
            mode="markers+text",
            text=[f"  {row['pair']}  "],
            textposition=f"middle {side}",
            marker={"size": 11, "color": color, "symbol": mark},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [row["high"] - row["distance"]],
                "arrayminus": [row["distance"] - row["low"]],
                "thickness": 1.5,
                "width": 5,
            },
            cliponaxis=False,
            hovertemplate=f"<b>{row['pair']}</b><br>distance %{{y:.3f}} ({row['low']:.3f} to "
            f"{row['high']:.3f})<br>perplexities %{{x:.3f}} apart<extra></extra>",
        )
    figure.update_xaxes(title="gap of test perplexity", range=[0, 1.1 * far])
    high = table["high"].max() or 0.1
    figure.update_yaxes(title="distance of signatures", range=[0, 1.25 * high], nticks=6)
    return dressed(figure, colors, SMALL, {"l": 56, "r": 12, "t": 24, "b": 40})


def shades(count: int, colors: Look) -> list[str]:
    """Colors of an ordered series, from faint to strong on the ground of the theme."""
    dark = colors.text > "#888888"
    first, last = (0.92, 0.25) if dark else (0.4, 1.0)
    steps = [first + (last - first) * place / max(count - 1, 1) for place in range(count)]
    scale = [color for _, color in PURPLE]
    if dark:
        scale = [
            "#f5f1ff",
            "#e6dcfb",
            "#d5c4f6",
            "#c2a9f0",
            "#ac8fe3",
            "#9576d3",
            "#7d5fbe",
            "#6a4ca8",
            "#573b90",
        ]
    return [str(color) for color in sample_colorscale(scale, steps)]


def _panels(cells: Sequence[str], colors: Look) -> go.Figure:
    figure = make_subplots(
        cols=max(len(cells), 1),
        shared_yaxes="all",
        horizontal_spacing=0.04,
        subplot_titles=[f"<b>{cell_label(cell)}</b>" for cell in cells],
    )
    figure.update_annotations(font_size=12, font_color=colors.text)
    return figure


def _of(table: pl.DataFrame, values: Row) -> pl.DataFrame:
    return table.filter(*(pl.col(name) == value for name, value in values.items()))


def _told(row: Row) -> str:
    """What the hover of a cell says."""
    seeds = f" × {row['seeds']} seeds" if row["seeds"] > 1 else ""
    floors = [f"{label} {row[f]:.1%}" for f, label in FLOORS.items() if row[f] is not None]
    return (
        f"<b>{row['accuracy']:.1%}</b> ({row['low']:.1%} to {row['high']:.1%})<br>"
        f"n {row['n']:,}{seeds}<br>floors: {', '.join(floors)}"
    )
