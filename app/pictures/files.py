"""A plotly figure as a PDF, an SVG or a PNG for a paper: on white, without selection marks.

Plotly itself writes files with a browser only. So matplotlib draws its traces, axes, notes, lines
and legend here, in the figure's own sizes: on paper, a pixel of the screen is 0.6 points.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import matplotlib
import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.transforms import Transform, blended_transform_factory

from app.pictures.look import LIGHT
from app.pictures.rulers import LETTER, PlotAxis
from app.pictures.traces import (
    DASHES,
    Colors,
    Plot,
    categories,
    colors_of,
    draw,
    in_legend,
    ink,
    plain,
    seen,
    weight,
)

FORMATS = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
WIDTHS = {"3.25 in": 3.25, "6.75 in": 6.75, "screen": 10.0}  # a column, a page, a slide
DPI = 300  # of a PNG
ON_PAPER, ON_SCREEN = 0.6, 0.75  # points of a pixel; from 8 in on it is no column any more
WIDE = 800  # pixels from which a picture has its full height
# Letters are embedded as TrueType, which publishers ask for, and in an SVG as outlines.
matplotlib.rcParams.update(
    {"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "memsig", "text.parse_math": False}
)


def save(figure: go.Figure, form: str, width: float, title: str = "") -> bytes:
    """The file of a picture.

    form: of FORMATS; width: in inches; title: plain text, whose lines after the first are lighter.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters of no font here
        page = _Page(figure, width, title)
        page.draw()
        out = io.BytesIO()
        no_date = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[form]
        facts = {"Title": title.replace("\n", ", ")} | no_date
        page.paper.savefig(out, format=form, dpi=DPI, facecolor="white", metadata=facts)
    return out.getvalue()


@dataclass
class _Page:
    """A picture on its way to paper; lengths in pixels of the screen."""

    figure: go.Figure
    inches: float
    title: str
    paper: Figure = field(default_factory=Figure)
    panes: dict[tuple[str, str], Plot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layout = self.figure.layout
        self.pixel = ON_PAPER if self.inches < 8 else ON_SCREEN
        self.width = self.inches * 72 / self.pixel
        FigureCanvasAgg(self.paper)
        self.left = min(layout.margin.l + 8, 0.4 * self.width)
        self.right = max(layout.margin.r, 10) + self._bar_width
        self.plot_width = self.width - self.left - self.right
        self.shrunk = min(1.0, max(0.6, self.width / WIDE))
        self.plot_height = (layout.height - layout.margin.t - layout.margin.b) * self.shrunk
        self.head = self._title_lines
        self.top = 16 * len(self.head) + self._above
        self.bottom = min(layout.margin.b, 42) + 4
        self.paper.set_size_inches(self.inches, 1)
        legend = self._legend()
        below = (
            legend.get_window_extent().height / self.paper.dpi * 72 / self.pixel if legend else 0
        )
        self.height = self.top + self.plot_height + self.bottom + below
        self.paper.set_size_inches(self.inches, self.height * self.pixel / 72)
        if legend:
            legend.set_bbox_to_anchor((0, 0, 1, 1), self.paper.transFigure)

    @cached_property
    def color_axis(self) -> Any:
        """The color axis, where one is used."""
        used = any(trace.type == "heatmap" and trace.coloraxis for trace in self.figure.data)
        return self.figure.layout.coloraxis if used else None

    @cached_property
    def colors(self) -> Colors | None:
        axis = self.color_axis
        return colors_of(axis.colorscale, axis.cmin, axis.cmax) if axis else None

    @property
    def _bar_labels(self) -> list[str]:
        bar = self.color_axis.colorbar
        if bar.tickvals is None:
            ends = np.linspace(self.color_axis.cmin, self.color_axis.cmax, 5)
            return [format(value, bar.tickformat or "") for value in ends]
        texts = bar.ticktext or [format(value, bar.tickformat or "g") for value in bar.tickvals]
        return [plain(text) for text in texts]

    @property
    def _bar_width(self) -> float:
        """The room of the color bar: itself, its numbers and its title."""
        if self.color_axis is None or self.color_axis.showscale is False:
            return 0
        return 22 + max(map(len, self._bar_labels)) * 12 * LETTER + 16

    @property
    def _title_lines(self) -> list[tuple[str, bool]]:
        """The title's lines, wrapped; whether each belongs to the first."""
        most = max(20, int(self.width / (12 * LETTER)))
        given = enumerate(self.title.split("\n")) if self.title else []
        return [(part, not n) for n, line in given for part in textwrap.wrap(line, most)]

    @property
    def _above(self) -> float:
        """The room above the panes: of their titles, or of an axis at the top."""
        notes = [note for note in self.figure.layout.annotations if note.yref == "paper"]
        if notes or any(axis.side == "top" for axis in self.figure.select_xaxes()):
            lines = max((self._wrapped(note).count("\n") for note in notes), default=0)
            return self.figure.layout.margin.t + 14 * lines
        return 10

    def _wrapped(self, note: Any) -> str:
        """The text of a pane's title, in two lines where one is too short and there is room."""
        spans = {tuple(axis.domain or (0, 1)) for axis in self.figure.select_xaxes()}
        share = min(high - low for low, high in spans) if spans else 1.0
        size = note.font.size or 12
        most = max(8, int(share * self.plot_width / (size * LETTER * 0.9)))
        lines = 2 if note.y > 0.99 else 1
        return textwrap.fill(plain(note.text), most, max_lines=lines, placeholder="…")

    def _legend(self) -> Legend | None:
        """The legend, below everything, with as many columns as there is room for."""
        if not self.figure.layout.showlegend:
            return None
        shown = [t for t in self.figure.data if seen(t) and t.showlegend is not False and t.name]
        handles = [in_legend(trace, self.pixel) for trace in {t.name: t for t in shown}.values()]
        for columns in range(len(handles), 0, -1):
            legend = self.paper.legend(
                handles=handles,
                loc="lower left",
                ncols=columns,
                frameon=False,
                fontsize=11 * self.pixel,
                title=plain(self.figure.layout.legend.title.text or "") or None,
                title_fontsize=11 * self.pixel,
                alignment="left",
                **{"borderaxespad": 0.3, "columnspacing": 1.2, "handlelength": 1.8},
            )
            if columns == 1 or legend.get_window_extent().width <= self.inches * self.paper.dpi:
                return legend
            legend.remove()
        return None

    def box(self, x: tuple[float, float], y: tuple[float, float]) -> Axes:
        """Axes over a part of the plotting area, given as shares from its lower left."""
        return self.paper.add_axes(
            (
                (self.left + x[0] * self.plot_width) / self.width,
                1 - (self.top + (1 - y[0]) * self.plot_height) / self.height,
                (x[1] - x[0]) * self.plot_width / self.width,
                (y[1] - y[0]) * self.plot_height / self.height,
            )
        )

    def draw(self) -> None:
        """Draw everything, from the back to the front."""
        for number, (line, first) in enumerate(self.head):
            self.paper.text(
                *(8 / self.width, 1 - (14 + 16 * number) / self.height),
                line,
                fontsize=(12 if first else 11) * self.pixel,
                fontweight="bold" if first else "normal",
                color=ink(LIGHT.text),
            )
        self.area = self.box((0, 1), (0, 1))
        self.area.set_axis_off()
        bars: dict[tuple[str, str], int] = defaultdict(int)
        for trace in filter(seen, self.figure.data):
            where = trace.xaxis or "x", trace.yaxis or "y"
            draw(self._pane(*where), trace, self.colors, bars[where])
            bars[where] += trace.type == "bar"
        for where in self.panes:
            self._dress(*where)
        self._share_ranges()
        for shape in self.figure.layout.shapes:
            self._line(shape)
        for note in self.figure.layout.annotations:
            self._note(note)
        if self._bar_width:
            self._color_bar()

    def _pane(self, x: str, y: str) -> Plot:
        """The pane of two axes, made when first needed."""
        if (x, y) not in self.panes:
            layout = self.figure.layout
            across, down = layout[f"xaxis{x[1:]}"], layout[f"yaxis{y[1:]}"]
            own = [t for t in self.figure.data if (t.xaxis or "x", t.yaxis or "y") == (x, y)]
            self.panes[x, y] = Plot(
                self.box(across.domain or (0, 1), down.domain or (0, 1)),
                self.pixel,
                self.pixel * self.shrunk,
                categories(self.figure, "x", x),
                categories(self.figure, "y", y),
                max(1, sum(trace.type == "bar" for trace in own)),
                0.2 if layout.bargap is None else layout.bargap,
            )
        return self.panes[x, y]

    def _dress(self, x: str, y: str) -> None:
        """Give a pane its ranges, grid, ticks and titles."""
        pane, layout = self.panes[x, y], self.figure.layout
        pane.axes.set_facecolor("none")
        pane.axes.set_axisbelow(True)
        for side in pane.axes.spines.values():
            side.set_visible(False)
        box = pane.axes.get_position()
        lengths = box.width * self.width, box.height * self.height
        most = 12 * min(1, self.left / layout.margin.l)  # long names beside a narrow picture
        PlotAxis(pane.axes, "x", layout, x, pane.x_names, self.pixel, lengths[0]).dress()
        PlotAxis(pane.axes, "y", layout, y, pane.y_names, self.pixel, lengths[1], most).dress()

    def _share_ranges(self) -> None:
        """Axes that go together have one range, also where the data set it."""
        for place, letter in enumerate("xy"):
            together = defaultdict(list)
            for names, pane in self.panes.items():
                axis = self.figure.layout[f"{letter}axis{names[place][1:]}"]
                if axis.range is None:
                    together[axis.matches or names[place]].append(pane.axes)
            for group in together.values():
                ends = [getattr(axes, f"get_{letter}lim")() for axes in group]
                if len(group) > 1 and all(low <= high for low, high in ends):
                    for axes in group:
                        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
                        getattr(axes, f"set_{letter}lim")(low, high)

    def _transform(self, x: str | None, y: str | None) -> Transform | None:
        """Where coordinates are measured: 'paper', an axis such as 'x2', or 'x2 domain'.

        None where nothing is drawn on such an axis.
        """
        parts = []
        for name in (x or "x", y or "y"):
            axis = name.removesuffix(" domain")
            axes = [pane.axes for names, pane in self.panes.items() if axis in names]
            if name == "paper":
                parts.append(self.area.transAxes)
            elif axes:
                parts.append(axes[0].transAxes if name != axis else axes[0].transData)
            else:
                return None
        return blended_transform_factory(*parts)

    def _line(self, shape: Any) -> None:
        if place := self._transform(shape.xref, shape.yref):
            self.area.plot(
                (shape.x0, shape.x1),
                (shape.y0, shape.y1),
                transform=place,
                color=ink(shape.line.color),
                linewidth=(shape.line.width or 2) * self.pixel,
                linestyle=DASHES[shape.line.dash or "solid"],
                scalex=False,
                scaley=False,
                clip_on=False,
            )

    def _note(self, note: Any) -> None:
        if place := self._transform(note.xref, note.yref):
            lower = (note.yshift or 0) / self.plot_height if note.yref == "paper" else 0
            self.area.text(
                note.x,
                note.y + lower,
                self._wrapped(note) if note.xref == note.yref == "paper" else plain(note.text),
                transform=place,
                fontsize=(note.font.size or 12) * self.pixel,
                fontweight=weight(note.text),
                color=ink(note.font.color or LIGHT.text),
                rotation=-(note.textangle or 0),
                ha=note.xanchor if note.xanchor in ("left", "right") else "center",
                va=note.yanchor if note.yanchor in ("bottom", "top") else "center",
            )

    def _color_bar(self) -> None:
        bar = self.color_axis.colorbar
        low = bar.y or 0 if bar.yanchor == "bottom" else 0
        beside = 1 + 10 / self.plot_width, 1 + 19 / self.plot_width
        axes = self.box(beside, (low, low + (1 if bar.len is None else bar.len)))
        cmap, norm = self.colors
        drawn = self.paper.colorbar(ScalarMappable(norm, cmap), cax=axes)
        drawn.outline.set_visible(False)
        at = np.linspace(norm.vmin, norm.vmax, 5) if bar.tickvals is None else bar.tickvals
        drawn.set_ticks(list(at), labels=self._bar_labels)
        axes.tick_params(length=0, labelsize=11 * self.pixel, labelcolor=ink(LIGHT.text))
        text = plain(bar.title.text or "")
        drawn.set_label(text, fontsize=11 * self.pixel, color=ink(LIGHT.text))
