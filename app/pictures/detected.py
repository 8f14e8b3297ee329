"""The picture of detectors of words: hits by how many words ago the word was read."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from app.pictures import curves
from app.pictures.look import Theme

HEIGHT = 330
CORNER = {"x": 1, "xanchor": "right", "y": 1.02, "yanchor": "top"}
GUESS = "without a state"


def hits(table: pl.DataFrame, alarms: float, lags: int, colors: Theme) -> go.Figure:
    """Hits by how many words ago, of the trained network, the untrained one and without a state.

    table: ago, rate, low, high, untrained (with its low and high as untrained_low and
    untrained_high), guess. alarms: the share of false alarms of the trained one, a line across.
    """
    of_untrained = table.drop_nulls("untrained").select(
        lag="ago", accuracy="untrained", low="untrained_low", high="untrained_high"
    )
    lines = [
        curves.Curve("trained", table.rename({"ago": "lag", "rate": "accuracy"}), colors.accent),
        curves.Curve("untrained", of_untrained, colors.second, mark="square", dash="dash"),
        curves.Curve(
            GUESS, table.select(lag="ago", accuracy="guess"), colors.faint, dash="dot", thin=True
        ),
    ]
    drawn = [line for line in lines if line.table.height]
    figure = curves.recall({"": drawn}, (1, lags), colors, HEIGHT, CORNER, unit="words")
    figure.add_hline(
        y=alarms,
        line={"color": colors.faint, "width": 1},
        annotation={"text": f"false alarms {alarms:.1%}", "font": {"color": colors.faint}},
        annotation_position="bottom left",
    )
    figure.update_xaxes(title_text="last read, words ago")
    figure.update_yaxes(title_text="hits")
    return figure
