"""Thumbnails of the paper's figures: rows of heat maps without axes. Tables in, pictures out."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from app.pictures.figures import Look, dressed
from core.text import SYMBOLS

HEIGHT = 132  # pixels


def thumbnail(
    table: pl.DataFrame, scale: list[list[Any]], ends: tuple[float, float], colors: Look
) -> go.Figure:
    """One heat map for each panel, side by side, the past further down.

    table: panel, name (of the panel), x (a symbol or a number), lag, value; ends: of the scale.
    """
    panels = table["panel"].unique().sort().to_list()
    names = [str(table.filter(pl.col("panel") == panel)["name"][0]) for panel in panels]
    figure = make_subplots(
        cols=max(len(panels), 1),
        horizontal_spacing=0.02 if len(panels) < 4 else 0.01,
        subplot_titles=names if any(names) else None,
    )
    figure.update_annotations(font_size=10, font_color=colors.faint, yshift=-4)
    columns = sorted(table["x"].unique().to_list(), key=_place)
    lags = table["lag"].unique().sort().to_list()
    for number, panel in enumerate(panels, start=1):
        part = table.filter(pl.col("panel") == panel)
        found = dict(zip(part.select("lag", "x").rows(), part["value"], strict=True))
        figure.add_heatmap(
            z=[[found.get((lag, x)) for x in columns] for lag in lags],
            x=columns,
            y=lags,
            coloraxis="coloraxis",
            hoverinfo="skip",
            row=1,
            col=number,
        )
    axis = {"visible": False, "fixedrange": True}
    figure.update_xaxes(**axis, type="category")
    figure.update_yaxes(**axis, autorange="reversed")
    figure.update_layout(
        coloraxis={"colorscale": scale, "cmin": ends[0], "cmax": ends[1], "showscale": False},
        hovermode=False,
        dragmode=False,
    )
    top = 16 if any(names) else 2
    return dressed(figure, colors, HEIGHT, {"l": 0, "r": 0, "t": top, "b": 0})


def _place(x: str) -> tuple[int, float]:
    """Symbols in the order of the alphabet, numbers by size."""
    return (0, SYMBOLS.index(x)) if x in SYMBOLS else (1, float(x))
