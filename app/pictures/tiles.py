"""Thumbnails of the paper's figures: rows of heat maps without axes."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from app.pictures.grids import heat
from app.pictures.look import Scale, Theme, finish, panes
from core.text import SYMBOLS

HEIGHT = 132  # pixels


def thumbnail(
    table: pl.DataFrame, scale: Scale, ends: tuple[float, float], colors: Theme
) -> go.Figure:
    """One heat map for each panel, side by side, the past further down.

    table: panel, name (of the panel), x (a symbol or a number), lag, value; ends: of the scale.
    """
    panels = table.sort("panel").partition_by("panel")
    names = [str(panel["name"][0]) for panel in panels]
    spacing = 0.02 if len(panels) < 4 else 0.01
    figure = panes(names, colors, shared_yaxes=False, horizontal_spacing=spacing)
    columns = sorted(table["x"].unique().to_list(), key=_place)
    lags = table["lag"].unique().sort().to_list()
    for number, panel in enumerate(panels, start=1):
        values = dict(zip(panel.select("lag", "x").rows(), panel["value"], strict=True))
        z = [[values.get((lag, x)) for x in columns] for lag in lags]
        heat(figure, z, lags, xgap=0, ygap=0, row=1, col=number)
    figure.update_annotations(font_size=10, font_color=colors.faint, yshift=-1)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    axis = {"colorscale": scale, "cmin": ends[0], "cmax": ends[1], "showscale": False}
    figure.update_layout(coloraxis=axis, hovermode=False)
    return finish(figure, colors, HEIGHT, (0, 0, 16 if any(names) else 2, 0))


def _place(x: str) -> tuple[int, float]:
    """Symbols in the order of the alphabet, numbers by size."""
    return (0, SYMBOLS.index(x)) if x in SYMBOLS else (1, float(x))
