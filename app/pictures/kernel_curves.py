"""The pictures of kernels and of their pruning as curves: tables in, plotly figures out."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from app.pictures.figures import Look, band, dressed, line
from app.pictures.kernels import first_by_second, named
from core.models.factorized.spec import RULES
from core.text import SYMBOLS

CURVES, PRUNING = 330, 420  # heights in pixels


def forgetting(kernels: Sequence[tuple[str, pl.DataFrame]], height: int, colors: Look) -> go.Figure:
    """Marginal recall by lag of several kernels.

    kernels: a name and its rows: lag, accuracy; low, high where there is a band; and majority,
    the most frequent symbol's share, where that is drawn under them.
    """
    figure = go.Figure()
    for (name, table), color, dash in zip(
        kernels,
        (*colors.series, colors.text),
        ("solid", "solid", "dash", "dot", "dot"),
        strict=False,
    ):
        if "low" in table.columns:
            band(figure, table, name, color)
        else:
            line(figure, table, "accuracy", name, color, dash, 2)
    longest = max((table for _, table in kernels), key=lambda table: table.height)
    if "majority" in longest.columns:
        line(figure, longest, "majority", "majority symbol", colors.faint, "dot", 1.3)
    last = max(longest["lag"].to_list(), default=1)
    figure.update_xaxes(title="lag (symbols ago)", dtick=1, range=[0.8, last + 0.2])
    figure.update_yaxes(title="recall", range=[0, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_layout(hovermode="x unified")
    top = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font_size": 11}
    return dressed(figure, colors, height, {"l": 52, "r": 8, "t": 30, "b": 38}, top)


def pruned(
    table: pl.DataFrame, corpora: Sequence[str], rule: str, keep: int, colors: Look
) -> go.Figure:
    """Perplexity against the number of bases kept, a panel each corpus, chance as a band.

    table: the rows of `CURVES`: corpus (its name), rule, kept, perplexity, low, high (over seeds).
    """
    figure = make_subplots(
        cols=len(corpora),
        subplot_titles=[f"<b>{name}</b>" for name in corpora],
        horizontal_spacing=0.08,
    )
    figure.update_annotations(font_size=12, font_color=colors.text)
    for number, corpus in enumerate(corpora, start=1):
        rows = table.filter(pl.col("corpus") == corpus)
        panel = go.Figure()
        for name, color in zip(RULES, (*colors.series, colors.faint), strict=True):
            part = rows.filter(pl.col("rule") == name).sort("kept")
            kept = part["kept"].to_list()
            if name == "random":
                panel.add_scatter(
                    x=kept + kept[::-1],
                    y=part["high"].to_list() + part["low"].to_list()[::-1],
                    fill="toself",
                    fillcolor=color,
                    opacity=0.3,
                    mode="none",
                    hoverinfo="skip",
                    showlegend=False,
                )
            chosen = name == rule
            panel.add_scatter(
                x=kept,
                y=part["perplexity"].to_list(),
                name=name,
                mode="lines+markers" if chosen else "lines",
                line={"width": 3 if chosen else 1.3, "color": color},
                hovertemplate="%{y:.3f}",
                visible=True if kept else "legendonly",
            )
        for trace in panel.data:
            trace.legendgroup = trace.name
            trace.showlegend = number == 1 and bool(trace.name)
        figure.add_traces(list(panel.data), rows=1, cols=number)
        for kept, said in ((rows["kept"].max(), "all bases"), (0, "W₀ alone")):
            level = rows.filter(pl.col("kept") == kept)["perplexity"]
            if level.len():
                figure.add_hline(
                    y=level[0],
                    line={"color": colors.second, "width": 1, "dash": "dot"},
                    annotation={"text": said, "font_size": 11, "font_color": colors.second},
                    annotation_position="bottom right",
                    row=1,
                    col=number,
                )
        figure.add_vline(
            x=keep, line={"color": colors.text, "width": 1, "dash": "dash"}, row=1, col=number
        )
    figure.update_xaxes(title="bases kept", range=[-20, len(SYMBOLS) ** 2 + 20])
    figure.update_yaxes(nticks=7)
    figure.update_yaxes(title="test perplexity", col=1)
    figure.update_layout(hovermode="x unified")
    below = {"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, PRUNING, {"l": 56, "r": 8, "t": 26, "b": 70}, below)


def left(table: pl.DataFrame, keep: int, colors: Look) -> go.Figure:
    """The map of the bases that a pruning keeps. table: first, second, place, score."""
    places = {(a, b): p for a, b, p in table.select("first", "second", "place").iter_rows()}
    axis = list(range(len(SYMBOLS)))
    figure = go.Figure(
        go.Heatmap(
            z=[[int(places.get((a, b), keep + 1) <= keep) for b in SYMBOLS] for a in SYMBOLS],
            x=axis,
            y=axis,
            xgap=1,
            ygap=1,
            showscale=False,
            zmin=0,
            zmax=1,
            colorscale=[[0, colors.grid], [1, colors.accent]],
            text=[[f"{named(a, b)}: place {places.get((a, b))}" for b in SYMBOLS] for a in SYMBOLS],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    first_by_second(figure, 8)
    return dressed(figure, colors, PRUNING, {"l": 24, "r": 8, "t": 24, "b": 24})


def ranks(table: pl.DataFrame, colors: Look) -> go.Figure:
    """How the bases rank among all others in recall of their own symbols. table: own_rank."""
    figure = go.Figure(
        go.Histogram(
            x=table["own_rank"].drop_nulls().to_list(),
            marker_color=colors.accent,
            xbins={"start": 0, "end": 1, "size": 0.05},
            hovertemplate="%{x}: %{y} bases<extra></extra>",
        )
    )
    figure.add_vline(x=0.5, line={"color": colors.second, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(
        title="share of the other bases that recall those symbols worse",
        range=[0, 1.0],
        tickformat=".0%",
    )
    figure.update_yaxes(title="bases", nticks=6)
    figure.update_layout(bargap=0.05)
    return dressed(figure, colors, CURVES, {"l": 52, "r": 12, "t": 24, "b": 40})
