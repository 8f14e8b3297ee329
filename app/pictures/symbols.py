"""Pictures symbol by symbol: answers, memory against prediction, frequencies."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from app.pictures.look import Theme, finish, in_order, printable
from core.text import SPECIAL, SYMBOLS

MOST = 40  # symbols across a picture
CONFUSION = 204  # pixels: the height of answers
DISCUSSED = ("q", "y", "k", "e", ".")  # by the paper, where it compares memory and prediction


def most_frequent(cells: pl.DataFrame) -> tuple[str, ...]:
    """The labels of cells, symbol and n, the most frequent first."""
    counts = cells.group_by("symbol").agg(pl.col("n").max())
    return tuple(counts.sort("n", "symbol", descending=True)["symbol"])


def confusion(row: pl.DataFrame, colors: Theme, symbols: Sequence[str] = SYMBOLS) -> go.Figure:
    """What the decoder answered where one symbol was true. row: guess, n, truth (one value).

    symbols: the alphabet, in order. Of a large one, and of labels outside it, such as bigrams, the
    most frequent answers.
    """
    total = max(row["n"].sum(), 1)
    row = row.filter(pl.col("n") > 0)
    known = len(symbols) <= MOST and row["guess"].is_in(symbols).all()
    row = row if known else row.sort("n", descending=True).head(MOST)
    row = in_order(row, "guess", symbols)
    listed = (
        [s for s in symbols if s not in SPECIAL or s in row["guess"]] if known else row["guess"]
    )
    axis = [printable(symbol) for symbol in listed]
    right = (row["guess"] == row["truth"]).to_list()
    figure = go.Figure()
    figure.add_bar(
        x=[printable(symbol) for symbol in row["guess"]],
        y=(row["n"] / total).to_list(),
        customdata=row["n"].to_list(),
        marker_color=[colors.accent if hit else colors.faint for hit in right],
        hovertemplate="answered <b>%{x}</b>: %{y:.1%} (%{customdata:,})<extra></extra>",
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
    return finish(figure, colors, CONFUSION, (52, 8, 24, 24))


def memory_against_prediction(table: pl.DataFrame, colors: Theme) -> go.Figure:
    """Each symbol by forward accuracy and mean recall. table: symbol, n, memory, forward."""
    table = in_order(table)
    discussed = [symbol in DISCUSSED for symbol in table["symbol"]]
    labels = [printable(symbol) for symbol in table["symbol"]]
    figure = go.Figure()
    figure.add_scatter(
        x=table["forward"].to_list(),
        y=table["memory"].to_list(),
        mode="text",
        text=[f"<b>{s}</b>" if bold else s for s, bold in zip(labels, discussed, strict=True)],
        textfont={
            "size": [18 if bold else 14 for bold in discussed],
            "color": [colors.second if bold else colors.text for bold in discussed],
        },
        customdata=table["n"].to_list(),
        hovertemplate="<b>%{text}</b><br>memory %{y:.1%}<br>prediction %{x:.1%}"
        "<br>n %{customdata:,}<extra></extra>",
    )
    figure.update_xaxes(title="forward accuracy", tickformat=".0%", range=[-0.04, 1.04], dtick=0.25)
    figure.update_yaxes(title="mean recall over lags", tickformat=".0%", rangemode="tozero")
    return finish(figure, colors, 340, (56, 8, 24, 40))


def frequencies(table: pl.DataFrame, colors: Theme, symbols: Sequence[str] = SYMBOLS) -> go.Figure:
    """How often each symbol occurs. table: symbol, n. symbols: the alphabet, in order."""
    table = in_order(table.filter(pl.col("n") > 0), symbols=symbols)
    figure = go.Figure()
    figure.add_bar(
        x=[printable(symbol) for symbol in table["symbol"]],
        y=(table["n"] / max(table["n"].sum(), 1)).to_list(),
        marker_color=colors.accent,
        customdata=table["n"].to_list(),
        hovertemplate="<b>%{x}</b> %{y:.2%} (%{customdata:,})<extra></extra>",
    )
    figure.update_xaxes(type="category", tickangle=0, showgrid=False)
    figure.update_yaxes(title="share", tickformat=".0%", nticks=5)
    figure.update_layout(bargap=0.25)
    return finish(figure, colors, 220, (52, 8, 24, 26))
