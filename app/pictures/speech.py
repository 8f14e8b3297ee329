"""The pictures of an utterance: its sound, where attention was, what each layer recalls of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.colors import sequential
from plotly.subplots import make_subplots

from app.pictures.grids import column_axis, grid, heat, ink, row_axis
from app.pictures.look import PURPLE, Row, Theme, color_axis, finish, lag_text, printable

SPECTROGRAM = 150  # pixels
# Magma, but for its black: Streamlit takes #000004 for a place to put a color of its theme.
DARK_TO_LIGHT = ["#03030a", *sequential.Magma[1:]]
QUIET = -14.0  # just below the log energy at which nothing is heard
MOST_LABELS = 70  # symbols beside the attention matrix that can still be read


def sound(
    frames: np.ndarray,
    hop_ms: int,
    hertz: np.ndarray,
    attention: np.ndarray,
    step_ms: int,
    moments: np.ndarray,
    symbols: Sequence[str],
    chosen: int | None,
    colors: Theme,
) -> go.Figure:
    """An utterance: its spectrogram, and below it, on the same seconds, where attention was.

    frames: log-mel [frames, mels], one every hop_ms; hertz: [mels], the middle of each band.
    attention: [steps, encoder steps], an encoder step is step_ms; moments: [steps], the peaks in
    ms; symbols: of each step; chosen: the step that is marked.
    The last trace takes clicks: its customdata is the step.
    """
    height = min(max(170, 12 * len(symbols)), 560)
    heights = [SPECTROGRAM, height]
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.03, row_heights=heights)
    _add_spectrogram(figure, frames, hop_ms, hertz)
    _add_attention(figure, attention, step_ms, symbols)
    labels = [printable(symbol) for symbol in symbols]
    figure.add_scatter(
        x=(moments / 1000).tolist(),
        y=list(range(len(symbols))),
        mode="markers",
        customdata=list(range(len(symbols))),
        text=labels,
        marker={"size": 8, "symbol": "circle-open", "color": colors.second, "line": {"width": 1.5}},
        selected={"marker": {"opacity": 1, "size": 14}},
        unselected={"marker": {"opacity": 0.75}},
        selectedpoints=None if chosen is None else [chosen],
        hovertemplate="<b>%{text}</b>, attention peaks at %{x:.2f} s<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_xaxes(showgrid=False, range=[0, len(frames) * hop_ms / 1000])
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(title="seconds", row=2, col=1)
    axis = color_axis(PURPLE, 0, 1, [0, 0.5, 1], title="attention")
    axis["colorbar"] |= {"len": height / sum(heights), "y": 0, "yanchor": "bottom"}
    figure.update_layout(coloraxis=axis, clickmode="event+select", hovermode="closest")
    return finish(figure, colors, sum(heights) + 66, (56, 10, 24, 40))


def remembered(recalled: pl.DataFrame, layers: Sequence[str], colors: Theme) -> go.Figure:
    """What each layer's decoders name around one grapheme, in the order of reading.

    recalled: of one step, part, lag, truth, guess, probability, chance. A cell shows the guess,
    its color the probability that the decoder gave to the truth.
    """
    lags = recalled.unique("lag").sort("lag", descending=True).select("lag", "truth").rows()
    columns = [lag for lag, _ in lags]
    cells = {(row["part"], row["lag"]): row for row in recalled.to_dicts()}
    figure = go.Figure()
    text = grid(cells, layers, columns, _recalled_text)
    heat(figure, grid(cells, layers, columns, lambda row: row["chance"]), range(len(layers)), text)
    shown = [cell for cell in cells if cell[0] in layers]
    figure.add_scatter(
        x=[columns.index(lag) for _, lag in shown],
        y=[layers.index(layer) for layer, _ in shown],
        mode="text",
        hoverinfo="skip",
        text=[_guess(cells[cell]) for cell in shown],
        textfont={"size": 13, "color": [_ink(cells[cell]) for cell in shown]},
    )
    ticks = [f"<b>{printable(truth)}</b><br>{lag}".replace("-", "−") for lag, truth in lags]
    column_axis(figure, ticks, 11, side="top")
    row_axis(figure, range(len(layers)), ticktext=list(layers))
    if 0 in columns:
        line = {"color": colors.second, "width": 1.5}
        figure.add_vline(x=columns.index(0) - 0.5, line=line)
    figure.update_layout(coloraxis=color_axis(PURPLE, 0, 1, [0, 0.5, 1], title="probability"))
    return finish(figure, colors, remembered_height(len(layers)), (72, 10, 58, 8))


def remembered_height(layers: int) -> int:
    """Pixels of `remembered`."""
    return 34 * layers + 66


def _add_spectrogram(figure: go.Figure, frames: np.ndarray, hop_ms: int, hertz: np.ndarray) -> None:
    figure.add_heatmap(
        z=frames.T.astype(np.float32),
        x0=0,
        dx=hop_ms / 1000,
        colorscale=DARK_TO_LIGHT,
        showscale=False,
        zmin=QUIET,
        hovertemplate="%{x:.2f} s, band %{y}: %{z:.1f}<extra></extra>",
        row=1,
        col=1,
    )
    bands = np.linspace(0, len(hertz) - 1, 4).round().astype(int).tolist()
    labels = [f"{hertz[band]:,.0f}" for band in bands]
    ends = [-0.5, len(hertz) - 0.5]
    figure.update_yaxes(tickvals=bands, ticktext=labels, title="Hz", range=ends, row=1, col=1)


def _add_attention(
    figure: go.Figure, attention: np.ndarray, step_ms: int, symbols: Sequence[str]
) -> None:
    figure.add_heatmap(
        z=attention.astype(np.float32),
        x0=step_ms / 2000,
        dx=step_ms / 1000,
        coloraxis="coloraxis",
        text=[[printable(symbol)] * attention.shape[1] for symbol in symbols],
        hovertemplate="<b>%{text}</b> at %{x:.2f} s: %{z:.0%} of the attention<extra></extra>",
        row=2,
        col=1,
    )
    steps = len(symbols)
    labelled = range(0, steps, max(1, -(-steps // MOST_LABELS)))
    figure.update_yaxes(
        title="spelled",
        tickvals=list(labelled),
        ticktext=[printable(symbols[step]) for step in labelled],
        range=[steps - 0.5, -0.5],
        tickfont_size=11 if steps < 40 else 8,
        row=2,
        col=1,
    )


def _recalled_text(row: Row) -> str:
    return (
        f"<b>{row['part']}</b>, {printable(row['truth'])} {lag_text(row)}: named "
        f"<b>{printable(row['guess'])}</b> ({row['probability']:.0%}), the right one "
        f"{row['chance']:.0%}"
    )


def _guess(row: Row) -> str:
    guess = printable(row["guess"])
    return guess if row["guess"] == row["truth"] else f"<b>{guess}</b>"


def _ink(row: Row) -> str:
    return ink(row["guess"] == row["truth"], row["chance"])
