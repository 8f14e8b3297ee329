"""The pictures of bases: right cells in the right place, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import bases, look
from core.text import SYMBOLS

BASES = pl.DataFrame(
    [
        {
            "first": first,
            "second": second,
            "count": count,
            "norm": 1.0 + number,
            "lambda_1": 0.1 * count / 50,
            "lambda_2": 0.0,
            "recall": 0.2,
            "control": 0.15,
            "above_control": 0.05 - 0.1 * number,
            "own": 0.3,
            "drop_1": 0.01,
            "drop_2": None,
            "cluster": None,
            "own_rank": 0.6,
        }
        for number, (first, second, count) in enumerate(
            [("h", "e", 50), ("x", "t", 0), ("</s>", " ", 5)]
        )
    ],
    schema_overrides={"drop_2": pl.Float64, "cluster": pl.Int64},
)


@pytest.mark.parametrize("color", bases.COLORS, ids=lambda color: color.column)
def test_the_map_has_every_basis_where_its_symbols_meet(color: bases.Color) -> None:
    figure = bases.atlas(BASES, color, color.title, look.LIGHT, ("x", "t"))
    heat, clicks = figure.data
    assert len(heat.z) == len(heat.z[0]) == len(SYMBOLS)
    keys = [tuple(key) for key in clicks.customdata]
    assert keys == list(BASES.select("first", "second").iter_rows())
    at = [(SYMBOLS[y], SYMBOLS[x]) for x, y in zip(clicks.x, clicks.y, strict=True)]
    assert at == keys
    assert [keys[i] for i in clicks.selectedpoints] == [("x", "t")]
    assert "xt" in clicks.text[1] and "seen 0 times" in clicks.text[1]
    assert "$␣" in clicks.text[2]
    assert figure.layout.plot_bgcolor == look.LIGHT.grid  # what is missing is not white


def test_a_difference_is_centered_and_a_count_is_logarithmic() -> None:
    axes = {
        color.column: bases.atlas(BASES, color, "", look.LIGHT).layout.coloraxis
        for color in bases.COLORS
    }
    assert axes["above_control"].cmin == -axes["above_control"].cmax == pytest.approx(-0.05)
    assert axes["above_control"].colorbar.ticktext == ("≤ −0.050", "0", "≥ 0.050")
    assert (axes["count"].cmin, axes["count"].cmax) == (0, 2)
    heat = bases.atlas(BASES, bases.COLORS[3], "", look.LIGHT).data[0]
    at = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    assert heat.z[at["x"]][at["t"]] is None  # never seen: no logarithm
    assert heat.z[at["h"]][at["e"]] == pytest.approx(1.69897)


def test_a_bigram_never_seen_stands_apart() -> None:
    figure = bases.frequency(BASES, look.LIGHT, ("h", "e"))
    control, basis = figure.data
    assert list(basis.x) == [50, bases.NEVER, 5] and list(control.y) == [0.15] * 3
    assert figure.layout.xaxis.ticktext[0] == "never"
    assert list(basis.selectedpoints) == [0]


def test_alike_bases_stand_beside_each_other() -> None:
    table = pl.DataFrame(
        [
            {
                "place": place,
                "cluster": cluster,
                "first": first,
                "second": "e",
                "symbol": symbol,
                "recall": 0.1 * place,
            }
            for place, cluster, first in ((1, 1, "h"), (0, 1, "t"), (2, 2, "q"))
            for symbol in "ab"
        ]
    )
    figure = bases.likeness(table, look.LIGHT)
    assert list(figure.data[0].x) == ["te, cluster 1", "he, cluster 1", "qe, cluster 2"]
    assert list(figure.data[0].z[0]) == [0, 0.1, 0.2]
    assert [note.text for note in figure.layout.annotations] == ["1", "2"]
    assert [shape.x0 for shape in figure.layout.shapes] == [1.5]


def test_ranks_of_bases_are_counted() -> None:
    assert list(bases.ranks(BASES, look.LIGHT).data[0].x) == [0.6] * 3
