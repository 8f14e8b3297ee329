"""Curves: recall by lag, which every page draws in the same way, and training by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.pictures.heatmaps import LETTERS
from app.pictures.look import (
    BELOW,
    MARKS,
    TOP,
    Row,
    Theme,
    add_band,
    finish,
    lag_text,
    panes,
    shades,
    shorten,
    spacing,
)

# Of floors.
DASHES = {"untrained": "solid", "recent": "longdash", "current": "dash", "majority": "dot"}
KERNEL_DASHES = ("solid", "solid", "dash", "dot", "dot")
LAYERS, LAYER_DETAIL, KERNELS, MARGINAL = 432, 280, 330, 282  # heights in pixels, whatever is drawn


@dataclass(frozen=True)
class Curve:
    """A line of recall by lag.

    table: lag, accuracy; low and high for a band; ms for the milliseconds of speech.
    thin: of a floor, a line without band and marks.
    """

    name: str
    table: pl.DataFrame
    color: str
    mark: str = "circle"
    dash: str = "solid"
    thin: bool = False


def recall(
    curves: Mapping[str, Sequence[Curve]],
    lags: tuple[int, int],
    colors: Theme,
    height: int,
    legend: dict[str, Any],
    *,
    unit: str = "symbols",
) -> go.Figure:
    """Recall by lag, on one axis from 0 to 100 % everywhere.

    curves: of each pane, by its title; one pane needs none. lags: the first and the last.
    unit: 'graphemes' or 'frames' for speech, whose lags go below 1.
    """
    figure = panes(list(curves), colors)
    for number, group in enumerate(curves.values(), start=1):
        for curve in group:
            _add(figure, curve, number)
    first, last = lags
    step = spacing(lag for group in curves.values() for each in group for lag in each.table["lag"])
    if first < 1:
        figure.add_vline(x=0.5 * step, line={"color": colors.second, "width": 1.2})
    dense = len(curves) > 1 and last > 10 * step
    ends, dtick = [first - 0.2 * step, last + 0.2 * step], 2 * step if dense else step
    figure.update_xaxes(title=f"lag ({unit} ago)", dtick=dtick, range=ends)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(title="recall", col=1)
    figure.update_layout(hovermode="x unified")
    margin = (52, 8, 30 if legend == TOP else 24, 78 if legend == BELOW else 38)
    return finish(figure, colors, height, margin, legend)


def floors(table: pl.DataFrame, colors: Theme, names: Iterable[str] = DASHES) -> list[Curve]:
    """The floors that a table has of marginal recall, as thin lines. names: of DASHES."""
    known = [
        name for name in names if name in table.columns and table[name].null_count() < table.height
    ]
    return [
        Curve(name, table.with_columns(accuracy=name), colors.faint, dash=DASHES[name], thin=True)
        for name in known
    ]


def marginal(
    trained: pl.DataFrame, preview: pl.DataFrame, colors: Theme, names: Iterable[str] = DASHES
) -> go.Figure:
    """Marginal recall of one signature with its floors, and of its linear preview.

    Both tables: lag, accuracy, low, high, majority, current, recent, untrained; either may be
    empty. names: of the floors to draw.
    """
    curves = [Curve("trained", trained, colors.accent), Curve("preview", preview, colors.second)]
    curves = [curve for curve in curves if curve.table.height]
    curves += floors(trained if trained.height else preview, colors, names)
    # Recall falls with lag and the recent floor rises: no corner is free. Three rows of two names
    # fit below, in the narrowest window too.
    under = BELOW | {"y": -0.27, "font_size": 10}
    figure = recall({"": curves}, _lags([trained, preview]), colors, MARGINAL, under)
    return figure.update_layout(margin_b=98)


def by_place(tables: Mapping[str, pl.DataFrame], colors: Theme) -> go.Figure:
    """Recall by lag of each range of places in the segment; a pane for each network.

    tables: place (the first of its range), lag, accuracy, of each network.
    """
    first = sorted({place for table in tables.values() for place in table["place"]})
    lasts = [after - 1 for after in first[1:]]
    names = [f"{a}" if a == b else f"{a} to {b}" for a, b in zip(first, lasts, strict=False)]
    styles = list(zip(first, [*names, f"{first[-1]} on"], shades(len(first), colors), strict=True))
    panes = {
        title: [
            Curve(f"place {name}", table.filter(place=place), color)
            for place, name, color in styles
        ]
        for title, table in tables.items()
    }
    lags = _lags(list(tables.values()))
    return recall(panes, lags, colors, LAYER_DETAIL, BELOW)


def added(tables: Mapping[str, tuple[pl.DataFrame, str]], unit: str, colors: Theme) -> go.Figure:
    """Added bits by lag with their intervals, a group of bars for each lag.

    tables: lag, added, low, high, floor_bits, and the color, of each signature by its name.
    """
    figure = go.Figure()
    for name, (table, color) in tables.items():
        bits = table["added"]
        figure.add_bar(
            x=table["lag"].to_list(),
            y=bits.to_list(),
            name=name,
            marker_color=color,
            error_y={
                "type": "data",
                "array": (table["high"] - bits).fill_null(0).to_list(),
                "arrayminus": (bits - table["low"]).fill_null(0).to_list(),
                "color": colors.faint,
            },
            customdata=table["floor_bits"].to_list(),
            hovertemplate="lag %{x}: %{y:.3f} of %{customdata:.3f} bits",
        )
    several = len(tables) > 1
    figure.update_xaxes(title=f"lag ({unit} ago)", dtick=1)
    figure.update_yaxes(title="added bits", rangemode="tozero")
    figure.update_layout(showlegend=several)
    margin = (52, 8, 30 if several else 24, 38)
    return finish(figure, colors, LAYER_DETAIL, margin, TOP if several else None)


def lettered(tables: Sequence[tuple[str, pl.DataFrame]], colors: Theme) -> go.Figure:
    """Marginal recall of each of up to four signatures, each with its letter, color and mark.

    tables: what each is called, and lag, accuracy, low, high.
    """
    curves = [
        Curve(f"<b>{letter}</b> {shorten(name, 26)}", table, color, mark)
        for letter, color, mark, (name, table) in zip(
            LETTERS, colors.series, MARKS, tables, strict=False
        )
    ]
    return recall({"": curves}, _lags([table for _, table in tables]), colors, 340, BELOW)


def kernels(tables: Sequence[tuple[str, pl.DataFrame]], height: int, colors: Theme) -> go.Figure:
    """Marginal recall by lag of several kernels.

    tables: a name and its rows: lag, accuracy; low, high where there is a band; and majority,
    the most frequent symbol's share, where that is drawn under them.
    """
    series = zip(tables, (*colors.series, colors.text), KERNEL_DASHES, strict=False)
    curves = [Curve(name, table, color, dash=dash) for (name, table), color, dash in series]
    longest = max((table for _, table in tables), key=lambda table: table.height)
    curves += floors(longest, colors, ["majority"])
    return recall({"": curves}, _lags([longest]), colors, height, TOP)


def layers(
    curves: Sequence[Curve], lags: tuple[int, int], height: int, colors: Theme, unit: str
) -> go.Figure:
    """Marginal recall of a recognizer's layers, with thin floors.

    lags: the first and the last, in graphemes or frames, which `unit` says.
    """
    outside = {"x": 1.01, "xanchor": "left", "y": 1, "yanchor": "top"}
    return recall({"": curves}, lags, colors, height, outside, unit=unit)


def layer_styles(layers: Sequence[str], colors: Theme) -> dict[str, tuple[str, str]]:
    """Color and mark of each layer: encoder layers from faint to strong, the speller's apart."""
    encoders = [layer for layer in layers if layer.startswith("encoder")]
    styles = zip(shades(len(encoders), colors), MARKS, strict=False)
    speller = {"context": (colors.series[2], MARKS[-2]), "query": (colors.second, MARKS[-1])}
    return dict(zip(encoders, styles, strict=True)) | speller


def training(curve: pl.DataFrame, colors: Theme) -> go.Figure:
    """Perplexity while training. curve: keep, epoch, train_bits, dev_perplexity (nulls skipped)."""
    figure = go.Figure()
    curve = curve.with_columns(train_perplexity=2.0 ** pl.col("train_bits")).sort("epoch")
    train = {"mode": "lines", "line": {"color": colors.faint, "width": 1.3}}
    dev = {"mode": "lines+markers", "line": {"color": colors.accent, "width": 2}}
    parts = (("train", "train_perplexity", train), ("dev", "dev_perplexity", dev))
    keeps = sorted(curve["keep"].unique().to_list())
    for keep in keeps:
        suffix = f", keep {keep:g}" if len(keeps) > 1 else ""
        for name, column, look in parts:
            rows = curve.filter(pl.col("keep") == keep).drop_nulls(column)
            x, y = rows["epoch"].to_list(), rows[column].to_list()
            figure.add_scatter(x=x, y=y, name=f"{name}{suffix}", hovertemplate="%{y:.2f}", **look)
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title="perplexity", type="log", tickvals=[2, 3, 4, 5, 6, 8, 10, 15, 20, 34])
    figure.update_layout(hovermode="x unified")
    return finish(figure, colors, 300, (52, 8, 36, 40), TOP)


def recognizer_training(curve: pl.DataFrame, colors: Theme) -> go.Figure:
    """Character error rate on dev while training. curve: epoch, dev_cer (nulls skipped)."""
    rows = curve.drop_nulls("dev_cer")
    figure = go.Figure()
    figure.add_scatter(
        x=rows["epoch"].to_list(),
        y=rows["dev_cer"].to_list(),
        mode="lines+markers",
        line={"color": colors.accent, "width": 2},
        hovertemplate="epoch %{x:g}: %{y:.1%}<extra></extra>",
    )
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title="characters wrong", tickformat=".0%", rangemode="tozero")
    return finish(figure, colors, LAYER_DETAIL, (52, 8, 24, 38))


def _lags(tables: Sequence[pl.DataFrame]) -> tuple[int, int]:
    return 1, max((lag for table in tables for lag in table["lag"].to_list()), default=1)


def _interval(row: Row) -> str:
    """The 95 % interval of a recall for its hover; nothing where it has none."""
    return "" if row["low"] is None else f" ({row['low']:.1%} to {row['high']:.1%})"


def _add(figure: go.Figure, curve: Curve, pane: int) -> None:
    """Add a curve to a pane; its name stands in the legend once, for all panes."""
    table, x = curve.table, curve.table["lag"].to_list()
    band = "low" in table.columns and not curve.thin
    common = {"row": 1, "col": pane, "legendgroup": curve.name}
    line = {"color": curve.color, "width": 1.3 if curve.thin else 2, "dash": curve.dash}
    more: dict[str, Any] = {"mode": "lines", "hovertemplate": "%{y:.1%}"}
    if band:
        add_band(figure, x, table["low"], table["high"], curve.color, 0.22, **common)
        ms = ", %{customdata[1]}" if "ms" in table.columns else ""
        more = {
            "mode": "lines+markers",
            "marker": {"size": 5, "symbol": curve.mark},
            "customdata": [[_interval(row), lag_text(row)] for row in table.to_dicts()],
            "hovertemplate": "%{y:.1%}%{customdata[0]}" + ms,
        }
    figure.add_scatter(
        x=x,
        y=table["accuracy"].to_list(),
        name=curve.name,
        line=line,
        showlegend=pane == 1,
        **common,
        **more,
    )
