"""The pictures of retraining, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import changes, look


def test_changed_symbols_are_named_beside_the_papers() -> None:
    symbols = "abcdefghijklmnopqrstu"
    table = pl.DataFrame(
        {
            "symbol": list(symbols),
            "n": [100] * 21,
            "source": [0.5] * 21,
            "retrained": [0.5] * 21,
            "change": [(10 - i) / 100 for i in range(21)],
            "to_target": [0.0] * 20 + [None],
            "half": [0.03] * 21,
        }
    )
    figure = changes.changes(table, look.LIGHT)
    most, named = (trace for trace in figure.data if trace.type == "bar")
    assert list(most.x) == ["a", "b", "c", "d", "e", "q", "r", "s", "t", "u"]
    assert list(named.x) == ["k", "l", "m", "b", "c", "u"]
    assert most.y[0] == pytest.approx(10) and most.y[-1] == pytest.approx(-10)
    assert named.marker.color[0] == look.LIGHT.faint  # k did not change
    assert most.marker.color[0] == look.LIGHT.accent
