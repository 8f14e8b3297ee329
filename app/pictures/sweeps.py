"""The pictures of sweeps over size and depth (Figs. 2 and 3): a pane each cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import plotly.graph_objects as go
import polars as pl

from app.pictures import curves
from app.pictures.grids import clicks, column_axis, grid, heat, not_yet, recall, row_axis
from app.pictures.look import (
    BELOW,
    MARKS,
    Row,
    Theme,
    error_bars,
    finish,
    panes,
    recall_colors,
    recall_text,
    shades,
)
from core.cells import label as cell_label

Columns = Sequence[tuple[Row, str]]  # the values a column has in the table, and its label

RECALL, SIZE, DEEPER, STATE = 380, 250, 300, 330  # heights in pixels, whatever is drawn
ACROSS = {"state_size": "numbers of the state", "weights": "recurrent parameters"}
PARTS = "product of parts"
CLICK = 24  # pixels: what takes a click in the middle of a cell


def matrices(
    table: pl.DataFrame, cells: Sequence[str], columns: Columns, lags: int, colors: Theme
) -> go.Figure:
    """Figs. 2 and 3: marginal recall by lag, a pane each cell, a column each size or layer.

    table: cell, hidden, layer, lag, seeds, n, accuracy, low, high, majority, current, untrained,
    and signature where cells take clicks: what a click on one gives. lags: the largest.
    """
    figure = panes(_titles(cells), colors)
    down, across = range(1, lags + 1), range(len(columns))
    for number, cell in enumerate(cells, start=1):
        where = {"row": 1, "col": number}
        measured = {
            (row["lag"], place): row | {"title": f"<b>{cell_label(cell)} {label}</b>"}
            for place, (values, label) in enumerate(columns)
            for row in _rows(table, {"cell": cell} | values).to_dicts()
        }
        text = grid(measured, down, across, _text)
        heat(figure, grid(measured, down, across, recall), down, text, xgap=2, **where)
        if "signature" in table.columns:
            places = [(place, lag) for lag, place in measured]
            keys = [(row["signature"],) for row in measured.values()]
            clicks(figure, places, keys, [*map(_text, measured.values())], None, CLICK, **where)
        for place in set(across) - {place for _, place in measured}:
            not_yet(figure, place, (lags + 1) / 2, colors, textangle=-90, **where)
    column_axis(figure, [label for _, label in columns], 12 if len(columns) < 5 else 10)
    row_axis(figure, down)
    figure.update_yaxes(title="symbols ago", col=1)
    figure.update_layout(coloraxis=recall_colors())
    # In a narrow window labels stand aslant rather than touch, and take the height they need.
    aslant = {"tickangle": None, "autotickangles": [0, -45], "automargin": "height"}
    return finish(figure, colors, RECALL, (46, 10, 26, 26)).update_xaxes(aslant)


def recall_curves(
    table: pl.DataFrame, cells: Sequence[str], columns: Columns, lags: int, colors: Theme
) -> go.Figure:
    """The rows of `matrices` as curves, and the majority floor under them."""
    lines = {}
    styles = [*enumerate(shades(len(columns), colors))]
    for cell, title in zip(cells, _titles(cells), strict=True):
        floor = _rows(table, {"cell": cell}).unique("lag").sort("lag")
        lines[title] = [
            curves.Curve(label, _rows(table, {"cell": cell} | values), color, MARKS[n % len(MARKS)])
            for (values, label), (n, color) in zip(columns, styles, strict=True)
        ] + curves.floors(floor, colors, ["majority"])
    return curves.recall(lines, (1, lags), colors, RECALL, BELOW)


def against_size(
    table: pl.DataFrame, sizes: Sequence[int], column: str, title: str, form: str, colors: Theme
) -> go.Figure:
    """A number of each network against its hidden size, a line each cell, the spread over seeds.

    sizes: all that there will be, so that the axis stays where it is.
    table: cell, hidden, seeds, the column, and column_low, column_high where there is a spread.
    """
    figure = go.Figure()
    cells = table["cell"].unique().sort().to_list()
    for cell, color, mark in zip(cells, colors.series, MARKS, strict=False):
        rows, bars = _rows(table, {"cell": cell}).sort("hidden"), None
        if f"{column}_low" in table.columns and rows["seeds"].max() > 1:
            bars = error_bars(rows[column], rows[f"{column}_low"], rows[f"{column}_high"], 3)
        figure.add_scatter(
            x=rows["hidden"].to_list(),
            y=rows[column].to_list(),
            error_y=bars,
            mode="lines+markers",
            name=cell_label(cell),
            line={"color": color, "width": 2},
            marker={"size": 7, "symbol": mark},
            customdata=rows["seeds"].to_list(),
            hovertemplate=f"<b>{cell_label(cell)} %{{x}}</b>: %{{y:{form}}}, seeds %{{customdata}}"
            "<extra></extra>",
        )
    ends = [math.log10(sizes[0] / 1.15), math.log10(sizes[-1] * 1.15)]
    figure.update_xaxes(title="hidden size", type="log", tickvals=sizes, ticktext=sizes, range=ends)
    figure.update_yaxes(**_from_zero_or_marked(table[column], title), nticks=6)
    corner = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    return finish(figure, colors, SIZE, (56, 12, 24, 40), corner)


def of_cells(
    table: pl.DataFrame, across: str, column: str, title: str, form: str, colors: Theme
) -> go.Figure:
    """A number of each cell, by its name, against the size of its state or its parameters.

    across: the column of these, one of `ACROSS`.
    table: name, network (such as GRU [1,18]), these columns, signature, and of a recall low, high
    and untrained, which is hollow. A click on a point gives its network and its signature.
    """
    of_points = [[network, key] for network, key in table.select("network", "signature").rows()]
    recalls = column == "accuracy"
    figure, sizes = go.Figure(), table[across].to_list()
    if recalls:
        figure.add_scatter(
            x=sizes,
            y=table["untrained"].to_list(),
            mode="markers",
            marker={"size": 8, "symbol": "circle-open", "color": colors.faint},
            customdata=of_points,
            hovertemplate=f"<b>%{{customdata[0]}}</b>, untrained: %{{y:{form}}}<extra></extra>",
        )
    figure.add_scatter(
        x=sizes,
        y=table[column].to_list(),
        error_y=error_bars(table[column], table["low"], table["high"], 3) if recalls else None,
        mode="markers",
        customdata=of_points,
        marker={"size": 9, "color": colors.series[0]},
        hovertemplate=f"<b>%{{customdata[0]}}</b>, %{{x}} {ACROSS[across]}: "
        f"%{{y:{form}}}<extra></extra>",
    )
    points = table.select("name", pl.col(across).alias("x"), pl.col(column).alias("y")).drop_nulls()
    drawn = [table[column], *([table["untrained"]] if recalls else [])]
    heights = pl.concat([values.cast(pl.Float64) for values in drawn]).drop_nulls()
    _add_names(figure, points, (heights.max() - heights.min()) / 16)
    ends = [math.log10(min(sizes) / 3), math.log10(max(sizes) * 5)]
    ticks = _ticks(sizes, 10 ** ((ends[1] - ends[0]) / 12))
    figure.update_xaxes(title=ACROSS[across], type="log", tickvals=ticks, ticktext=ticks)
    figure.update_xaxes(range=ends)
    figure.update_yaxes(title=title, nticks=6, tickformat=".0%" if recalls else None)
    figure.update_layout(showlegend=False)
    return finish(figure, colors, STATE, (56, 12, 24, 40))


def _ticks(values: Sequence[int], least: float) -> list[int]:
    """Those values, from the smallest on, that are at least so many times the one before."""
    ticks: list[int] = []
    for value in sorted(values):
        if not ticks or value >= least * ticks[-1]:
            ticks.append(value)
    return ticks


def _add_names(figure: go.Figure, points: pl.DataFrame, gap: float) -> None:
    """The name of each point: of points whose x is near, half at the left and half at the right.

    points: name, x, y. gap: the least between two names above each other.
    """
    far = (pl.col("x").log(2).diff() > 2).fill_null(False)
    groups = points.sort("x", "y").with_columns(far.cum_sum().alias("group"))
    for group in groups.partition_by("group"):
        half = (group.height + 1) // 2
        left, right = (part.sort("y") for part in (group[:half], group[half:]))
        for rows, side, shift in ((left, "middle left", 1 / 1.08), (right, "middle right", 1.08)):
            figure.add_scatter(
                x=(rows["x"] * shift).to_list(),
                y=_apart(rows["y"].to_list(), gap),
                mode="text",
                text=rows["name"].to_list(),
                textposition=side,
                hoverinfo="skip",
            )


def _apart(values: Sequence[float], gap: float) -> list[float]:
    """Ascending values at least `gap` apart, around the same mean."""
    moved: list[float] = []
    for value in values:
        moved.append(max(value, moved[-1] + gap) if moved else value)
    shift = (sum(moved) - sum(values)) / max(len(values), 1)
    return [value - shift for value in moved]


def targets(
    table: pl.DataFrame, lags: int, colors: Theme, names: Iterable[str] = curves.DASHES
) -> go.Figure:
    """Recall by lag of what one network is asked for, a pane each target.

    table: target, labels, lag, accuracy, low, high, majority, current, untrained, and parts, the
    product of the recalls of an n-gram's symbols. names: of the floors to draw.
    """
    lines = {}
    for target in table["target"].unique(maintain_order=True):
        rows = _rows(table, {"target": target})
        parts = rows.drop_nulls("parts").with_columns(accuracy="parts")
        of_parts = curves.Curve(PARTS, parts, colors.second, dash="dashdot", thin=True)
        lines[f"<b>{target}</b>, {rows['labels'].max()} labels"] = [
            curves.Curve("trained", rows, colors.accent),
            *curves.floors(rows, colors, names),
            *([of_parts] if parts.height else []),
        ]
    figure = curves.recall(lines, (1, lags), colors, RECALL, BELOW)
    figure.update_xaxes(title_text="lag")
    # The legend has the lines of the first pane, and symbols have no parts.
    for trace in list(figure.select_traces({"name": PARTS}))[:1]:
        trace.showlegend = True
    return figure


def above_guess(table: pl.DataFrame, lags: int, colors: Theme) -> go.Figure:
    """Of what the best guess gets wrong the share that is recalled, by lag, a line each target.

    table: target, lag, above.
    """
    figure = go.Figure()
    every = table["target"].unique(maintain_order=True)
    for target, color, mark in zip(every, (*colors.series, colors.text), MARKS, strict=False):
        rows = _rows(table, {"target": target})
        figure.add_scatter(
            x=rows["lag"].to_list(),
            y=rows["above"].to_list(),
            name=target,
            mode="lines+markers",
            line={"color": color, "width": 2},
            marker={"size": 6, "symbol": mark},
            hovertemplate="%{y:.1%}",
        )
    figure.add_hline(y=0, line={"color": colors.faint, "width": 1})
    figure.update_xaxes(title="lag (symbols ago, or words)", dtick=1, range=[0.8, lags + 0.2])
    figure.update_yaxes(title="of what a guess gets wrong", tickformat=".0%")
    figure.update_layout(hovermode="x unified")
    corner = {"x": 1, "xanchor": "right", "y": 1.02, "yanchor": "top"}
    return finish(figure, colors, STATE, (56, 12, 24, 40), corner)


def _from_zero_or_marked(values: pl.Series, title: str) -> dict[str, str]:
    """A vertical axis that starts at zero, or says in its title that it does not.

    It starts there where the smallest value is below a quarter of the largest.
    """
    low, high = (float(end or 0.0) for end in (values.min(), values.max()))
    if low < high / 4:
        return {"title": title, "rangemode": "tozero"}
    return {"title": f"{title} (not from 0)"}


def deeper(table: pl.DataFrame, cells: Sequence[str], lags: int, colors: Theme) -> go.Figure:
    """What decoders twice as deep recall more, in points, by lag.

    table: cell, layer, lag, plain, deeper, difference, low, high.
    """
    figure = panes(_titles(cells), colors)
    layers = table["layer"].unique().sort().to_list()
    gains = table.with_columns((pl.col("difference", "low", "high") * 100).name.suffix("_points"))
    for number, cell in enumerate(cells, start=1):
        for place, layer in enumerate(layers):
            rows = _rows(gains, {"cell": cell, "layer": layer}).sort("lag")
            aside = 0.22 * (place - (len(layers) - 1) / 2)
            ends = rows["low_points"], rows["high_points"]
            figure.add_scatter(
                x=[lag + aside for lag in rows["lag"]],
                y=rows["difference_points"].to_list(),
                error_y=error_bars(rows["difference_points"], *ends, 0),
                mode="markers",
                name=f"layer {layer}",
                marker={"size": 7, "symbol": MARKS[place], "color": colors.series[place]},
                customdata=rows.select("lag", "plain", "deeper").rows(),
                hovertemplate=f"<b>{cell_label(cell)} layer {layer}</b>, %{{customdata[0]}} ago: "
                "<b>%{y:+.1f} points</b><br>%{customdata[1]:.1%} plain, %{customdata[2]:.1%} "
                "twice as deep<extra></extra>",
                legendgroup=layer,
                showlegend=number == 1,
                row=1,
                col=number,
            )
    figure.add_hline(y=0, line={"color": colors.faint, "width": 1})
    figure.update_xaxes(dtick=1 if lags <= 10 else 2, range=[0.5, lags + 0.5], title="lag")
    figure.update_yaxes(nticks=7)
    figure.update_yaxes(title="points", col=1)
    return finish(figure, colors, DEEPER, (50, 8, 26, 62), BELOW | {"y": -0.2})


def _titles(cells: Sequence[str]) -> list[str]:
    return [f"<b>{cell_label(cell)}</b>" for cell in cells]


def _rows(table: pl.DataFrame, values: Row) -> pl.DataFrame:
    """The rows with these values, by lag where they have one."""
    rows = table.filter(*(pl.col(name) == value for name, value in values.items()))
    return rows.sort("lag") if "lag" in rows.columns else rows


def _text(row: Row) -> str:
    return f"{row['title']}, {row['lag']} ago: {recall_text(row)}"
