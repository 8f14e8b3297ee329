"""The pictures of factorized kernels (paper, section 7): tables in, plotly figures out.

A basis belongs to a bigram and is drawn where its first symbol (down) meets its second (across).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from app.pictures.comparisons import RED_BLUE, reach
from app.pictures.figures import PURPLE, Look, at_floor, dressed, in_order, shown, value_of
from core.text import SYMBOLS

# As narrow as the cells of the map: a segment's start and end, and a character unknown.
MARKS = {"<s>": "^", "</s>": "$", "<unk>": "?"}
MAP = 620  # pixels: the height of the map and of what stands beside it
LIKENESS, SCATTER = 300, 300
NEVER = 0.5  # where a bigram that never occurs stands on a logarithmic axis
CLUSTERS = (
    "#5b3a9b",
    "#c2571a",
    "#0b8a8f",
    "#6b7d12",
    "#c0447f",
    "#3b78c3",
    "#a58a1e",
    "#8a5a33",
    "#7f9fd6",
    "#d59ac0",
    "#79b8a4",
    "#b0a8a0",
)


@dataclass(frozen=True)
class Color:
    """Something the map can show: a column of `BASES`, how it is scaled and how it is told.

    scale: 'share' 0 to one of a few round ends, 'signed' around zero (to the 99th percentile),
        'plain' 0 to the largest,
    'log' from the smallest above zero, 'cluster' by name.
    form: d3's and Python's format alike.
    """

    column: str
    title: str
    scale: str
    form: str


COLORS = (
    Color("above_control", "Recall above the control", "signed", ".3f"),
    Color("own", "Recall of its own symbols", "share", ".1%"),
    Color("norm", "Norm", "plain", ".3f"),
    Color("count", "Training frequency", "log", ",.0f"),
    Color("lambda_1", "λ in {0}", "log", ".2g"),
    Color("lambda_2", "λ in {1}", "log", ".2g"),
    Color("drop_1", "Left out: perplexity in {0}", "signed", "+.4f"),
    Color("drop_2", "Left out: perplexity in {1}", "signed", "+.4f"),
    Color("cluster", "Cluster", "cluster", ".0f"),
)


def mark(symbol: str) -> str:
    """A symbol in one character."""
    return MARKS.get(symbol, shown(symbol))


def named(first: str, second: str) -> str:
    """A bigram in two characters, none of which means anything in HTML."""
    return mark(first) + mark(second)


def spelled(text: str) -> str:
    """A symbol or a bigram, as it stands in the tables, in a character each."""
    for name, short in MARKS.items():
        text = text.replace(name, short)
    return text.replace(" ", shown(" "))


def atlas(
    table: pl.DataFrame,
    color: Color,
    title: str,
    colors: Look,
    chosen: tuple[str, str] | None = None,
) -> go.Figure:
    """The map of the bases; cells that are not there yet are left open.

    table: the rows of `BASES`. The last trace takes clicks: its customdata is [first, second].
    """
    figure = go.Figure()
    found = {(r["first"], r["second"]): r for r in table.iter_rows(named=True)}
    values = {key: row[color.column] for key, row in found.items()}
    axis = list(range(len(SYMBOLS)))
    scaled = {key: _scaled(value, color) for key, value in values.items()}
    figure.add_heatmap(
        z=[[scaled.get((first, second)) for second in SYMBOLS] for first in SYMBOLS],
        x=axis,
        y=axis,
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        hoverinfo="skip",
    )
    keys = list(found)
    figure.add_scatter(
        x=[SYMBOLS.index(second) for _, second in keys],
        y=[SYMBOLS.index(first) for first, _ in keys],
        mode="markers",
        customdata=[list(key) for key in keys],
        text=[_told(found[key], color, title) for key in keys],
        hovertemplate="%{text}<extra></extra>",
        hoverlabel_align="left",
        # Heatmaps give no click event, SVG markers do, even when nobody can see them.
        marker={
            "symbol": "square-open",
            "size": 15,
            "opacity": 0.001,
            "color": "#e8590c",
            "line": {"width": 2.5},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.001}},
        selectedpoints=[keys.index(chosen)] if chosen in found else None,
    )
    first_by_second(figure, 10)
    figure.update_xaxes(title="second symbol")
    figure.update_yaxes(title="first symbol")
    figure.update_layout(coloraxis=_coloraxis(list(scaled.values()), color))
    figure.update_layout(clickmode="event+select", dragmode=False, hovermode="closest")
    dressed(figure, colors, MAP, {"l": 38, "r": 10, "t": 24, "b": 38})
    return figure.update_layout(plot_bgcolor=colors.grid)


def panels(
    signatures: Sequence[tuple[str, pl.DataFrame]], columns: int, height: int, colors: Look
) -> go.Figure:
    """Signatures on the paper's one scale (Fig. 6), from left to right, then down.

    signatures: a title and its cells: lag, symbol, n, accuracy, and of trained decoders all that
    `figures.at_floor` needs. A table without rows is a panel that is not there yet.
    """
    tables = [table for _, table in signatures if table.height]
    cells = pl.concat([table.select("lag", "symbol", "n") for table in tables]) if tables else None
    seen = SYMBOLS[:31] if cells is None else _seen(cells)
    lags = [1] if cells is None else sorted(cells["lag"].unique().to_list())
    rows = math.ceil(len(signatures) / columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[f"<b>{title}</b>" for title, _ in signatures],
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.03,
        vertical_spacing=0.16 / rows,
    )
    figure.update_annotations(font_size=12, font_color=colors.text, yshift=-3)
    for number, (_, table) in enumerate(signatures):
        where = {"row": number // columns + 1, "col": number % columns + 1}
        found = _cells(table)
        figure.add_heatmap(
            z=[[value_of(found.get((lag, s)), "accuracy") for s in seen] for lag in lags],
            x=list(range(len(seen))),
            y=lags,
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            customdata=[[value_of(found.get((lag, s)), "n") for s in seen] for lag in lags],
            text=[[shown(s) for s in seen]] * len(lags),
            hoverongaps=False,
            hovertemplate="<b>%{text}</b>, %{y} ago: <b>%{z:.1%}</b>, n %{customdata:,}"
            "<extra></extra>",
            **where,
        )
        floored = [key for key, cell in found.items() if "low" in cell and at_floor(cell)]
        figure.add_scatter(
            x=[seen.index(s) for _, s in floored],
            y=[lag for lag, _ in floored],
            mode="markers",
            marker={"size": 3, "color": "#8d8899"},
            hoverinfo="skip",
            **where,
        )
        if not found:
            figure.add_annotation(
                x=(len(seen) - 1) / 2,
                y=(lags[0] + lags[-1]) / 2,
                text="not yet",
                showarrow=False,
                font={"size": 11, "color": colors.faint},
                **where,
            )
    figure.update_xaxes(
        tickvals=list(range(len(seen))),
        ticktext=[shown(s) for s in seen],
        tickangle=0,
        range=[-0.5, len(seen) - 0.5],
        showgrid=False,
        ticks="",
        fixedrange=True,
        tickfont_size=11 if columns == 1 else 8,
    )
    step = 1 if len(lags) <= 10 and columns == 1 else 3
    figure.update_yaxes(
        tickvals=lags[::step],
        range=[lags[-1] + 0.5, lags[0] - 0.5],
        showgrid=False,
        ticks="",
        fixedrange=True,
    )
    figure.update_yaxes(title="symbols ago", col=1)
    bar = _bar([0, 0.25, 0.5, 0.75, 1]) | {"tickformat": ".0%"}
    figure.update_layout(coloraxis={"colorscale": PURPLE, "cmin": 0, "cmax": 1, "colorbar": bar})
    return dressed(figure, colors, height, {"l": 40, "r": 10, "t": 24, "b": 22})


def frequency(
    table: pl.DataFrame, colors: Look, chosen: tuple[str, str] | None = None
) -> go.Figure:
    """Recall of every basis against how often its bigram was trained on, and of its control.

    table: the rows of `BASES`. The last trace takes clicks: its customdata is [first, second].
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
    keys = list(table.select("first", "second").iter_rows())
    figure.add_scatter(
        x=x,
        y=table["recall"].to_list(),
        mode="markers",
        name="basis",
        customdata=[list(key) for key in keys],
        text=[
            f"<b>{named(row['first'], row['second'])}</b>, seen {row['count']:,} times<br>"
            f"recall {row['recall']:.1%}, control {row['control']:.1%}"
            for row in table.iter_rows(named=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 6, "color": colors.accent},
        selected={"marker": {"size": 13, "color": "#e8590c", "opacity": 1}},
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
        fixedrange=True,
        range=[math.log10(NEVER) - 0.2, math.log10(top) + 0.15],
    )
    figure.update_yaxes(title="recall, mean over lags", tickformat=".0%", nticks=6, fixedrange=True)
    figure.update_layout(clickmode="event+select", dragmode=False, hovermode="closest")
    corner = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font_size": 11}
    return dressed(figure, colors, SCATTER, {"l": 52, "r": 8, "t": 30, "b": 40}, corner)


def likeness(table: pl.DataFrame, colors: Look) -> go.Figure:
    """Every basis a column, alike ones beside each other: mean recall of each symbol.

    table: place, cluster, first, second, symbol, recall.
    """
    order = table.unique("place").sort("place")
    names = [
        f"{named(a, b)}, cluster {c}"
        for a, b, c in order.select("first", "second", "cluster").iter_rows()
    ]
    symbols = in_order(table.select("symbol").unique())["symbol"].to_list()
    wide = table.pivot("symbol", index="place", values="recall").sort("place")
    figure = go.Figure(
        go.Heatmap(
            z=[[_short(value) for value in wide[symbol]] for symbol in symbols],
            x=names,
            y=[shown(s) for s in symbols],
            coloraxis="coloraxis",
            hovertemplate="<b>%{x}</b><br>recalls %{y}: <b>%{z:.1%}</b><extra></extra>",
        )
    )
    starts = order.filter(pl.col("cluster") != pl.col("cluster").shift(1).fill_null(-1))
    places, numbers = starts["place"].to_list(), starts["cluster"].to_list()
    for start, number, end in zip(places, numbers, [*places[1:], len(names)], strict=True):
        figure.add_annotation(
            x=(start + end - 1) / 2,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=str(number),
            showarrow=False,
            font={"size": 11, "color": colors.text},
        )
        if start:
            figure.add_vline(x=start - 0.5, line={"color": colors.second, "width": 1})
    figure.update_xaxes(showticklabels=False, showgrid=False, ticks="", title="bases, by likeness")
    figure.update_yaxes(
        autorange="reversed", showgrid=False, ticks="", tickfont_size=8, dtick=1, fixedrange=True
    )
    end = reach(table["recall"].max())
    bar = _bar([0, end / 2, end]) | {"tickformat": ".0%"}
    figure.update_layout(coloraxis={"colorscale": PURPLE, "cmin": 0, "cmax": end, "colorbar": bar})
    return dressed(figure, colors, LIKENESS, {"l": 30, "r": 10, "t": 34, "b": 30})


def _cells(table: pl.DataFrame) -> dict[tuple[int, str], dict[str, Any]]:
    table = table.with_columns(share=pl.col("n") / pl.col("n").sum().over("lag"))
    return {(row["lag"], row["symbol"]): row for row in table.iter_rows(named=True) if row["n"]}


def _seen(cells: pl.DataFrame) -> list[str]:
    return in_order(cells.filter(pl.col("n") > 0).select("symbol").unique())["symbol"].to_list()


def first_by_second(figure: go.Figure, font: int) -> None:
    """First symbols down y, second symbols along x, from end to end."""
    ends = [-0.5, len(SYMBOLS) - 0.5]
    ticks = {
        "tickvals": list(range(len(SYMBOLS))),
        "ticktext": [mark(s) for s in SYMBOLS],
        "ticks": "",
        "showgrid": False,
        "fixedrange": True,
        "tickfont_size": font,
    }
    figure.update_xaxes(**ticks, range=ends, tickangle=0)
    figure.update_yaxes(**ticks, range=ends[::-1])


def _scaled(value: float | None, color: Color) -> float | None:
    if value is None or color.scale != "log":
        return value
    return math.log10(value) if value > 0 else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _coloraxis(values: list[float | None], color: Color) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    if color.scale == "cluster":
        count = len(CLUSTERS)
        steps = [[(i + end) / count, CLUSTERS[i]] for i in range(count) for end in (0, 1)]
        last = int(max(known, default=1))
        bar = _bar(list(range(1, last + 1)))
        return {"colorscale": steps, "cmin": 0.5, "cmax": count + 0.5, "colorbar": bar}
    if color.scale == "signed":
        sizes = sorted(abs(value) for value in known) or [1.0]
        end = sizes[int(0.99 * (len(sizes) - 1))] or 1.0  # one outlier would pale all others
        form = color.form.replace("+", "")
        less, more = ("≤ ", "≥ ") if sizes[-1] > end else ("", "")
        bar = _bar([-end, 0, end]) | {
            "ticktext": [f"{less}−{end:{form}}", "0", f"{more}{end:{form}}"]
        }
        return {"colorscale": RED_BLUE, "cmin": -end, "cmax": end, "colorbar": bar}
    if color.scale == "log":
        low, high = math.floor(min(known, default=0)), math.ceil(max(known, default=1))
        powers = list(range(low, max(high, low + 1) + 1))
        names = [f"{10**power:,}" if power >= 0 else f"{10.0**power:g}" for power in powers]
        bar = _bar(powers) | {"ticktext": names}
        return {"colorscale": PURPLE, "cmin": powers[0], "cmax": powers[-1], "colorbar": bar}
    end = max(known, default=1.0)
    end = reach(end) if color.scale == "share" else end
    bar = _bar([0, end / 2, end]) | {"tickformat": ".0%" if color.scale == "share" else ".2f"}
    return {"colorscale": PURPLE, "cmin": 0, "cmax": end, "colorbar": bar}


def _bar(ticks: list[Any]) -> dict[str, Any]:
    return {"tickvals": ticks, "thickness": 9, "len": 1, "outlinewidth": 0, "x": 1.01, "xpad": 4}


def _told(row: dict[str, Any], color: Color, title: str) -> str:
    value = row[color.column]
    said = "not known yet" if value is None else format(value, color.form)
    return (
        f"<b>{named(row['first'], row['second'])}</b>, seen {row['count']:,} times<br>"
        f"{title}: <b>{said}</b>"
    )
