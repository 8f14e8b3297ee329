"""The pictures of factorized kernels: right cells in the right place, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import figures, kernel_curves, kernels
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
CELLS = pl.DataFrame(
    [
        {"lag": lag, "symbol": symbol, "n": n, "accuracy": 0.9 / lag}
        for lag in (1, 2)
        for symbol, n in (("a", 100), ("h", 50), ("z", 0))
    ]
)
EMPTY = CELLS.clear()


@pytest.mark.parametrize("color", kernels.COLORS, ids=lambda color: color.column)
def test_the_map_has_every_basis_where_its_symbols_meet(color: kernels.Color) -> None:
    figure = kernels.atlas(BASES, color, color.title, figures.LIGHT, ("x", "t"))
    heat, clicks = figure.data
    assert len(heat.z) == len(heat.z[0]) == len(SYMBOLS)
    keys = [tuple(key) for key in clicks.customdata]
    assert keys == list(BASES.select("first", "second").iter_rows())
    at = [(SYMBOLS[y], SYMBOLS[x]) for x, y in zip(clicks.x, clicks.y, strict=True)]
    assert at == keys
    assert [keys[i] for i in clicks.selectedpoints] == [("x", "t")]
    assert "xt" in clicks.text[1] and "seen 0 times" in clicks.text[1]
    assert "$␣" in clicks.text[2]
    assert figure.layout.plot_bgcolor == figures.LIGHT.grid  # what is missing is not white


def test_a_difference_is_centered_and_a_count_is_logarithmic() -> None:
    axes = {
        color.column: kernels.atlas(BASES, color, "", figures.LIGHT).layout.coloraxis
        for color in kernels.COLORS
    }
    assert axes["above_control"].cmin == -axes["above_control"].cmax == pytest.approx(-0.05)
    assert axes["above_control"].colorbar.ticktext == ("≤ −0.050", "0", "≥ 0.050")
    assert (axes["count"].cmin, axes["count"].cmax) == (0, 2)
    heat = kernels.atlas(BASES, kernels.COLORS[3], "", figures.LIGHT).data[0]
    at = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    assert heat.z[at["x"]][at["t"]] is None  # never seen: no logarithm
    assert heat.z[at["h"]][at["e"]] == pytest.approx(1.69897)


def test_panels_share_one_scale_and_say_what_is_not_there() -> None:
    figure = kernels.panels([("W₀", CELLS), ("'xt'", EMPTY)], 2, 400, figures.DARK)
    first, second = (trace for trace in figure.data if trace.type == "heatmap")
    assert [list(row) for row in first.z] == [[0.9, 0.9], [0.45, 0.45]]  # z never occurs
    assert {value for row in second.z for value in row} == {None}
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["<b>W₀</b>", "<b>'xt'</b>", "not yet"]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)


def test_panels_without_any_signature_are_drawn() -> None:
    assert len(kernels.panels([("W₀", EMPTY)] * 7, 2, 400, figures.LIGHT).layout.annotations) == 14


def test_a_bigram_never_seen_stands_apart() -> None:
    figure = kernels.frequency(BASES, figures.LIGHT, ("h", "e"))
    control, basis = figure.data
    assert list(basis.x) == [50, kernels.NEVER, 5] and list(control.y) == [0.15] * 3
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
    figure = kernels.likeness(table, figures.LIGHT)
    assert list(figure.data[0].x) == ["te, cluster 1", "he, cluster 1", "qe, cluster 2"]
    assert list(figure.data[0].z[0]) == [0, 0.1, 0.2]
    assert [note.text for note in figure.layout.annotations] == ["1", "2"]
    assert [shape.x0 for shape in figure.layout.shapes] == [1.5]


def test_pruning_has_a_panel_each_corpus_and_chance_as_a_band() -> None:
    rows = [
        {
            "corpus": corpus,
            "rule": rule,
            "kept": kept,
            "perplexity": 6 - kept / 1156,
            "low": 5.9 - kept / 1156,
            "high": 6.1 - kept / 1156,
        }
        for corpus in ("one", "other")
        for rule in ("norm", "random")
        for kept in (0, 500, 1156)
    ]
    figure = kernel_curves.pruned(pl.DataFrame(rows), ["one", "other"], "norm", 300, figures.LIGHT)
    norm = [trace for trace in figure.data if trace.name == "norm"]
    assert [trace.xaxis for trace in norm] == ["x", "x2"]
    assert norm[0].line.width > next(t for t in figure.data if t.name == "random").line.width
    assert sum(trace.fill == "toself" and len(trace.x) == 6 for trace in figure.data) == 2
    assert [note.text for note in figure.layout.annotations].count("W₀ alone") == 2


def test_what_a_pruning_keeps_is_marked() -> None:
    order = pl.DataFrame({"first": ["h", "x"], "second": ["e", "t"], "place": [1, 2]})
    z = kernel_curves.left(order, 1, figures.LIGHT).data[0].z
    at = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    assert z[at["h"]][at["e"]] == 1 and z[at["x"]][at["t"]] == 0
    assert sum(map(sum, z)) == 1


def test_marginals_of_kernels_have_their_floor_where_it_is_known() -> None:
    rows = pl.DataFrame({"lag": [1, 2], "accuracy": [0.9, 0.5], "majority": [0.2, 0.2]})
    names = [t.name for t in kernel_curves.forgetting([("W₀", rows)], 200, figures.LIGHT).data]
    assert names == ["W₀", "majority symbol"]
    names = [
        t.name
        for t in kernel_curves.forgetting([("W₀", rows.drop("majority"))], 200, figures.LIGHT).data
    ]
    assert names == ["W₀"]


def test_ranks_of_bases_are_counted() -> None:
    assert list(kernel_curves.ranks(BASES, figures.LIGHT).data[0].x) == [0.6] * 3
