"""An axis of plotly, drawn by matplotlib: its range, grid, numbers and title."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    MultipleLocator,
    NullLocator,
)

from app.pictures.look import LIGHT
from app.pictures.traces import ink, numbers, plain

LETTER = 0.6  # how wide a letter is, of the size of its font


@dataclass
class PlotAxis:
    """One axis of a pane.

    letter: 'x' or 'y'; name: as traces name it, such as 'x2'; names: the places of categories;
    pixel: in points; length: of the axis, most: the largest font of its numbers, both in pixels.
    """

    axes: Axes
    letter: str
    layout: Any
    name: str
    names: Mapping[Any, int]
    pixel: float
    length: float
    most: float = 20

    def dress(self) -> None:
        """Draw it."""
        axis = self._described(self.name)
        self._set_range(axis, axis.range or (axis.matches and self._described(axis.matches).range))
        if axis.visible is False:
            self._part("get_{}axis")().set_visible(False)
            return
        if axis.showgrid is not False and not self.names:
            self.axes.grid(True, axis=self.letter, color=ink(LIGHT.grid), linewidth=self.pixel)
        self._number(axis)
        text, size = plain(axis.title.text or ""), axis.title.font.size or 12
        size = min(size, self.length / (LETTER * max(len(text), 1)))
        look = {"fontsize": size * self.pixel, "color": ink(LIGHT.text)}
        self._part("set_{}label")(text, labelpad=4 * self.pixel, **look)

    def _described(self, name: str) -> Any:
        """An axis of the figure as plotly describes it."""
        return self.layout[f"{self.letter}axis{name[1:]}"]

    def _part(self, method: str) -> Any:
        """A method of matplotlib's axes that has the axis in its name."""
        return getattr(self.axes, method.format(self.letter))

    def _set_range(self, axis: Any, ends: Sequence[float] | None) -> None:
        if axis.type == "log":
            self._part("set_{}scale")("log")
        if ends:
            self._part("set_{}lim")(*((10.0**e for e in ends) if axis.type == "log" else ends))
        elif self.names:
            self._part("set_{}lim")(-0.5, len(self.names) - 0.5)
        elif axis.rangemode == "tozero" and axis.type != "log":
            self._part("set_{}lim")(0, None)
        if axis.autorange == "reversed":
            self._part("invert_{}axis")()

    def _number(self, axis: Any) -> None:
        """Draw the numbers, or the texts that stand for them, small enough to stand apart."""
        shown, size = axis.showticklabels is not False, min(axis.tickfont.size or 12, self.most)
        at, labels = axis.tickvals, axis.ticktext
        if at is None and self.names:
            at, labels = list(self.names.values()), list(self.names)
        ruler = self._part("get_{}axis")()
        ruler.set_minor_locator(NullLocator())
        if at is None:
            self._at_round_places(ruler, axis, size)
        else:
            at = numbers(at, self.names if isinstance(at[0], str) else {})
            labels = [f"{n:g}" for n in at] if labels is None else [plain(text) for text in labels]
            ruler.set_major_locator(FixedLocator(at))
            ruler.set_major_formatter(FixedFormatter(labels))
            size = min(size, self._fitting(at, labels))
        self.axes.tick_params(
            axis=self.letter,
            length=0,
            pad=3 * self.pixel,
            labelsize=size * self.pixel,
            labelcolor=ink(LIGHT.text),
            **{"labelleft" if self.letter == "y" else "labelbottom": shown},
        )
        if axis.side == "top":
            self.axes.xaxis.tick_top()

    def _fitting(self, at: np.ndarray, labels: Sequence[str]) -> float:
        """The largest font in which these labels stand apart."""
        low, high = sorted(self._part("get_{}lim")())
        if len(at) < 2 or self._part("get_{}scale")() == "log":
            return self.most
        room = float(np.diff(np.sort(at)).min()) / (high - low) * self.length
        longest = max(len(line) for text in labels for line in (text or " ").split("\n"))
        wide = LETTER * 1.15 * longest + 0.2 if self.letter == "x" else 1.05
        return max(4.0, room / wide)

    def _at_round_places(self, ruler: Any, axis: Any, size: float) -> None:
        """As many numbers as there is room for."""
        if axis.type != "log" and axis.dtick:
            low, high = sorted(self._part("get_{}lim")())
            room = max(self.length / (2.2 * size), 1)
            step = axis.dtick * math.ceil((high - low) / axis.dtick / room)
            ruler.set_major_locator(MultipleLocator(step))
        elif axis.type != "log" and axis.nticks:
            ruler.set_major_locator(MaxNLocator(axis.nticks))
        if form := axis.tickformat:
            ruler.set_major_formatter(FuncFormatter(lambda value, _: format(value, form)))
