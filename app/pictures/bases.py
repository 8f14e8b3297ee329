"""The pictures of the bases of a factorized kernel (section 7): tables in, plotly figures out.

A basis belongs to a bigram and is drawn where its first symbol (down) meets its second (across).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.pictures.grids import clicks, column_axis, grid, heat, row_axis
from app.pictures.look import (
    PURPLE,
    RED_BLUE,
    SELECTED,
    TOP,
    Row,
    Theme,
    color_axis,
    finish,
    in_order,
    printable,
    scale_end,
)
from core.text import SYMBOLS

# As narrow as the cells of the map: a segment's start and end, and a character unknown.
SHORT = {"<s>": "^", "</s>": "$", "<unk>": "?"}
MAP = 620  # pixels: the height of the map and of what stands beside it
LIKENESS, FREQUENCY, RANKS = 300, 300, 330
NEVER = 0.5  # where a bigram that never occurs stands on a logarithmic axis
CLUSTERS = (
    *("#5b3a9b", "#c2571a", "#0b8a8f", "#6b7d12", "#c0447f", "#3b78c3"),
    *("#a58a1e", "#8a5a33", "#7f9fd6", "#d59ac0", "#79b8a4", "#b0a8a0"),
)


@dataclass(frozen=True)
class Color:
    """Something the map can show: a column of the bases, its scale and its format.

    scale: 'share' from 0 to one of a few round ends, 'signed' around zero (to the 99th percentile),
        'plain' from 0 to the largest, 'log' from the smallest above zero, 'cluster' by number.
    form: of d3 and Python alike.
    """

    column: str
    title: str
    scale: str
    form: str


COLORS = (
    Color("above_control", "Recall beyond a random kernel", "signed", ".3f"),
    Color("own", "Recall of its own symbols", "share", ".1%"),
    Color("norm", "Norm", "plain", ".3f"),
    Color("count", "Training frequency", "log", ",.0f"),
    Color("lambda_1", "Weight λ in {0}", "log", ".2g"),
    Color("lambda_2", "Weight λ in {1}", "log", ".2g"),
    Color("drop_1", "Perplexity on {0} without it", "signed", "+.4f"),
    Color("drop_2", "Perplexity on {1} without it", "signed", "+.4f"),
    Color("cluster", "Cluster", "cluster", ".0f"),
)


def short(text: str) -> str:
    """A symbol or a bigram in one character each, none of which means anything in HTML."""
    for name, character in SHORT.items():
        text = text.replace(name, character)
    return text.replace(" ", printable(" "))


def atlas(
    table: pl.DataFrame,
    color: Color,
    title: str,
    colors: Theme,
    chosen: tuple[str, str] | None = None,
) -> go.Figure:
    """The map of the bases; cells that are not known yet are left open.

    table: the rows of the query BASES. title: of the color.
    The last trace takes clicks: its customdata is [first, second].
    """
    figure = go.Figure()
    rows = {(row["first"], row["second"]): row for row in table.iter_rows(named=True)}
    values = grid(rows, SYMBOLS, SYMBOLS, lambda row: _scaled(row[color.column], color))
    heat(figure, values, range(len(SYMBOLS)))
    places = [(SYMBOLS.index(second), SYMBOLS.index(first)) for first, second in rows]
    text = [_basis_text(row, color, title) for row in rows.values()]
    clicks(figure, places, list(rows), text, chosen, 15)
    bigram_axes(figure, 10)
    figure.update_xaxes(title="second symbol")
    figure.update_yaxes(title="first symbol")
    known = [value for line in values for value in line if value is not None]
    figure.update_layout(coloraxis=_color_axis(known, color))
    figure.update_layout(coloraxis_colorbar_title_text=title)
    finish(figure, colors, MAP, (38, 10, 24, 38))
    return figure.update_layout(plot_bgcolor=colors.grid)


def bigram_axes(figure: go.Figure, font: int) -> None:
    """First symbols down y, second symbols along x, from end to end."""
    labels = [short(symbol) for symbol in SYMBOLS]
    column_axis(figure, labels, font)
    row_axis(figure, range(len(SYMBOLS)), ticktext=labels, tickfont_size=font)


def frequency(
    table: pl.DataFrame, colors: Theme, chosen: tuple[str, str] | None = None
) -> go.Figure:
    """Recall of every basis against how often its bigram was trained on, and of its control.

    table: the rows of the query BASES. The last trace takes clicks: its customdata is
    [first, second].
    """
    figure = go.Figure()
    x = [max(count, NEVER) for count in table["count"]]
    figure.add_scatter(
        x=x,
        y=table["control"].to_list(),
        mode="markers",
        name="random kernel of its norm",
        marker={"size": 4, "color": colors.faint, "opacity": 0.55},
        hoverinfo="skip",
        unselected={"marker": {"opacity": 0.55}},
    )
    keys = table.select("first", "second").rows()
    figure.add_scatter(
        x=x,
        y=table["recall"].to_list(),
        mode="markers",
        name="basis",
        customdata=[list(key) for key in keys],
        text=[_frequency_text(row) for row in table.iter_rows(named=True)],
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 6, "color": colors.accent},
        selected={"marker": {"size": 13, "color": SELECTED, "opacity": 1}},
        unselected={"marker": {"opacity": 0.6}},
        selectedpoints=[keys.index(chosen)] if chosen in keys else None,
    )
    top = max(x, default=10.0)
    tens = [10**power for power in range(math.ceil(math.log10(top)) + 1)]
    figure.update_xaxes(
        type="log",
        title="times the bigram occurs in the training text",
        tickvals=[NEVER, *tens],
        ticktext=["never", *(f"{ten:,}" for ten in tens)],
        tickangle=0,
        range=[math.log10(NEVER) - 0.2, math.log10(top) + 0.15],
    )
    figure.update_yaxes(title="recall, mean over lags", tickformat=".0%", nticks=6)
    figure.update_layout(clickmode="event+select", hovermode="closest")
    return finish(figure, colors, FREQUENCY, (52, 8, 30, 40), TOP)


def likeness(table: pl.DataFrame, colors: Theme) -> go.Figure:
    """Every basis a column, alike ones beside each other: mean recall of each symbol.

    table: place, cluster, first, second, symbol, recall.
    """
    order = table.unique("place").sort("place")
    names = [
        f"{short(first + second)}, cluster {cluster}"
        for first, second, cluster in order.select("first", "second", "cluster").iter_rows()
    ]
    symbols = in_order(table.select("symbol").unique())["symbol"].to_list()
    wide = table.pivot("symbol", index="place", values="recall").sort("place")
    figure = go.Figure()
    figure.add_heatmap(
        z=[wide[symbol].round(3).to_list() for symbol in symbols],
        x=names,
        y=[printable(symbol) for symbol in symbols],
        coloraxis="coloraxis",
        hovertemplate="<b>%{x}</b><br>recalls %{y}: <b>%{z:.1%}</b><extra></extra>",
    )
    _mark_clusters(figure, order["cluster"].to_list(), colors)
    plain = {"showgrid": False, "ticks": ""}
    figure.update_xaxes(showticklabels=False, title="bases, by likeness", **plain)
    figure.update_yaxes(autorange="reversed", tickfont_size=8, dtick=1, **plain)
    end = scale_end(table["recall"].max())
    figure.update_layout(coloraxis=color_axis(PURPLE, 0, end, [0, end / 2, end]))
    return finish(figure, colors, LIKENESS, (30, 10, 34, 30))


def ranks(table: pl.DataFrame, colors: Theme) -> go.Figure:
    """How the bases rank among all others in recall of their own symbols. table: own_rank."""
    figure = go.Figure()
    figure.add_histogram(
        x=table["own_rank"].drop_nulls().to_list(),
        marker_color=colors.accent,
        xbins={"start": 0, "end": 1, "size": 0.05},
        hovertemplate="%{x}: %{y} bases<extra></extra>",
    )
    figure.add_vline(x=0.5, line={"color": colors.second, "width": 1.5, "dash": "dot"})
    title = "share of the other bases that recall those symbols worse"
    figure.update_xaxes(title=title, range=[0, 1.0], tickformat=".0%")
    figure.update_yaxes(title="bases", nticks=6)
    figure.update_layout(bargap=0.05)
    return finish(figure, colors, RANKS, (52, 12, 24, 40))


def _mark_clusters(figure: go.Figure, clusters: list[int], colors: Theme) -> None:
    """A line before each cluster but the first, and its number above its middle."""
    starts = [i for i, number in enumerate(clusters) if not i or number != clusters[i - 1]]
    for start, end in zip(starts, [*starts[1:], len(clusters)], strict=True):
        figure.add_annotation(
            x=(start + end - 1) / 2,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=str(clusters[start]),
            showarrow=False,
            font={"size": 11, "color": colors.text},
        )
        if start:
            figure.add_vline(x=start - 0.5, line={"color": colors.second, "width": 1})


def _scaled(value: float | None, color: Color) -> float | None:
    if value is None or color.scale != "log":
        return value
    return math.log10(value) if value > 0 else None


def _color_axis(known: list[float], color: Color) -> dict[str, Any]:
    """The color axis of some values, as `Color` describes it."""
    if color.scale == "cluster":
        count = len(CLUSTERS)
        steps = [[(i + end) / count, CLUSTERS[i]] for i in range(count) for end in (0, 1)]
        ticks = range(1, int(max(known, default=1)) + 1)
        return color_axis(steps, 0.5, count + 0.5, list(ticks), "")
    if color.scale == "signed":
        sizes = sorted(abs(value) for value in known) or [1.0]
        end = sizes[int(0.99 * (len(sizes) - 1))] or 1.0  # one outlier would pale all others
        less, more = ("≤ ", "≥ ") if sizes[-1] > end else ("", "")
        number = format(end, color.form.replace("+", ""))
        labels = [f"{less}−{number}", "0", f"{more}{number}"]
        return color_axis(RED_BLUE, -end, end, [-end, 0, end], labels=labels)
    if color.scale == "log":
        low, high = math.floor(min(known, default=0)), math.ceil(max(known, default=1))
        powers = range(low, max(high, low + 1) + 1)
        labels = [f"{10**power:,}" if power >= 0 else f"{10.0**power:g}" for power in powers]
        return color_axis(PURPLE, powers[0], powers[-1], list(powers), labels=labels)
    end, form = max(known, default=1.0), ".2f"
    if color.scale == "share":
        end, form = scale_end(end), ".0%"
    return color_axis(PURPLE, 0, end, [0, end / 2, end], form)


def _basis_text(row: Row, color: Color, title: str) -> str:
    value = row[color.column]
    known = "not known yet" if value is None else format(value, color.form)
    return f"{_seen(row)}<br>{title}: <b>{known}</b>"


def _frequency_text(row: Row) -> str:
    return f"{_seen(row)}<br>recall {row['recall']:.1%}, control {row['control']:.1%}"


def _seen(row: Row) -> str:
    return f"<b>{short(row['first'] + row['second'])}</b>, seen {row['count']:,} times"
