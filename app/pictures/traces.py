"""What plotly calls traces, drawn by matplotlib: points, lines, bands, bars, heat maps."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from plotly.colors import sample_colorscale

from app.pictures.look import on_white

Colors = tuple[Colormap, Normalize]
Ink = tuple[float, float, float, float]  # red, green, blue, opacity
UNSEEN = 0.01  # an opacity below which a trace only takes clicks
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (9, 4))}
LINES = {"cross-thin": "+", "line-ew": "_"}  # without an area
MARKERS = {
    **{"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "X", "cross": "P"},
    **{"star": "*", "hexagon": "h"},
    **LINES,
}
SIDES = {"left": "right", "right": "left", "center": "center"}  # of a point; which end of a text
MANY_CELLS = 5000  # of a heat map, which then is pixels in a vector file too


@dataclass(frozen=True)
class Plot:
    """A pair of axes. x_names, y_names: the places of categories by name.

    pixel: in points; mark: a pixel of marks and of gaps between cells, smaller in a narrow picture.
    bars: how many bar traces stand side by side; gap: the share of a bar's width that is left free.
    """

    axes: Axes
    pixel: float
    mark: float
    x_names: Mapping[Any, int]
    y_names: Mapping[Any, int]
    bars: int
    gap: float

    def x(self, values: Sequence[Any]) -> np.ndarray:
        return numbers(values, self.x_names)

    def y(self, values: Sequence[Any]) -> np.ndarray:
        return numbers(values, self.y_names)


def numbers(values: Sequence[Any], names: Mapping[Any, int]) -> np.ndarray:
    """Values as floats, categories by their place; NaN where there is none."""
    placed = [names.get(value) for value in values] if names else values
    return np.array([np.nan if value is None else value for value in placed], dtype=float)


@cache
def ink(color: str, opacity: float = 1.0) -> Ink:
    """A color of plotly, of the dark theme too, as it is on white paper."""
    color = on_white().get(color, color)
    if found := re.fullmatch(r"rgba?\((.*)\)", color):
        red, green, blue, *alpha = (float(part) for part in found[1].split(","))
        return red / 255, green / 255, blue / 255, (alpha[0] if alpha else 1.0) * opacity
    red, green, blue, alpha = to_rgba(color)
    return red, green, blue, alpha * opacity


def colors_of(scale: Sequence[Sequence[Any]], low: float, high: float) -> Colors:
    """A color scale of plotly and its ends."""
    white = [[at, on_white().get(color, color)] for at, color in scale]
    steps = sample_colorscale(white, np.linspace(0, 1, 512).tolist())
    return ListedColormap([ink(step) for step in steps]), Normalize(low, high)


def plain(text: Any) -> str:
    """A text of plotly without its HTML; ends of lines stay."""
    lines = re.sub(r"<br\s*/?>", "\n", str(text))
    return html.unescape(re.sub(r"</?(b|i|sup|sub|span)\b[^>]*>", "", lines))


def weight(text: Any) -> str:
    """Bold where the text begins so."""
    return "bold" if str(text).lstrip().startswith("<b>") else "normal"


def seen(trace: Any) -> bool:
    """Whether a trace is drawn: not one that is switched off or only takes clicks."""
    opacity = trace.marker.opacity if trace.type == "scatter" else None
    clicks = isinstance(opacity, int | float) and opacity < UNSEEN
    return trace.visible in (None, True) and not clicks


def draw(pane: Plot, trace: Any, axis_colors: Colors | None, bar: int) -> None:
    """Draw a trace. axis_colors: of the color axis; bar: its number among the bar traces."""
    if trace.type == "scatter":
        _scatter(pane, trace)
    elif trace.type == "bar":
        _bars(pane, trace, bar)
    elif trace.type == "histogram":
        _histogram(pane, trace)
    elif trace.type == "heatmap":
        _heat(pane, trace, axis_colors if trace.coloraxis and axis_colors else _own(trace))
    else:
        raise ValueError(f"no way to draw a trace of type {trace.type}")


def in_legend(trace: Any, pixel: float) -> Artist:
    """What stands for a trace in the legend."""
    if trace.type == "bar":
        return Patch(color=_first(trace.marker.color), label=plain(trace.name))
    mode, symbol = trace.mode or "lines", str(trace.marker.symbol or "circle")
    color = _first(trace.marker.color or trace.line.color)
    return Line2D(
        *([], []),
        color=_first(trace.line.color) if trace.line.color else color,
        linestyle=DASHES[trace.line.dash or "solid"] if "lines" in mode else "none",
        linewidth=(trace.line.width or 2) * pixel,
        marker=MARKERS[symbol.removesuffix("-open")] if "markers" in mode else "none",
        markersize=(trace.marker.size or 6) * pixel,
        markeredgecolor=color,
        markerfacecolor="none" if symbol.endswith("-open") else color,
        label=plain(trace.name),
    )


def _first(color: Any) -> Ink:
    return ink(color if isinstance(color, str) else color[0])


def _own(trace: Any) -> Colors:
    """The colors of a heat map that has no color axis."""
    z = [value for value in np.ravel(trace.z).tolist() if value is not None]
    low, high = min(z, default=0.0), max(z, default=1.0)
    low = low if trace.zmin is None else trace.zmin
    return colors_of(trace.colorscale, low, high if trace.zmax is None else trace.zmax)


def _scatter(pane: Plot, trace: Any) -> None:
    x, y, mode = pane.x(trace.x), pane.y(trace.y), trace.mode or "lines"
    if trace.fill == "toself":
        color = ink(trace.fillcolor, trace.opacity or 1.0)
        pane.axes.fill(x, y, color=color, linewidth=0, zorder=2)
        return
    if "lines" in mode:
        pane.axes.plot(
            x,
            y,
            color=_first(trace.line.color or trace.marker.color),
            linewidth=(trace.line.width or 2) * pane.pixel,
            linestyle=DASHES[trace.line.dash or "solid"],
            zorder=3,
        )
    if trace.error_y.array is not None:
        _error_bars(pane, trace, x, y, _first(trace.marker.color or trace.line.color))
    if "markers" in mode:
        _markers(pane, trace, x, y)
    if "text" in mode:
        _texts(pane, trace, x, y)


def _markers(pane: Plot, trace: Any, x: np.ndarray, y: np.ndarray) -> None:
    marker, symbol = trace.marker, str(trace.marker.symbol or "circle")
    given = marker.color or trace.line.color
    opacity = 1.0 if marker.opacity is None else marker.opacity
    colors = [ink(one, opacity) for one in ([given] if isinstance(given, str) else given)]
    is_open = symbol.endswith("-open")
    edge = colors if is_open or not marker.line.color else [ink(marker.line.color)]
    width = marker.line.width or (1 if is_open else 0)
    pane.axes.scatter(
        x,
        y,
        s=((marker.size or 6) * pane.mark) ** 2,
        marker=MARKERS[symbol.removesuffix("-open")],
        facecolors="none" if is_open else colors,
        edgecolors=None if symbol in LINES else edge,
        linewidths=width * pane.mark,
        clip_on=trace.cliponaxis is not False,
        zorder=4,
    )


def _texts(pane: Plot, trace: Any, x: np.ndarray, y: np.ndarray) -> None:
    vertical, horizontal = (trace.textposition or "middle center").split(" ")
    size, color = trace.textfont.size or 12, trace.textfont.color or "#2f2d2b"
    for place, text in enumerate(trace.text):
        pane.axes.text(
            x[place],
            y[place],
            plain(text),
            fontweight=weight(text),
            fontsize=(size if isinstance(size, int | float) else size[place]) * pane.pixel,
            color=ink(color if isinstance(color, str) else color[place]),
            ha=SIDES[horizontal],
            va={"middle": "center", "top": "bottom", "bottom": "top"}[vertical],
            zorder=5,
        )


def _error_bars(pane: Plot, trace: Any, x: np.ndarray, y: np.ndarray, color: Ink) -> None:
    bars = trace.error_y
    above = numbers(bars.array, {})
    below = above if bars.arrayminus is None else numbers(bars.arrayminus, {})
    pane.axes.errorbar(
        x,
        y,
        yerr=np.maximum(np.nan_to_num(np.stack([below, above])), 0),
        fmt="none",
        ecolor=ink(bars.color) if bars.color else color,
        elinewidth=(bars.thickness or 2) * pane.pixel,
        capsize=(bars.width or 0) * pane.pixel,
        zorder=3,
    )


def _bars(pane: Plot, trace: Any, number: int) -> None:
    x, y = pane.x(trace.x), np.nan_to_num(pane.y(trace.y))
    step = float(np.diff(np.unique(x)).min()) if len(np.unique(x)) > 1 else 1.0
    width = step * (1 - pane.gap) / pane.bars
    x = x + width * (number - (pane.bars - 1) / 2)
    given = trace.marker.color
    colors = [ink(one) for one in ([given] if isinstance(given, str) else given)]
    pane.axes.bar(x, y, width, color=colors, zorder=2)
    if trace.error_y.array is not None:
        _error_bars(pane, trace, x, y, ink("#444444"))


def _histogram(pane: Plot, trace: Any) -> None:
    bins = trace.xbins
    edges = np.arange(bins.start, bins.end + bins.size / 2, bins.size)
    counts, _ = np.histogram(pane.x(trace.x), edges)
    middle, width = edges[:-1] + bins.size / 2, bins.size * (1 - pane.gap)
    pane.axes.bar(middle, counts, width, color=_first(trace.marker.color), zorder=2)


def _heat(pane: Plot, trace: Any, colors: Colors) -> None:
    z = np.array([numbers(line, {}) for line in trace.z])
    down, across = z.shape
    x = (
        np.arange(across) * (trace.dx or 1) + (trace.x0 or 0)
        if trace.x is None
        else pane.x(trace.x)
    )
    y = np.arange(down) * (trace.dy or 1) + (trace.y0 or 0) if trace.y is None else pane.y(trace.y)
    gap = max(trace.xgap or 0, trace.ygap or 0)
    pane.axes.pcolormesh(
        _edges(x),
        _edges(y),
        np.ma.masked_invalid(z),
        cmap=colors[0],
        norm=colors[1],
        edgecolors="white" if gap else "face",
        linewidth=gap * pane.mark if gap else 0,
        rasterized=z.size > MANY_CELLS,
        zorder=1,
    )
    form = re.fullmatch(r"%\{z:(.*)\}", trace.texttemplate or "")
    if form:
        size, color = trace.textfont.size * pane.pixel, ink(trace.textfont.color)
        for (row, column), value in np.ndenumerate(z):
            if np.isfinite(value):
                text = format(value, form[1])
                look = {"ha": "center", "va": "center", "fontsize": size, "color": color}
                pane.axes.text(x[column], y[row], text, **look)


def _edges(middles: np.ndarray) -> np.ndarray:
    """The borders of cells from their middles."""
    if len(middles) == 1:
        return np.array([middles[0] - 0.5, middles[0] + 0.5])
    between = (middles[1:] + middles[:-1]) / 2
    return np.concatenate([[2 * middles[0] - between[0]], between, [2 * middles[-1] - between[-1]]])


def categories(figure: go.Figure, letter: str, name: str) -> dict[Any, int]:
    """The categories of an axis by their place: in the order given, else as they come.

    letter: 'x' or 'y'; name: the axis as traces name it, such as 'x2'.
    """
    axis = figure.layout[f"{letter}axis{name[1:]}"]
    values = list(axis.categoryarray if axis.categoryarray is not None else ())
    for trace in figure.data:
        if (trace[f"{letter}axis"] or letter) == name and trace[letter] is not None:
            values += list(trace[letter])
    is_named = axis.type == "category" or any(isinstance(value, str) for value in values)
    return {value: place for place, value in enumerate(dict.fromkeys(values))} if is_named else {}
