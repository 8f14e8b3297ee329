"""The pictures of a speech recognizer (section 8, Fig. 7): tables and arrays in, figures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.colors import sequential
from plotly.subplots import make_subplots

from app.pictures import comparisons
from app.pictures.figures import FLOORS, PURPLE, Look, dressed, shown, when
from app.pictures.studies import MARKS, shades

SIGNATURES, CURVES, TALL, SMALL = 410, 360, 432, 280  # heights in pixels, whatever is there
SPECTROGRAM = 150
# Magma, but for its black: streamlit takes #000004 for a place to put a color of its theme.
DARK_TO_LIGHT = ["#03030a", *sequential.Magma[1:]]
QUIET = -14.0  # just below the log energy at which nothing is heard
MOST_LABELS = 70  # symbols beside the attention matrix that can still be read
FAINT_FLOORS = {"majority": "dot", "current": "dash"}


@dataclass(frozen=True)
class Curve:
    """A line of recall by lag. table: lag, ms, accuracy, low, high."""

    name: str
    table: pl.DataFrame
    color: str
    mark: str = "circle"
    dash: str = "solid"


def layer_colors(layers: Sequence[str], colors: Look) -> dict[str, tuple[str, str]]:
    """Color and mark of each layer: encoder layers from faint to strong, the speller's apart."""
    encoders = [layer for layer in layers if layer.startswith("encoder")]
    looks = zip(shades(len(encoders), colors), MARKS, strict=False)
    speller = {"context": (colors.series[2], MARKS[-2]), "query": (colors.second, MARKS[-1])}
    return dict(zip(encoders, looks, strict=True)) | speller


def signatures(matrices: Sequence[tuple[str, pl.DataFrame]], colors: Look) -> go.Figure:
    """Fig. 7: signatures on one scale; above the line the grapheme heard and those still to come.

    matrices: what each is called, and its cells as `figures.told` takes them, with ms.
    """
    figure = comparisons.side_by_side(matrices, colors)
    figure.add_hline(y=0.5, line={"color": colors.second, "width": 1.5})
    figure.update_yaxes(title="graphemes ago", col=1)
    figure.update_layout(height=SIGNATURES)
    return figure


def difference(table: pl.DataFrame, reach: float, colors: Look) -> go.Figure:
    """The cells of one layer less those of another; see `comparisons.difference`."""
    figure = comparisons.difference(table, "AB", reach, colors)
    figure.add_hline(y=0.5, line={"color": colors.second, "width": 1.5})
    figure.update_yaxes(title="graphemes ago")
    figure.update_layout(height=CURVES)
    return figure


def curves(
    drawn: Sequence[Curve],
    floors: Sequence[Curve],
    lags: tuple[int, int],
    colors: Look,
    height: int = CURVES,
) -> go.Figure:
    """Marginal recall by lag with bands, over thin floors. lags: the first and the last."""
    figure = go.Figure()
    for floor in floors:
        figure.add_scatter(
            x=floor.table["lag"].to_list(),
            y=floor.table["accuracy"].to_list(),
            mode="lines",
            name=floor.name,
            line={"color": floor.color, "width": 1.2, "dash": floor.dash},
            hovertemplate="%{y:.1%}",
            legendrank=2000,
        )
    for curve in drawn:
        table, there = curve.table, curve.table["lag"].to_list()
        figure.add_scatter(
            x=there + there[::-1],
            y=table["high"].to_list() + table["low"].to_list()[::-1],
            fill="toself",
            fillcolor=curve.color,
            opacity=0.2,
            mode="none",
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=there,
            y=table["accuracy"].to_list(),
            mode="lines+markers",
            name=curve.name,
            line={"color": curve.color, "width": 2, "dash": curve.dash},
            marker={"size": 6, "symbol": curve.mark},
            customdata=[[row["low"], row["high"], when(row)] for row in table.to_dicts()],
            hovertemplate="%{y:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%}), "
            "%{customdata[2]}",
        )
    first, last = lags
    figure.add_vline(x=0.5, line={"color": colors.second, "width": 1.2})
    figure.update_xaxes(title="lag (graphemes ago)", dtick=1, range=[first - 0.2, last + 0.2])
    figure.update_yaxes(title="recall", range=[0, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_layout(hovermode="x unified")
    beside = {"x": 1.01, "xanchor": "left", "y": 1, "yanchor": "top", "font_size": 11}
    return dressed(figure, colors, height, {"l": 52, "r": 8, "t": 24, "b": 38}, beside)


def floors(table: pl.DataFrame, colors: Look) -> list[Curve]:
    """The floors that need no network, of any signature's marginal recall."""
    return [
        Curve(FLOORS[floor], table.with_columns(accuracy=floor), colors.faint, dash=dash)
        for floor, dash in FAINT_FLOORS.items()
    ]


def learning(curve: pl.DataFrame, colors: Look) -> go.Figure:
    """Character error rate on dev while training. curve: epoch, dev_cer (nulls skipped)."""
    rows = curve.drop_nulls("dev_cer")
    figure = go.Figure(
        go.Scatter(
            x=rows["epoch"].to_list(),
            y=rows["dev_cer"].to_list(),
            mode="lines+markers",
            line={"color": colors.accent, "width": 2},
            hovertemplate="epoch %{x:g}: %{y:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title="characters wrong", tickformat=".0%", rangemode="tozero")
    return dressed(figure, colors, SMALL, {"l": 52, "r": 8, "t": 24, "b": 38})


def sound(
    frames: np.ndarray,
    hop_ms: int,
    hertz: np.ndarray,
    attention: np.ndarray,
    step_ms: int,
    moments: np.ndarray,
    said: Sequence[str],
    chosen: int | None,
    colors: Look,
) -> go.Figure:
    """An utterance: its spectrogram, and below it, on the same seconds, where attention was.

    frames: log-mel [frames, mels], one every hop_ms; hertz: [mels], the middle of each band.
    attention: [steps, encoder steps], an encoder step is step_ms; moments: [steps], the peaks in
    ms; said: the symbol of each step; chosen: the step that is marked.
    The last trace takes clicks: its customdata is the step.
    """
    steps = len(said)
    height = min(max(170, 12 * steps), 560)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.03, row_heights=[SPECTROGRAM, height]
    )
    figure.add_heatmap(
        z=frames.T.astype(np.float32),
        x0=0,
        dx=hop_ms / 1000,
        row=1,
        col=1,
        colorscale=DARK_TO_LIGHT,
        showscale=False,
        zmin=QUIET,
        hovertemplate="%{x:.2f} s, band %{y}: %{z:.1f}<extra></extra>",
    )
    figure.add_heatmap(
        z=attention.astype(np.float32),
        x0=step_ms / 2000,
        dx=step_ms / 1000,
        coloraxis="coloraxis",
        text=[[shown(symbol)] * attention.shape[1] for symbol in said],
        hovertemplate="<b>%{text}</b> at %{x:.2f} s: %{z:.0%} of the attention<extra></extra>",
        row=2,
        col=1,
    )
    figure.add_scatter(
        x=(moments / 1000).tolist(),
        y=list(range(steps)),
        mode="markers",
        customdata=list(range(steps)),
        text=[shown(symbol) for symbol in said],
        marker={"size": 8, "symbol": "circle-open", "color": colors.second, "line": {"width": 1.5}},
        selected={"marker": {"opacity": 1, "size": 14}},
        unselected={"marker": {"opacity": 0.75}},
        selectedpoints=None if chosen is None else [chosen],
        hovertemplate="<b>%{text}</b>, attention peaks at %{x:.2f} s<extra></extra>",
        row=2,
        col=1,
    )
    places = np.linspace(0, len(hertz) - 1, 4).round().astype(int)
    figure.update_yaxes(
        row=1,
        col=1,
        tickvals=places.tolist(),
        ticktext=[f"{hertz[i]:,.0f}" for i in places],
        title="Hz",
        range=[-0.5, len(hertz) - 0.5],
    )
    every = max(1, -(-steps // MOST_LABELS))
    labelled = list(range(0, steps, every))
    figure.update_yaxes(
        row=2,
        col=1,
        title="spelled",
        tickvals=labelled,
        range=[steps - 0.5, -0.5],
        ticktext=[shown(said[step]) for step in labelled],
        tickfont_size=11 if steps < 40 else 8,
    )
    figure.update_xaxes(showgrid=False, range=[0, len(frames) * hop_ms / 1000], fixedrange=True)
    figure.update_yaxes(showgrid=False, fixedrange=True)
    figure.update_xaxes(title="seconds", row=2, col=1)
    bar = {
        "tickvals": [0, 0.5, 1],
        "tickformat": ".0%",
        "thickness": 9,
        "outlinewidth": 0,
        "x": 1.01,
        "xpad": 4,
        "len": height / (SPECTROGRAM + height),
        "y": 0,
        "yanchor": "bottom",
    }
    figure.update_layout(
        coloraxis={"colorscale": PURPLE, "cmin": 0, "cmax": 1, "colorbar": bar},
        clickmode="event+select",
        dragmode=False,
        hovermode="closest",
    )
    return dressed(figure, colors, SPECTROGRAM + height + 66, {"l": 56, "r": 10, "t": 24, "b": 40})


def remembered(recalled: pl.DataFrame, layers: Sequence[str], colors: Look) -> go.Figure:
    """What each layer's decoders name around one grapheme, in the order of reading.

    recalled: of one step, part, lag, truth, guess, probability, chance. A cell shows the guess,
    its color the probability that the decoder gave to the truth.
    """
    shape = recalled.unique("lag").sort("lag", descending=True)
    lags, truths = shape["lag"].to_list(), shape["truth"].to_list()
    rows = {(row["part"], row["lag"]): row for row in recalled.to_dicts()}
    grid = [[rows.get((layer, lag)) for lag in lags] for layer in layers]
    figure = go.Figure()
    figure.add_heatmap(
        z=[[row and row["chance"] for row in line] for line in grid],
        x=list(range(len(lags))),
        y=list(range(len(layers))),
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        text=[
            [
                f"<b>{layer}</b>, {shown(row['truth'])} {when(row)}: named "
                f"<b>{shown(row['guess'])}</b> ({row['probability']:.0%}), the right one "
                f"{row['chance']:.0%}"
                if row
                else ""
                for row in line
            ]
            for layer, line in zip(layers, grid, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
    )
    cells = [
        (x, y, row) for y, line in enumerate(grid) for x, row in enumerate(line) if row is not None
    ]
    figure.add_scatter(
        x=[x for x, _, _ in cells],
        y=[y for _, y, _ in cells],
        mode="text",
        hoverinfo="skip",
        text=[
            shown(row["guess"]) if row["guess"] == row["truth"] else f"<b>{shown(row['guess'])}</b>"
            for *_, row in cells
        ],
        textfont={
            "size": 13,
            "color": [_ink(row["guess"] == row["truth"], row["chance"]) for *_, row in cells],
        },
    )
    ticks = [
        f"<b>{shown(truth)}</b><br>{lag}".replace("-", "−")
        for truth, lag in zip(truths, lags, strict=True)
    ]
    figure.update_xaxes(
        tickvals=list(range(len(lags))),
        ticktext=ticks,
        side="top",
        tickangle=0,
        showgrid=False,
        range=[-0.5, len(lags) - 0.5],
        ticks="",
        fixedrange=True,
        tickfont_size=11,
    )
    figure.update_yaxes(
        tickvals=list(range(len(layers))),
        ticktext=list(layers),
        showgrid=False,
        ticks="",
        range=[len(layers) - 0.5, -0.5],
        fixedrange=True,
    )
    if 0 in lags:
        figure.add_vline(x=lags.index(0) - 0.5, line={"color": colors.second, "width": 1.5})
    bar = {
        "tickvals": [0, 0.5, 1],
        "tickformat": ".0%",
        "thickness": 9,
        "len": 1,
        "outlinewidth": 0,
        "x": 1.01,
        "xpad": 4,
    }
    figure.update_layout(coloraxis={"colorscale": PURPLE, "cmin": 0, "cmax": 1, "colorbar": bar})
    height = remembered_height(len(layers))
    return dressed(figure, colors, height, {"l": 72, "r": 10, "t": 58, "b": 8})


def remembered_height(layers: int) -> int:
    """Pixels of `remembered`."""
    return 34 * layers + 66


def _ink(right: bool, chance: float) -> str:
    """The color of a guess on its cell: a wrong one is red, or light where red is not legible."""
    if chance > 0.55:
        return "#ffffff" if right else "#ffb3a7"
    return "#2f2d2b" if right else "#c22b2d"
