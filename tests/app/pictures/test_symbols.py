"""Pictures symbol by symbol, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import look, symbols
from core.text import SYMBOLS


def test_confusion_marks_the_right_answer_on_a_fixed_axis() -> None:
    row = pl.DataFrame({"truth": ["e"] * 3, "guess": [" ", "e", "t"], "n": [10, 60, 30]})
    figure = symbols.confusion(row, look.LIGHT)
    shares = dict(zip(figure.data[0].x, figure.data[0].y, strict=True))
    assert shares == {"␣": 0.1, "e": 0.6, "t": 0.3}
    marked = dict(zip(figure.data[0].x, figure.data[0].marker.color, strict=True))
    assert marked["e"] == look.LIGHT.accent != marked["t"]
    assert len(figure.layout.xaxis.categoryarray) == 31


def test_scatter_names_every_symbol() -> None:
    table = pl.DataFrame(
        {
            "symbol": ["q", "y", " "],
            "n": [5, 50, 500],
            "memory": [0.8, 0.4, 0.9],
            "forward": [0.1, 0.7, 0.8],
        }
    )
    figure = symbols.memory_against_prediction(table, look.DARK)
    assert list(figure.data[0].text) == ["<b>q</b>", "<b>y</b>", "␣"]
    assert list(figure.data[0].x) == [0.1, 0.7, 0.8]


def test_frequencies_and_order() -> None:
    table = pl.DataFrame({"symbol": [".", "b", " ", "a"], "n": [1, 2, 5, 2]})
    figure = symbols.frequencies(table, look.LIGHT)
    assert list(figure.data[0].x) == ["a", "b", "␣", "."]
    assert sum(figure.data[0].y) == pytest.approx(1)
    everything = pl.DataFrame({"symbol": sorted(SYMBOLS)})
    assert tuple(look.in_order(everything)["symbol"]) == SYMBOLS
