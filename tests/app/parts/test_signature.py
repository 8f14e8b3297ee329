"""What the Signature page says of its numbers."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from app.parts.signature import longer


@pytest.mark.parametrize(
    ("rising", "says"),
    [
        (None, "trained for a fixed time"),
        (0.031, "rose by 3.1 points at lag 4"),
        (0.004, "less than half a point at every lag"),
    ],
)
def test_the_page_says_how_far_recall_still_rose(
    rising: float | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = {"lag": pl.Int32, "rising": pl.Float64}
    row = pl.DataFrame({"lag": [4], "rising": [rising]}, schema=schema)
    asked: list[str] = []
    monkeypatch.setattr(longer.queries, "table", lambda sql: (asked.append(sql), row)[1])
    assert says in longer.how_converged(SimpleNamespace(key="abc"))
    assert "'abc'" in asked[0]
