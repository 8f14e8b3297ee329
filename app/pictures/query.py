"""The picture of any table, as the SQL page draws it."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from app.pictures.look import BELOW, Theme, finish, printable

GROUPS = 8  # colors: those of things compared, and as many more
MORE_SERIES = ("#c0447f", "#3b78c3", "#8b8680", "#8a5a33")
MODES = {"line": "lines+markers", "points": "markers"}


def chart(
    table: pl.DataFrame, x: str, y: str, by: str | None, mark: str, colors: Theme
) -> go.Figure:
    """A column over another as lines, bars or points, a color for each value of `by`.

    mark: 'line', 'bars' or 'points'. Only the first GROUPS values are drawn; the title of the
    legend says so.
    """
    groups = table[by].unique(maintain_order=True).to_list() if by else [None]
    figure = go.Figure()
    for group, color in zip(groups, (*colors.series, *MORE_SERIES), strict=False):
        part = table.filter(pl.col(by).eq_missing(group)) if by else table
        if mark == "line":
            part = part.sort(x, nulls_last=True)
        name = "" if group is None else f"{group:g}" if isinstance(group, float) else str(group)
        across = part[x] if part[x].dtype.is_numeric() else part[x].cast(pl.String)
        name = name if name == name.strip() else printable(name)  # a space that nobody would see
        values = {"x": across.to_list(), "y": part[y].to_list(), "name": name}
        if mark == "bars":
            figure.add_bar(**values, marker_color=color)
        else:
            look = {"marker": {"color": color, "size": 6}, "line": {"width": 2}}
            figure.add_scatter(**values, mode=MODES[mark], **look)
    cut = f", the first {GROUPS} of {len(groups)}" if len(groups) > GROUPS else ""
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    figure.update_layout(legend_title=f"{by or ''}{cut}")
    return finish(figure, colors, 400, (60, 8, 24, 44), BELOW if by else None)
