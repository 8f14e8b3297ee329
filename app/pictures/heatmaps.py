"""Heat maps of recall: symbols across, lags down; alone, side by side, subtracted, in small.

Compared signatures go by letters, A to D, in the order in which they are pinned; a letter has one
color and one mark in all pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from app.pictures.grids import (
    Cells,
    by_lag,
    clicks,
    column_axis,
    grid,
    guess_rings,
    heat,
    lag_axis,
    not_yet,
    recall,
    ring_key,
    row_axis,
    symbol_axis,
)
from app.pictures.look import (
    PURPLE,
    RED_BLUE,
    TEAL,
    Row,
    Scale,
    Theme,
    cell_text,
    color_axis,
    finish,
    in_order,
    lag_text,
    points,
    printable,
    recall_colors,
    recall_text,
    scale_end,
    shorten,
)
from core.text import SYMBOLS

LETTERS = "ABCD"
HEIGHT = 470  # of the signature, in pixels: the same for every Δ, so that nothing jumps
SIDE = {1: 400, 2: 400, 3: 360, 4: 640}  # pixels, by the number of signatures
TITLE = {1: 90, 2: 58, 3: 36, 4: 58}  # characters of a title, by the same
UNDECIDED = "#cfccc7"  # a cell whose difference is within its interval
ON_RED_BLUE = "#2b2b2b"  # signs are seen on both ends of it
ON_TEAL = "#1d2a2b"  # numbers are legible on all of it


@dataclass(frozen=True)
class Pane:
    """A signature among others: its short name, its cells, and the rest of its title.

    cells: lag, symbol, n, accuracy, and of trained decoders recent, guess and guess_from_current,
    as `signature_matrix` has them; no rows where it is not computed yet.
    """

    short: str
    cells: pl.DataFrame
    name: str = ""


def signature(
    matrix: pl.DataFrame,
    forward: pl.DataFrame,
    colors: Theme,
    chosen: tuple[int, str] | None = None,
    symbols: Sequence[str] = SYMBOLS,
) -> go.Figure:
    """Fig. 1: recall by lag and symbol, and under it the forward accuracy by symbol.

    matrix: lag, symbol, n, accuracy, low, high, precision, majority, current, untrained, guess.
    forward: symbol, n, accuracy, low, high (no rows while it is not known).
    chosen: the (lag, symbol) of the outlined cell. symbols: the alphabet, in order.
    The last trace is the layer that takes clicks: its customdata is [lag, symbol].
    """
    cells = by_lag(matrix)
    ahead = {("next", row["symbol"]): row for row in forward.iter_rows(named=True)}
    symbols, lags = _axes([matrix.filter(pl.col("n") > 0)], symbols)
    upper, lower = {"row": 1, "col": 1}, {"row": 2, "col": 1}
    heights = [len(lags), 1]
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=heights, vertical_spacing=0.03)
    heat(figure, grid(cells, lags, symbols, recall), lags, **upper)
    text = grid(ahead, ["next"], symbols, _forward_text)
    heat(figure, grid(ahead, ["next"], symbols, recall), ["next"], text, **lower)
    guess_rings(figure, cells, symbols, **upper)
    keys = sorted(cells)
    places = [(symbols.index(symbol), lag) for lag, symbol in keys]
    text = [cell_text(cells[key]) for key in keys]
    clicks(figure, places, keys, text, chosen, 17, **upper)
    symbol_axis(figure, symbols, 12)
    figure.update_xaxes(showticklabels=False, **upper)
    figure.update_yaxes(showgrid=False, ticks="", **lower)
    row_axis(figure, lags, title="symbols ago", **upper)
    figure.update_layout(coloraxis=recall_colors())
    ring_key(figure, colors)
    return finish(figure, colors, HEIGHT, (46, 10, 24, 40))


def lettered(
    tables: Sequence[tuple[str, pl.DataFrame]],
    colors: Theme,
    height: int | None = None,
    *,
    scale: Scale = PURPLE,
    unit: str = "symbols",
    symbols: Sequence[str] = SYMBOLS,
) -> go.Figure:
    """Up to four signatures, each under its letter.

    tables: what each is called, and its cells as `Pane` has them.
    """
    count = len(tables)
    panes = [
        Pane(letter, cells, shorten(name, TITLE[count]))
        for letter, (name, cells) in zip(LETTERS, tables, strict=False)
    ]
    across, font = (2 if count == 4 else count), (9 if count == 3 else 11)
    height = height or SIDE[count]
    look = {"font": font, "scale": scale, "unit": unit, "symbols": symbols}
    return side_by_side(panes, across, height, colors, **look)


def side_by_side(
    panes: Sequence[Pane],
    across: int,
    height: int,
    colors: Theme,
    *,
    font: int = 11,
    scale: Scale = PURPLE,
    unit: str = "symbols",
    symbols: Sequence[str] = SYMBOLS,
) -> go.Figure:
    """Signatures on one scale, with linked axes: whatever is zoomed, all show it.

    Rings are by floors that all of them have. Hovering over a cell of one says what all of them
    recall of it.

    across: how many stand in a row. unit: 'graphemes' or 'frames' for speech, whose lags go below
    1.
    """
    down = math.ceil(len(panes) / across)
    symbols, lags = _axes([pane.cells.filter(pl.col("n") > 0) for pane in panes], symbols)
    figure = make_subplots(
        rows=down,
        cols=across,
        subplot_titles=[f"<b>{pane.short}</b>  {pane.name}".rstrip() for pane in panes],
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.02,
        vertical_spacing=0.16 / down,
    )
    figure.update_annotations(font_size=12, font_color=colors.text, yshift=-3)
    hover = "<b>{}</b> %{{text}}<extra></extra>"
    recent = share_recent([pane.cells for pane in panes])
    every = [by_lag(pane.cells if recent else _without_recent(pane.cells)) for pane in panes]
    others = [_beside(panes, every, number) for number in range(len(panes))]
    for number, (pane, cells) in enumerate(zip(panes, every, strict=True)):
        where = {"row": number // across + 1, "col": number % across + 1}
        z, text = (grid(cells, lags, symbols, of) for of in (recall, others[number]))
        heat(figure, z, lags, text, **where, hovertemplate=hover.format(pane.short))
        guess_rings(figure, cells, symbols, **where)
        if not cells:
            not_yet(figure, (len(symbols) - 1) / 2, (lags[0] + lags[-1]) / 2, colors, **where)
    tall = height / down  # of one pane
    symbol_axis(figure, symbols, font)
    if tall > 250:
        figure.update_xaxes(showticklabels=True)
    lag_axis(figure, lags, unit, colors, step=1 if tall >= 16 * len(lags) else 3)
    figure.update_layout(coloraxis=recall_colors(scale))
    ring_key(figure, colors)
    return finish(figure, colors, height, (46, 10, 28, 40))


def _beside(panes: Sequence[Pane], every: Sequence[Cells], number: int) -> Callable[[Row], str]:
    """What hovering over a cell of one pane says: its numbers, and what the others recall of it."""
    rest = [(panes[n].short, every[n]) for n in range(len(panes)) if n != number]

    def text(row: Row) -> str:
        key = (row["lag"], row["symbol"])
        recalls = [f"{short} {cells[key]['accuracy']:.1%}" for short, cells in rest if key in cells]
        return "<br>".join([cell_text(row), *([f"<i>{', '.join(recalls)}</i>"] if recalls else [])])

    return text


def share_recent(tables: Sequence[pl.DataFrame]) -> bool:
    """Whether all that have cells have the recent floor, so that rings can count it."""
    computed = [table for table in tables if table.height]
    return bool(computed) and all(
        "recent" in table.columns and table["recent"].count() for table in computed
    )


def _without_recent(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells as if the recent floor were not known."""
    if "recent" not in cells.columns:
        return cells
    return cells.with_columns(guess="guess_from_current").drop("recent")


def difference(
    table: pl.DataFrame,
    pair: str,
    end: float,
    colors: Theme,
    height: int = 340,
    *,
    unit: str = "symbols",
    chosen: tuple[int, str] | None = None,
    symbols: Sequence[str] = SYMBOLS,
) -> go.Figure:
    """The cells of one signature less those of another; gray where their order is open.

    A ring marks a cell in which both are no better than a guess. A sign stands in the others whose
    order is known, so that the colors are not needed.
    table: lag, symbol, a, b, difference, significant, n_a, n_b, guess. pair: the two letters.
    end: of the scale on both sides of zero; see `look.scale_end`. chosen: the (lag, symbol) of the
    outlined cell; with one, the last trace takes clicks.
    """
    symbols, lags = _axes([table], symbols)
    figure = make_subplots()
    gray = {"colorscale": [[0, UNDECIDED], [1, UNDECIDED]], "showscale": False, "coloraxis": None}
    for significant, look in ((False, gray), (True, {})):
        part = table.filter(pl.col("significant") == significant)
        cells = {(row["lag"], row["symbol"]): row for row in part.iter_rows(named=True)}
        text = grid(cells, lags, symbols, partial(_difference_text, pair))
        heat(figure, grid(cells, lags, symbols, itemgetter("difference")), lags, text, **look)
    _signs(figure, table.filter(pl.col("significant")), symbols)
    guess_rings(figure, by_lag(table.with_columns(n=pl.lit(1))), symbols)
    if chosen:
        rows = table.to_dicts()
        keys = [(row["lag"], row["symbol"]) for row in rows]
        places = [(symbols.index(symbol), lag) for lag, symbol in keys]
        clicks(figure, places, keys, [_difference_text(pair, row) for row in rows], chosen, 15)
    symbol_axis(figure, symbols, 11)
    lag_axis(figure, lags, unit, colors)
    ticks = [-end, -end / 2, 0, end / 2, end]
    digits = 1 if 50 * end % 1 else 0  # the half of 25 points is 12.5
    labels = [points(tick, digits).removesuffix(" points") for tick in ticks]
    figure.update_layout(coloraxis=color_axis(RED_BLUE, -end, end, ticks, "", labels, "points"))
    ring_key(figure, colors)
    return finish(figure, colors, height, (46, 10, 24, 40))


def _signs(figure: go.Figure, cells: pl.DataFrame, symbols: Sequence[str]) -> None:
    """A small plus where the first remembers more, a small minus where the second does."""
    for sign, part in (
        ("cross-thin", cells.filter(pl.col("difference") > 0)),
        ("line-ew", cells.filter(pl.col("difference") < 0)),
    ):
        figure.add_scatter(
            x=[symbols.index(symbol) for symbol in part["symbol"]],
            y=part["lag"].to_list(),
            mode="markers",
            marker={
                "symbol": sign,
                "size": 5,
                "color": ON_RED_BLUE,
                "line": {"width": 1.2, "color": ON_RED_BLUE},
            },
            hoverinfo="skip",
        )


def difference_note(table: pl.DataFrame, first: str, second: str) -> str:
    """What the colors of a difference mean and how many cells have each, as HTML.

    table: as `difference` takes it. first, second: what is subtracted from what, as HTML.
    """
    sure = table.filter(pl.col("significant"))
    more, guesses = sure.filter(pl.col("difference") > 0).height, int(table["guess"].sum())
    return (
        f"<b class='more'>Red, +</b>: {first} remembers more ({more} cells). "
        f"<b class='less'>Blue, −</b>: {second} does ({sure.height - more}). Gray: the difference "
        f"is within its 95 % interval ({table.height - sure.height - guesses}). A ring: both are "
        "no better than a guess, or it is the symbol that a guesser always answers; such cells "
        f"count in no difference ({guesses})."
    )


def distances(
    names: Sequence[str], matrix: Sequence[Sequence[float | None]], colors: Theme
) -> go.Figure:
    """How far apart signatures are, all with all; the rows and columns as they come.

    names: a short mark, such as a letter or a number, and a space before the rest.
    """
    count = len(names)
    end = scale_end(max((d for line in matrix for d in line if d is not None), default=0.0))
    figure = go.Figure()
    heat(
        figure,
        [list(line) for line in matrix],
        list(range(count)),
        [[f"{one}<br>{other}" for other in names] for one in names],
        texttemplate="%{z:.3f}" if count <= 10 else None,
        textfont={"size": 11, "color": ON_TEAL},
        hovertemplate="%{text}<br>distance <b>%{z:.3f}</b><extra></extra>",
    )
    font, labels = 12 if count <= 16 else 9, [shorten(name, 44) for name in names]
    marks = [name.split(" ", 1)[0] for name in names]
    column_axis(figure, marks, font, side="top")
    # In the narrowest window a column of sixty is four pixels wide, a mark of two digits sixteen.
    every = math.ceil(count / 15)
    figure.update_xaxes(tickvals=list(range(0, count, every)), ticktext=marks[::every])
    row_axis(figure, range(count), ticktext=labels, tickfont_size=font)
    figure.update_layout(coloraxis=color_axis(TEAL, 0, end, None, ".2f", title="distance"))
    left = 18 + round(0.53 * font * max(map(len, labels), default=1))
    height = max(260, min(24 * count, 660) + 60, 12 * count + 60)
    return finish(figure, colors, height, (left, 10, 40, 10))


def clustered(matrix: Sequence[Sequence[float | None]]) -> list[int]:
    """An order of the rows in which neighbors are alike: the leaves of average linkage.

    A missing distance counts as 1.
    """
    if len(matrix) < 2:
        return list(range(len(matrix)))
    filled = [[1.0 if value is None else value for value in line] for line in matrix]
    condensed = squareform(filled, checks=False)
    tree = hierarchy.linkage(condensed, "average", optimal_ordering=True)
    order: list[int] = hierarchy.leaves_list(tree).tolist()
    return order if order[0] <= order[-1] else order[::-1]


def _axes(tables: Sequence[pl.DataFrame], alphabet: Sequence[str]) -> tuple[list[str], list[int]]:
    """The symbols of these cells, in order, and their lags; all at lag 1 where there is none."""
    cells = pl.concat([table.select("lag", "symbol") for table in tables])
    symbols = in_order(cells.select("symbol").unique(), symbols=alphabet)["symbol"].to_list()
    return symbols or list(alphabet[:31]), sorted(cells["lag"].unique().to_list()) or [1]


def _forward_text(row: Row) -> str:
    symbol = printable(row["symbol"])
    return f"<b>{symbol}</b> predicted as the next symbol: {recall_text(row)}"


def _difference_text(pair: str, row: Row) -> str:
    first, second = pair
    text = (
        f"<b>{printable(row['symbol'])}</b>, {lag_text(row)}: "
        f"<b>{points(row['difference'], 1)}</b><br>{first} {row['a']:.1%} (n {row['n_a']:,}), "
        f"{second} {row['b']:.1%} (n {row['n_b']:,})"
    )
    if row["guess"]:
        return f"{text}<br>both may be guesses"
    return text if row["significant"] else f"{text}<br>within the 95 % interval of the difference"
