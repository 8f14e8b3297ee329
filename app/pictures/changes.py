"""The pictures of retraining (Fig. 4): which symbols' memory changed, and how much it did."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from app.pictures.look import BELOW, MARKS, Row, Theme, error_bars, finish, panes, printable

TAKEN_OVER = ("k", "l", "m", "b", "c", "u")  # from the target, as the paper says (section 6)
MOST = 5  # symbols named on either side
CHANGES, DISTANCES = 300, 250  # heights in pixels, whatever is drawn


def changes(table: pl.DataFrame, colors: Theme) -> go.Figure:
    """The symbols whose memory changed most, beside those the paper names.

    table: symbol, n, source, retrained, change, to_target, half, by falling change. Bars whose
    interval holds zero are faint; a diamond is where the target's own model stands.
    """
    rows = table.to_dicts()
    gained = [row for row in rows if row["change"] > 0][:MOST]
    lost = [row for row in rows if row["change"] < 0][-MOST:]
    by_symbol = {row["symbol"]: row for row in rows}
    named = [by_symbol[symbol] for symbol in TAKEN_OVER if symbol in by_symbol]
    widths = [max(len(gained) + len(lost), 1), max(len(named), 1)]
    figure = panes(["changed most", "named in the paper"], colors, column_widths=widths)
    for pane, group in enumerate((gained + lost, named), start=1):
        _add_group(figure, group, colors, {"row": 1, "col": pane, "showlegend": pane == 1})
    figure.add_hline(y=0, line={"color": colors.faint, "width": 1})
    figure.update_xaxes(type="category", tickangle=0, showgrid=False, tickfont_size=13)
    figure.update_yaxes(nticks=7)
    figure.update_yaxes(title="points, mean over lags", col=1)
    figure.update_layout(bargap=0.35)
    return finish(figure, colors, CHANGES, (50, 8, 26, 46), BELOW | {"y": -0.14})


def _add_group(figure: go.Figure, rows: list[Row], colors: Theme, where: Row) -> None:
    """Add a bar for the change of each symbol and a diamond where the target stands."""
    labels = [printable(row["symbol"]) for row in rows]
    half = [100 * row["half"] for row in rows]
    sure = [abs(row["change"]) > row["half"] for row in rows]
    figure.add_bar(
        x=labels,
        y=[100 * row["change"] for row in rows],
        name="retrained − source",
        marker_color=[colors.accent if changed else colors.faint for changed in sure],
        error_y={"array": half, "thickness": 1.3, "width": 3, "color": colors.text},
        customdata=[[row["source"], row["retrained"], row["n"]] for row in rows],
        hovertemplate="<b>%{x}</b>: <b>%{y:+.1f} points</b><br>source %{customdata[0]:.1%}, "
        "retrained %{customdata[1]:.1%}<br>n %{customdata[2]:,} at every lag<extra></extra>",
        **where,
    )
    targets = [row["to_target"] for row in rows]
    figure.add_scatter(
        x=labels,
        y=[None if target is None else 100 * target for target in targets],
        mode="markers",
        name="target − source",
        marker={"symbol": "diamond-open", "size": 10, "color": colors.second, "line_width": 2},
        hovertemplate="<b>%{x}</b>: target − source <b>%{y:+.1f} points</b><extra></extra>",
        **where,
    )


def distances(table: pl.DataFrame, colors: Theme) -> go.Figure:
    """Distances of signatures against gaps of perplexity. table: the rows of `queries.APART`."""
    figure = go.Figure()
    far = table["gap"].max() or 1.0
    for row, color, mark in zip(table.iter_slices(1), colors.series, MARKS, strict=False):
        pair = row["pair"][0]
        figure.add_scatter(
            x=row["gap"].to_list(),
            y=row["distance"].to_list(),
            error_y=error_bars(row["distance"], row["low"], row["high"], 5),
            mode="markers+text",
            text=[f"  {pair}  "],
            textposition="middle left" if row["gap"][0] > 0.5 * far else "middle right",
            marker={"size": 11, "color": color, "symbol": mark},
            cliponaxis=False,
            customdata=row.select("low", "high").rows(),
            hovertemplate=f"<b>{pair}</b><br>distance %{{y:.3f}} (%{{customdata[0]:.3f}} to "
            "%{customdata[1]:.3f})<br>perplexities %{x:.3f} apart<extra></extra>",
        )
    figure.update_xaxes(title="gap of test perplexity", range=[0, 1.1 * far])
    high = table["high"].max() or 0.1
    figure.update_yaxes(title="distance of signatures", range=[0, 1.25 * high], nticks=6)
    return finish(figure, colors, DISTANCES, (56, 12, 24, 40))
