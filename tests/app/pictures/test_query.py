"""The chart of any table."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import look, query


@pytest.mark.parametrize("mark", ["line", "bars", "points"])
def test_a_quick_chart_has_a_color_for_each_group(mark: str) -> None:
    table = pl.DataFrame({"lag": [2, 1, 1, 2], "of": ["a", "a", "b", None], "share": [1, 2, 3, 4]})
    figure = query.chart(table, "lag", "share", "of", mark, look.LIGHT)
    assert [trace.name for trace in figure.data] == ["a", "b", ""]
    assert list(figure.data[0].x) == ([1, 2] if mark == "line" else [2, 1])
    alone = query.chart(table, "of", "share", None, mark, look.LIGHT)
    assert len(alone.data) == 1


def test_a_quick_chart_of_many_groups_says_that_it_is_cut() -> None:
    table = pl.DataFrame({"x": range(20), "y": range(20), "by": [str(n) for n in range(20)]})
    figure = query.chart(table, "x", "y", "by", "points", look.DARK)
    assert len(figure.data) == query.GROUPS
    assert "first 8 of 20" in figure.layout.legend.title.text
