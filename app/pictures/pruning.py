"""The pictures of pruning a factorized kernel: what it costs, and which bases are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.pictures.bases import bigram_axes, short
from app.pictures.grids import heat
from app.pictures.look import BELOW, Theme, add_band, finish, panes
from core.models.factorized.spec import RULES
from core.text import SYMBOLS

HEIGHT = 420  # pixels
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")  # of the rules


def perplexities(
    table: pl.DataFrame, corpora: Sequence[str], rule: str, keep: int, colors: Theme
) -> go.Figure:
    """Perplexity against the number of bases kept, a pane each corpus, chance as a band.

    table: the rows of the query CURVES: corpus (its name), rule, kept, perplexity, low, high (over
    seeds). rule: the chosen one; keep: how many bases are kept.
    """
    figure = panes(
        [f"<b>{name}</b>" for name in corpora], colors, shared_yaxes=False, horizontal_spacing=0.08
    )
    for pane, corpus in enumerate(corpora, start=1):
        where: dict[str, Any] = {"row": 1, "col": pane}
        rows = table.filter(pl.col("corpus") == corpus)
        for name, color, dash in zip(RULES, (*colors.series, colors.faint), DASHES, strict=True):
            part = rows.filter(pl.col("rule") == name).sort("kept")
            x = part["kept"].to_list()
            if name == "random":
                add_band(
                    figure, x, part["low"], part["high"], color, 0.3, legendgroup=name, **where
                )
            figure.add_scatter(
                x=x,
                y=part["perplexity"].to_list(),
                name=name,
                mode="lines+markers" if name == rule else "lines",
                line={"width": 3 if name == rule else 1.3, "color": color, "dash": dash},
                hovertemplate="%{y:.3f}",
                visible=True if part.height else "legendonly",
                legendgroup=name,
                showlegend=pane == 1,
                **where,
            )
        _add_lines(figure, rows, keep, colors, where)
    figure.update_xaxes(title="bases kept", range=[-20, len(SYMBOLS) ** 2 + 20])
    figure.update_yaxes(nticks=7)
    figure.update_yaxes(title="test perplexity (not from 0)", col=1)
    figure.update_layout(hovermode="x unified")
    return finish(figure, colors, HEIGHT, (56, 8, 26, 70), BELOW)


def kept(table: pl.DataFrame, keep: int, colors: Theme) -> go.Figure:
    """The map of the bases that a pruning keeps. table: first, second, place."""
    figure = go.Figure()
    places = {(a, b): place for a, b, place in table.select("first", "second", "place").rows()}
    bigrams = [[(first, second) for second in SYMBOLS] for first in SYMBOLS]
    heat(
        figure,
        [[int(places.get(bigram, keep + 1) <= keep) for bigram in line] for line in bigrams],
        range(len(SYMBOLS)),
        [[f"{short(''.join(b))}: place {places.get(b)}" for b in line] for line in bigrams],
        coloraxis=None,
        showscale=False,
        zmin=0,
        zmax=1,
        colorscale=[[0, colors.grid], [1, colors.accent]],
    )
    bigram_axes(figure, 8)
    return finish(figure, colors, HEIGHT, (24, 8, 24, 24))


def _add_lines(
    figure: go.Figure, rows: pl.DataFrame, keep: int, colors: Theme, where: dict[str, Any]
) -> None:
    """Add the perplexity of all bases and of none as lines across, the number kept upright."""
    for kept, text in ((rows["kept"].max(), "all bases"), (0, "W₀ alone")):
        for level in rows.filter(pl.col("kept") == kept)["perplexity"].head(1):
            figure.add_hline(
                y=level,
                line={"color": colors.second, "width": 1, "dash": "dot"},
                annotation={"text": text, "font_size": 11, "font_color": colors.second},
                annotation_position="bottom right",
                **where,
            )
    figure.add_vline(x=keep, line={"color": colors.text, "width": 1, "dash": "dash"}, **where)
