"""What all pictures share: theme, scales, the color bar, legends, labels, the text of a hover.

Recall is drawn on the paper's scale, white = 0 % to dark purple = 100 %, the same in both themes;
everything around it (text, grid, lines) follows the theme.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from itertools import compress, pairwise
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.colors import make_colorscale, sample_colorscale
from plotly.subplots import make_subplots

from core.text import SYMBOLS

Row = dict[str, Any]
Scale = list[list[Any]]


def _scale(colors: str, at: Sequence[float] | None = None) -> Scale:
    """A color scale from low to high. at: where each color stands, evenly where not given."""
    scale: Scale = make_colorscale(colors.split(), at)
    return scale


PURPLE = _scale("#ffffff #efedf5 #dadaeb #bcbddc #9e9ac8 #807dba #6a51a3 #54278f #3f007d")
# The paper's green (Fig. 4): the lighter, the higher the recall.
GREEN = _scale("#00341a #005a2c #1b7c40 #3a9e57 #63b871 #92cf95 #bde2b8 #dff2da #f9fdf7")
# Blue where the second of two remembers more, over white to red where the first does (Fig. 5).
RED_BLUE = _scale(
    "#08306b #2166ac #6baed6 #d6e6f4 #ffffff #fde0d2 #f4886c #c22b2d #67000d",
    (0.0, 0.12, 0.3, 0.45, 0.5, 0.55, 0.7, 0.88, 1.0),
)
TEAL = _scale("#ffffff #d9efec #aadbd5 #79c3be #45a6a3")
# Of an ordered series on the ground of the dark theme, from strong to faint.
ON_DARK = _scale("#f5f1ff #e6dcfb #d5c4f6 #c2a9f0 #ac8fe3 #9576d3 #7d5fbe #6a4ca8 #573b90")
SCALE_ENDS = (0.1, 0.25, 0.5, 0.75, 1.0)
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "hexagon")
SELECTED = "#e8590c"  # the outline of what is clicked
# What needs no memory; an untrained network remembers, and says what training does.
GUESSES = ("majority", "current", "recent")
CONTROLS = (*GUESSES, "untrained")
FONT = "'Source Sans', 'Source Sans Pro', Inter, 'Helvetica Neue', Arial, sans-serif"
TOP = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
BELOW = {"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"}


@dataclass(frozen=True)
class Theme:
    """The colors of a theme.

    card: the ground of a hover; paper: of a saved picture; series: of things compared.
    """

    text: str
    faint: str
    grid: str
    accent: str
    second: str
    card: str
    paper: str
    series: tuple[str, ...]


LIGHT = Theme(
    "#2f2d2b",
    "#8b8680",
    "#e6e4e1",
    "#5b3a9b",
    "#c2571a",
    "#ffffff",
    "rgba(0,0,0,0)",
    ("#5b3a9b", "#c2571a", "#0b8a8f", "#6b7d12"),
)
# Light text on a transparent ground cannot be read outside the app: dark pictures have a ground.
DARK = Theme(
    "#e4e1de",
    "#948f88",
    "#3a3733",
    "#b79df0",
    "#f2a56d",
    "#2d2b27",
    "#171614",
    ("#b79df0", "#f2a56d", "#54c6c9", "#b9cc5a"),
)


def theme(name: str | None) -> Theme:
    """The theme as Streamlit names its kind ('light', 'dark' or unknown)."""
    return DARK if name == "dark" else LIGHT


def shades(count: int, colors: Theme) -> list[str]:
    """Colors of an ordered series, from faint to strong on the ground of the theme."""
    first, last = (0.92, 0.25) if colors == DARK else (0.4, 1.0)
    steps = [first + (last - first) * place / max(count - 1, 1) for place in range(count)]
    return [str(c) for c in sample_colorscale(ON_DARK if colors == DARK else PURPLE, steps)]


@cache
def on_white() -> dict[str, str]:
    """The colors of the dark theme, each with the one that the light theme has instead."""
    pairs = dict(zip(DARK.series, LIGHT.series, strict=True))
    pairs |= dict(zip(astuple(DARK)[:-1], astuple(LIGHT)[:-1], strict=True))
    for count in range(1, 33):  # of an ordered series
        pairs |= dict(zip(shades(count, DARK), shades(count, LIGHT), strict=True))
    return pairs


def color_axis(
    scale: Scale,
    low: float,
    high: float,
    ticks: Sequence[float] | None,
    form: str = ".0%",
    labels: Sequence[str] | None = None,
    title: str = "recall",
) -> dict[str, Any]:
    """A color axis from low to high with its color bar. form: the d3 format of its ticks."""
    bar = {"thickness": 9, "len": 1, "outlinewidth": 0, "x": 1.01, "xpad": 4, "tickformat": form}
    bar |= {
        "ticklabeloverflow": "allow",
        "tickvals": ticks,
        "ticktext": labels,
        "title": {"text": title, "side": "right"},
    }
    return {"colorscale": scale, "cmin": low, "cmax": high, "colorbar": bar}


def recall_colors(scale: Scale = PURPLE) -> dict[str, Any]:
    """The color axis of recall, 0 to 100 %."""
    return color_axis(scale, 0, 1, [0, 0.25, 0.5, 0.75, 1])


def scale_end(largest: float | None) -> float:
    """The end of a scale that holds the largest value: one of a few, so that scales compare."""
    return next((end for end in SCALE_ENDS if (largest or 0.0) <= end), SCALE_ENDS[-1])


def panes(titles: Sequence[str], colors: Theme, **more: Any) -> go.Figure:
    """A row of panes under their titles (HTML). more: for `make_subplots`."""
    figure = make_subplots(
        cols=max(len(titles), 1),
        subplot_titles=titles if any(titles) else None,
        **{"shared_yaxes": "all", "horizontal_spacing": 0.04} | more,
    )
    return figure.update_annotations(font_size=12, font_color=colors.text)


def add_band(
    figure: go.Figure,
    x: list[Any],
    low: pl.Series,
    high: pl.Series,
    color: str,
    opacity: float,
    **more: Any,
) -> None:
    """Add a band from low to high; where they are null, it has none."""
    both = low.is_not_null() & high.is_not_null()
    x, low, high = list(compress(x, both)), low.filter(both), high.filter(both)
    figure.add_scatter(
        x=x + x[::-1],
        y=high.to_list() + low.to_list()[::-1],
        fill="toself",
        fillcolor=color,
        opacity=opacity,
        mode="none",
        hoverinfo="skip",
        showlegend=False,
        **more,
    )


def finish(
    figure: go.Figure,
    colors: Theme,
    height: int,
    margin: tuple[int, int, int, int],
    legend: dict[str, Any] | None = None,
) -> go.Figure:
    """Give a figure its theme and size, the last step of every picture.

    height and margin (left, right, top, bottom) in pixels; legend: its place, None for no legend.
    """
    axis = {
        "gridcolor": colors.grid,
        "zeroline": False,
        "linecolor": colors.grid,
        "title_standoff": 6,
        "title_font_size": 12,
        "automargin": False,
        # Plotly would measure every label to hide those that overflow (docs/log.md).
        "ticklabeloverflow": "allow",
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    clear = "rgba(0,0,0,0)"
    font = {"family": FONT, "size": 12, "color": colors.text}
    return figure.update_layout(
        height=height,
        margin=dict(zip("lrtb", margin, strict=True)),
        showlegend=legend is not None,
        paper_bgcolor=colors.paper,
        plot_bgcolor=clear,
        font=font,
        legend={"bgcolor": clear, "traceorder": "normal", "font_size": 11} | (legend or {}),
        modebar={"bgcolor": clear, "color": colors.faint, "activecolor": colors.accent},
        hoverlabel={"font": font, "bgcolor": colors.card, "bordercolor": colors.faint},
    )


def toolbar(zooms: bool = False) -> dict[str, Any]:
    """Plotly's configuration. zooms: a double click, or a button, shows all of a picture again."""
    return {
        "displaylogo": False,
        "displayModeBar": zooms,
        "modeBarButtons": [["resetScale2d"]],
        "doubleClick": "reset" if zooms else False,
    }


def file_name(*parts: object) -> str:
    """A file name without its ending: the parts in lower case, joined by hyphens."""
    words = "-".join(str(part) for part in parts).lower()
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in words)


def printable(symbol: str) -> str:
    """A symbol, or several, as a label: a space is drawn as an open box."""
    return str(symbol).replace(" ", "␣")


def in_order(
    table: pl.DataFrame, column: str = "symbol", symbols: Sequence[str] = SYMBOLS
) -> pl.DataFrame:
    """The rows in the order of the alphabet: a–z, space, punctuation, special symbols.

    symbols: of another alphabet. Labels of other targets, such as bigrams, follow in the order of
    their letters. Symbols of another network, which are numbers, are in their own order.
    """
    if table.schema[column].is_numeric():
        return table.sort(column)
    order = pl.col(column).replace_strict(
        symbols, range(len(symbols)), default=len(symbols), return_dtype=pl.Int64
    )
    return table.sort(order, column)


def right_to_left(text: str) -> bool:
    """Whether a text is written from the right: its first letter says so."""
    sides = (unicodedata.bidirectional(character) for character in text)
    return next((side for side in sides if side in ("L", "R", "AL")), "L") != "L"


def shorten(name: str, most: int) -> str:
    """A name of at most so many characters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def points(value: float, digits: int = 0) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.{digits}f} points".replace("-", "−") if value else "0 points"


def error_bars(values: pl.Series, low: pl.Series, high: pl.Series, width: float) -> dict[str, Any]:
    """Bars from low to high around each value. width: of their ends, in pixels."""
    above, below = (high - values).to_list(), (values - low).to_list()
    bars = {"type": "data", "symmetric": False, "thickness": 1.3, "width": width}
    return bars | {"array": above, "arrayminus": below}


def spacing(lags: Iterable[float]) -> float:
    """From one lag to the next: 1, or of units of sound the frames of a step of the recognizer."""
    return min((after - lag for lag, after in pairwise(sorted(set(lags)))), default=1)


def lag_text(row: Row) -> str:
    """Which symbol a decoder names: '3 ago', '2 ahead'; of speech the mean milliseconds too."""
    lag = row["lag"]
    place = f"{lag} ago" if lag > 0 else f"{-lag} ahead" if lag else "this one"
    return place if row.get("ms") is None else f"{place} ({abs(row['ms']):.0f} ms)"


def recall_text(row: Row) -> str:
    """A recall, its interval, count and precision, and what others reach, as far as known."""
    known = {name: value for name, value in row.items() if value is not None}
    text = f"<b>{row['accuracy']:.1%}</b>"
    if "low" in known:
        text += f" ({row['low']:.1%} to {row['high']:.1%})"
    text += f"<br>n {row['n']:,}"
    if known.get("seeds", 1) > 1:
        text += f" × {row['seeds']} seeds"
    if "precision" in known:
        text += f", precision {row['precision']:.1%}"
    if others := [f"{name} {row[name]:.1%}" for name in CONTROLS if name in known]:
        text += f"<br>{', '.join(others)}"
    return text


def cell_text(row: Row) -> str:
    """What hovering over a cell says. row: symbol, lag, and what `recall_text` takes."""
    below = ""
    if row.get("guess"):
        few = row["low"] is None
        below = f"<br>{'too few segments to tell' if few else 'no better than a guess'}"
    return f"<b>{printable(row['symbol'])}</b>, {lag_text(row)}: {recall_text(row)}{below}"
