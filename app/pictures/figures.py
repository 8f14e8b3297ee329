"""The pictures: polars tables in, plotly figures out. Nothing here knows of pages or of the store.

Recall is drawn on the paper's scale, white = 0 % to dark purple = 100 %, fixed in both themes;
everything around it (text, grid, lines) follows the theme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from core.text import SYMBOLS

PURPLE = [
    [0.0, "#ffffff"],
    [0.125, "#efedf5"],
    [0.25, "#dadaeb"],
    [0.375, "#bcbddc"],
    [0.5, "#9e9ac8"],
    [0.625, "#807dba"],
    [0.75, "#6a51a3"],
    [0.875, "#54278f"],
    [1.0, "#3f007d"],
]
SPECIAL = ("<s>", "</s>", "<unk>")
NAMED_IN_PAPER = ("q", "y", "k", "e", ".")
FLOORS = {"majority": "majority symbol", "current": "current symbol", "untrained": "untrained"}
HEIGHT = 470  # of the signature, in pixels: the same for every Δ, so that nothing jumps
GROUPS = 8  # colors of a quick chart: those compared have, and as many more
MORE_SERIES = ("#c0447f", "#3b78c3", "#8b8680", "#8a5a33")
FONT = "'Source Sans', 'Source Sans Pro', Inter, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Look:
    """The colors of a theme.

    card: the ground of a hover; paper: of an exported picture; series: of things compared.
    """

    text: str
    faint: str
    grid: str
    accent: str
    second: str
    card: str
    paper: str
    series: tuple[str, ...]


LIGHT = Look(
    "#2f2d2b",
    "#8b8680",
    "#e6e4e1",
    "#5b3a9b",
    "#c2571a",
    "#ffffff",
    "rgba(0,0,0,0)",
    ("#5b3a9b", "#c2571a", "#0b8a8f", "#6b7d12"),
)
# Light text on nothing would be unreadable outside the app, so dark pictures carry their ground.
DARK = Look(
    "#e4e1de",
    "#948f88",
    "#3a3733",
    "#b79df0",
    "#f2a56d",
    "#2d2b27",
    "#171614",
    ("#b79df0", "#f2a56d", "#54c6c9", "#b9cc5a"),
)


def look(theme: str | None) -> Look:
    """The look of a theme type as streamlit names it ('light', 'dark' or unknown)."""
    return DARK if theme == "dark" else LIGHT


def shown(symbol: str) -> str:
    """A symbol as a label: a space is drawn as an open box."""
    return "␣" if symbol == " " else symbol


def in_order(table: pl.DataFrame, column: str = "symbol") -> pl.DataFrame:
    """The rows in the order of the alphabet a–z, space, punctuation, specials."""
    order = pl.col(column).replace_strict(SYMBOLS, range(len(SYMBOLS)), return_dtype=pl.Int64)
    return table.sort(order)


def at_floor(row: dict[str, Any]) -> bool:
    """Whether a cell's recall is not above its floors.

    A guesser that always answers one symbol recalls it perfectly (floor 1), so that symbol is
    judged by F1 against always guessing it; every other by its interval against the floors.
    Needs accuracy, low, precision, share (of the symbol at its lag) and the floors.
    """
    if float(row["majority"] or 0) >= 1 and row["precision"] is not None:
        recall, precision, share = (float(row[k]) for k in ("accuracy", "precision", "share"))
        ours = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
        return ours <= 2 * share / (1 + share)
    return float(row["low"]) <= max(float(row[floor] or 0) for floor in FLOORS)


def signature(
    matrix: pl.DataFrame, forward: pl.DataFrame, colors: Look, chosen: tuple[int, str] | None = None
) -> go.Figure:
    """Fig. 1: recall by lag and symbol, and under it the forward accuracy by symbol.

    matrix: lag, symbol, n, accuracy, low, high, precision, majority, current, untrained.
    forward: symbol, n, accuracy, low, high (may be empty while it is not known).
    chosen: the (lag, symbol) of the outlined cell.
    The last trace is the layer that takes clicks: its customdata is [lag, symbol].
    """
    matrix = matrix.with_columns(share=pl.col("n") / pl.col("n").sum().over("lag"))
    seen = matrix.group_by("symbol").agg(pl.col("n").sum()).filter(pl.col("n") > 0)
    symbols = in_order(seen)["symbol"].to_list()
    place = {symbol: i for i, symbol in enumerate(symbols)}
    lags = sorted(matrix["lag"].unique().to_list())
    cells = {(r["lag"], r["symbol"]): r for r in matrix.iter_rows(named=True) if r["n"]}
    ahead = {r["symbol"]: r for r in forward.iter_rows(named=True)}
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[len(lags), 1], vertical_spacing=0.03
    )
    heat = {"coloraxis": "coloraxis", "xgap": 1, "ygap": 1, "hoverinfo": "skip"}
    recall = [[value_of(cells.get((lag, s)), "accuracy") for s in symbols] for lag in lags]
    figure.add_heatmap(z=recall, x=list(range(len(symbols))), y=lags, row=1, col=1, **heat)
    strip = [[value_of(ahead.get(s), "accuracy") for s in symbols]]
    figure.add_heatmap(z=strip, x=list(range(len(symbols))), y=["next"], row=2, col=1, **heat)
    floored = [key for key, row in cells.items() if at_floor(row)]
    figure.add_scatter(
        x=[place[s] for _, s in floored],
        y=[lag for lag, _ in floored],
        mode="markers",
        marker={"size": 3, "color": "#8d8899"},
        hoverinfo="skip",
        unselected={"marker": {"opacity": 1}},
        row=1,
        col=1,
    )
    known = [s for s in symbols if s in ahead]
    figure.add_scatter(
        x=[place[s] for s in known],
        y=["next"] * len(known),
        mode="markers",
        marker={"symbol": "square", "size": 16, "opacity": 0.001},
        hoverlabel_align="left",
        text=[_ahead_hover(ahead[s]) for s in known],
        hovertemplate="%{text}<extra></extra>",
        row=2,
        col=1,
    )
    keys = sorted(cells)
    figure.add_scatter(
        x=[place[s] for _, s in keys],
        y=[lag for lag, _ in keys],
        mode="markers",
        customdata=[[lag, s] for lag, s in keys],
        text=[told(cells[key]) for key in keys],
        hovertemplate="%{text}<extra></extra>",
        hoverlabel_align="left",
        # Heatmaps give no click event, SVG markers do, even when nobody can see them.
        marker={
            "symbol": "square-open",
            "size": 17,
            "opacity": 0.001,
            "color": "#e8590c",
            "line": {"width": 2.5},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.001}},
        selectedpoints=[keys.index(chosen)] if chosen in cells else None,
        row=1,
        col=1,
    )
    ticks = {"tickvals": list(range(len(symbols))), "ticktext": [shown(s) for s in symbols]}
    figure.update_xaxes(**ticks, range=[-0.5, len(symbols) - 0.5], tickangle=0, fixedrange=True)
    figure.update_xaxes(row=1, col=1, showticklabels=False)
    figure.update_yaxes(showgrid=False, zeroline=False, fixedrange=True, ticks="")
    figure.update_xaxes(showgrid=False, zeroline=False, ticks="")
    figure.update_yaxes(
        row=1, col=1, tickvals=lags, range=[lags[-1] + 0.5, lags[0] - 0.5], title="symbols ago"
    )
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
    figure.update_layout(clickmode="event+select", dragmode=False, hovermode="closest")
    return dressed(figure, colors, HEIGHT, {"l": 46, "r": 10, "t": 24, "b": 26})


def marginal(trained: pl.DataFrame, preview: pl.DataFrame, colors: Look) -> go.Figure:
    """Marginal recall by lag with its interval band, its floors, and the linear preview.

    Both tables: lag, accuracy, low, high, majority, current, untrained; either may be empty.
    """
    figure = go.Figure()
    main = trained if trained.height else preview
    if trained.height:
        band(figure, trained, "trained decoders", colors.accent)
    if preview.height:
        band(figure, preview, "linear preview", colors.second)
    for floor, dash in zip(reversed(FLOORS), ("solid", "dash", "dot"), strict=True):
        if main[floor].null_count() < main.height:
            line(figure, main, floor, FLOORS[floor], colors.faint, dash, 1.3)
    last = max(main["lag"].to_list(), default=1)
    figure.update_xaxes(title="lag (symbols ago)", dtick=1, range=[0.8, last + 0.2])
    figure.update_yaxes(title="recall", range=[0, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_layout(hovermode="x unified")
    # Recall falls with lag: the upper right corner is free.
    corner = {"x": 1, "xanchor": "right", "y": 1.02, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, 222, {"l": 52, "r": 8, "t": 24, "b": 38}, corner)


def confusion(row: pl.DataFrame, colors: Look) -> go.Figure:
    """What the decoder answered where one symbol was true. row: guess, n, truth (one value)."""
    row = in_order(row.filter(pl.col("n") > 0), "guess")
    axis = [shown(s) for s in SYMBOLS if s not in SPECIAL or s in row["guess"]]
    total = max(row["n"].sum(), 1)
    right = [guess == truth for guess, truth in zip(row["guess"], row["truth"], strict=True)]
    figure = go.Figure(
        go.Bar(
            x=[shown(g) for g in row["guess"]],
            y=(row["n"] / total).to_list(),
            customdata=row["n"].to_list(),
            marker_color=[colors.accent if hit else colors.faint for hit in right],
            hovertemplate="answered <b>%{x}</b>: %{y:.1%} (%{customdata:,})<extra></extra>",
        )
    )
    figure.update_xaxes(
        type="category",
        categoryorder="array",
        categoryarray=axis,
        tickangle=0,
        dtick=1,
        range=[-0.5, len(axis) - 0.5],
        showgrid=False,
        tickfont_size=10,
    )
    figure.update_yaxes(title="share of answers", tickformat=".0%", range=[0, 1.02], dtick=0.25)
    figure.update_layout(bargap=0.2)
    return dressed(figure, colors, 204, {"l": 52, "r": 8, "t": 24, "b": 24})


def memory_against_prediction(table: pl.DataFrame, colors: Look) -> go.Figure:
    """Each symbol by forward accuracy and mean recall. table: symbol, n, memory, forward."""
    table = in_order(table)
    named = [symbol in NAMED_IN_PAPER for symbol in table["symbol"]]
    figure = go.Figure(
        go.Scatter(
            x=table["forward"].to_list(),
            y=table["memory"].to_list(),
            mode="text",
            text=[
                f"<b>{shown(s)}</b>" if hit else shown(s)
                for s, hit in zip(table["symbol"], named, strict=True)
            ],
            textfont={
                "size": [18 if hit else 14 for hit in named],
                "color": [colors.second if hit else colors.text for hit in named],
            },
            customdata=table["n"].to_list(),
            hovertemplate="<b>%{text}</b><br>memory %{y:.1%}<br>prediction %{x:.1%}"
            "<br>n %{customdata:,}<extra></extra>",
        )
    )
    figure.update_xaxes(title="forward accuracy", tickformat=".0%", range=[-0.04, 1.04], dtick=0.25)
    figure.update_yaxes(title="mean recall over lags", tickformat=".0%", rangemode="tozero")
    return dressed(figure, colors, 340, {"l": 56, "r": 8, "t": 24, "b": 40})


def training(curve: pl.DataFrame, colors: Look) -> go.Figure:
    """Perplexity while training. curve: keep, epoch, train_bits, dev_perplexity (nulls skipped)."""
    figure = go.Figure()
    keeps = sorted(curve["keep"].unique().to_list())
    for keep in keeps:
        part = curve.filter(pl.col("keep") == keep).sort("epoch")
        suffix = f", keep {keep:g}" if len(keeps) > 1 else ""
        train = part.filter(pl.col("train_bits").is_not_null())
        train = train.with_columns(train=(2.0 ** pl.col("train_bits")))
        line(figure, train, "train", f"train{suffix}", colors.faint, "solid", 1.3, "epoch", ".2f")
        dev = part.filter(pl.col("dev_perplexity").is_not_null())
        color, mode = colors.accent, "lines+markers"
        figure.add_scatter(
            x=dev["epoch"].to_list(),
            y=dev["dev_perplexity"].to_list(),
            mode=mode,
            name=f"dev{suffix}",
            line={"color": color, "width": 2},
            hovertemplate="%{y:.2f}",
        )
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title="perplexity", type="log", tickvals=[2, 3, 4, 5, 6, 8, 10, 15, 20, 34])
    figure.update_layout(hovermode="x unified")
    top = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font_size": 11}
    return dressed(figure, colors, 300, {"l": 52, "r": 8, "t": 36, "b": 40}, top)


def frequencies(table: pl.DataFrame, colors: Look) -> go.Figure:
    """How often each symbol occurs. table: symbol, n."""
    table = in_order(table.filter(pl.col("n") > 0))
    share = (table["n"] / max(table["n"].sum(), 1)).to_list()
    labels = [shown(s) for s in table["symbol"]]
    figure = go.Figure(
        go.Bar(
            x=labels,
            y=share,
            marker_color=colors.accent,
            customdata=table["n"].to_list(),
            hovertemplate="<b>%{x}</b> %{y:.2%} (%{customdata:,})<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", tickangle=0, showgrid=False)
    figure.update_yaxes(title="share", tickformat=".0%", nticks=5)
    figure.update_layout(bargap=0.25)
    return dressed(figure, colors, 220, {"l": 52, "r": 8, "t": 24, "b": 26})


def quick(
    table: pl.DataFrame, x: str, y: str, by: str | None, mark: str, colors: Look
) -> go.Figure:
    """Any table as lines, bars or points: a column over another, a color for each value of `by`.

    Only the first GROUPS values are drawn; the title of the legend says so.
    """
    groups = table[by].unique(maintain_order=True).to_list() if by else [None]
    figure = go.Figure()
    for number, group in enumerate(groups[:GROUPS]):
        part = table.filter(pl.col(by).eq_missing(group)) if by else table
        if mark == "line":
            part = part.sort(x, nulls_last=True)
        color = (*colors.series, *MORE_SERIES)[number]
        name = "" if group is None else f"{group:g}" if isinstance(group, float) else str(group)
        across = part[x] if part[x].dtype.is_numeric() else part[x].cast(pl.String)
        values = {"x": across.to_list(), "y": part[y].to_list(), "name": shown(name)}
        if mark == "bars":
            figure.add_bar(**values, marker_color=color)
        else:
            how = "lines+markers" if mark == "line" else "markers"
            figure.add_scatter(
                **values, mode=how, marker={"color": color, "size": 6}, line={"width": 2}
            )
    cut = f", the first {GROUPS} of {len(groups)}" if len(groups) > GROUPS else ""
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    figure.update_layout(legend_title=f"{by or ''}{cut}")
    below = {"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, 400, {"l": 60, "r": 8, "t": 24, "b": 44}, below if by else None)


def file_name(*parts: object) -> str:
    """A file name without its ending: the parts in lower case, joined by hyphens."""
    words = "-".join(str(part) for part in parts).lower()
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in words)


def toolbar(name: str, picture: str = "svg", zooms: bool = False) -> dict[str, Any]:
    """Plotly's configuration: one button that saves the picture as `name`.svg or .png.

    zooms: a double click, or a second button, shows all of a picture again.
    """
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["resetScale2d", "toImage"] if zooms else ["toImage"]],
        "toImageButtonOptions": {"format": picture, "filename": name, "scale": 2},
        "doubleClick": "reset" if zooms else False,
    }


def value_of(row: dict[str, Any] | None, column: str) -> object:
    """A column of a row that may not be there."""
    return None if row is None else row[column]


def told(row: dict[str, Any]) -> str:
    """What the hover of a cell says. Needs the columns of `at_floor`, symbol, lag, n and high."""
    floors = [f"{label} {row[f]:.1%}" for f, label in FLOORS.items() if row[f] is not None]
    precision = "" if row["precision"] is None else f", precision {row['precision']:.1%}"
    return (
        f"<b>{shown(row['symbol'])}</b>, {when(row)}: <b>{row['accuracy']:.1%}</b> "
        f"({row['low']:.1%} to {row['high']:.1%})<br>n {row['n']:,}{precision}"
        f"<br>floors: {', '.join(floors)}" + ("<br>not above its floor" if at_floor(row) else "")
    )


def when(row: dict[str, Any]) -> str:
    """Which symbol a decoder names: '3 ago', '2 ahead'; of speech the mean milliseconds too."""
    lag = row["lag"]
    place = f"{lag} ago" if lag > 0 else f"{-lag} ahead" if lag else "this one"
    return place if row.get("ms") is None else f"{place} ({abs(row['ms']):.0f} ms)"


def _ahead_hover(row: dict[str, Any]) -> str:
    interval = "" if row["low"] is None else f" ({row['low']:.1%} to {row['high']:.1%})"
    return (
        f"<b>{shown(row['symbol'])}</b> predicted as the next symbol: "
        f"<b>{row['accuracy']:.1%}</b>{interval}<br>n {row['n']:,}"
    )


def line(
    figure: go.Figure,
    table: pl.DataFrame,
    column: str,
    name: str,
    color: str,
    dash: str,
    width: float,
    x: str = "lag",
    form: str = ".1%",
) -> None:
    """Add a line of a column over another."""
    figure.add_scatter(
        x=table[x].to_list(),
        y=table[column].to_list(),
        mode="lines",
        name=name,
        line={"color": color, "width": width, "dash": dash},
        hovertemplate=f"%{{y:{form}}}",
    )


def band(
    figure: go.Figure, table: pl.DataFrame, name: str, color: str, mark: str = "circle"
) -> None:
    """Add a line of recall by lag with its interval as a band."""
    lags = table["lag"].to_list()
    figure.add_scatter(
        x=lags + lags[::-1],
        y=table["high"].to_list() + table["low"].to_list()[::-1],
        fill="toself",
        fillcolor=color,
        opacity=0.22,
        mode="none",
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=lags,
        y=table["accuracy"].to_list(),
        mode="lines+markers",
        name=name,
        line={"color": color, "width": 2},
        marker={"size": 5, "symbol": mark},
        customdata=table.select("low", "high").rows(),
        hovertemplate="%{y:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%})",
    )


def dressed(
    figure: go.Figure,
    colors: Look,
    height: int,
    margin: dict[str, int],
    legend: dict[str, Any] | None = None,
) -> go.Figure:
    """The figure in the clothes of its theme: every picture ends here."""
    axis = {
        "gridcolor": colors.grid,
        "zeroline": False,
        "linecolor": colors.grid,
        "title_standoff": 6,
        "title_font_size": 12,
        "automargin": False,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_layout(
        height=height,
        margin=margin,
        showlegend=legend is not None,
        paper_bgcolor=colors.paper,
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": colors.text},
        legend=(legend or {}) | {"bgcolor": "rgba(0,0,0,0)", "tracegroupgap": 0},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colors.faint, "activecolor": colors.accent},
        hoverlabel={
            "font": {"family": FONT, "size": 12, "color": colors.text},
            "bgcolor": colors.card,
            "bordercolor": colors.faint,
        },
    )
    return figure
