"""The pictures of sweeps, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import look, sweeps


def row(cell: str, hidden: int, lag: int, accuracy: float) -> dict[str, object]:
    return {
        "cell": cell,
        "hidden": hidden,
        "layer": 1,
        "lag": lag,
        "seeds": 1,
        "n": 1000,
        "accuracy": accuracy,
        "low": accuracy - 0.02,
        "high": accuracy + 0.02,
        "majority": 0.17,
        "current": 0.2,
        "untrained": None,
    }


RECALL = pl.DataFrame(
    [row("gru", 40, 1, 0.9), row("gru", 40, 2, 0.5), row("lstm", 80, 1, 0.8)],
    schema_overrides={"untrained": pl.Float64},
)
COLUMNS = [({"hidden": 40}, "[1,40]"), ({"hidden": 80}, "[1,80]")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_matrix_is_the_papers(theme: str) -> None:
    figure = sweeps.matrices(RECALL, ["gru", "lstm"], COLUMNS, 2, look.theme(theme))
    gru, lstm = figure.data
    assert [list(line) for line in gru.z] == [[0.9, None], [0.5, None]]
    assert [list(line) for line in lstm.z] == [[None, 0.8], [None, None]]
    assert list(figure.layout.xaxis.ticktext) == ["[1,40]", "[1,80]"]
    assert list(figure.layout.yaxis.range) == [2.5, 0.5]  # the past further down
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    told = gru.text[0][0]
    for part in ("90.0%", "88.0% to 92.0%", "n 1,000", "majority 17.0%"):
        assert part in told
    assert [note.text for note in figure.layout.annotations].count("not yet") == 2


def test_a_click_on_a_cell_gives_its_signature() -> None:
    table = RECALL.with_columns(signature=pl.Series(["one", "one", "two"]))
    figure = sweeps.matrices(table, ["gru", "lstm"], COLUMNS, 2, look.LIGHT)
    gru, lstm = (trace for trace in figure.data if trace.type == "scatter")
    assert list(zip(gru.x, gru.y, gru.customdata, strict=True)) == [
        (0, 1, ["one"]),
        (0, 2, ["one"]),
    ]
    assert list(lstm.customdata) == [["two"]] and (list(lstm.x), list(lstm.y)) == ([1], [1])
    assert "GRU [1,40]" in gru.text[0] and "90.0%" in gru.text[0]


def test_curves_have_a_line_for_every_size_in_every_panel() -> None:
    figure = sweeps.recall_curves(RECALL, ["gru", "lstm"], COLUMNS, 2, look.LIGHT)
    lines = [(t.name, t.xaxis) for t in figure.data if t.name and len(t.x)]
    assert ("[1,40]", "x") in lines and ("[1,80]", "x2") in lines
    assert sum(t.showlegend is not False for t in figure.data if t.name == "[1,40]") == 1


def test_the_spread_over_seeds_is_drawn_where_there_are_several() -> None:
    table = pl.DataFrame(
        {
            "cell": ["gru"] * 2,
            "hidden": [40, 80],
            "perplexity": [4.0, 3.5],
            "seeds": [3, 3],
            "perplexity_low": [3.9, 3.4],
            "perplexity_high": [4.3, 3.6],
        }
    )
    figure = sweeps.against_size(table, [40, 80], "perplexity", "p", ".3f", look.LIGHT)
    assert figure.data[0].error_y.array == pytest.approx([0.3, 0.1])
    one = table.with_columns(seeds=pl.lit(1))
    figure = sweeps.against_size(one, [40, 80], "perplexity", "p", ".3f", look.LIGHT)
    assert figure.data[0].error_y.array is None
    assert figure.layout.yaxis.title.text == "p (not from 0)"
    wide = table.with_columns(perplexity=pl.Series([1.0, 9.0])[: table.height])
    figure = sweeps.against_size(wide, [40, 80], "perplexity", "p", ".3f", look.LIGHT)
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis.rangemode) == ("p", "tozero")


def test_deeper_decoders_are_drawn_in_points() -> None:
    table = pl.DataFrame(
        {
            "cell": ["gru"],
            "layer": [4],
            "lag": [1],
            "plain": [0.5],
            "deeper": [0.52],
            "difference": [0.02],
            "low": [0.01],
            "high": [0.04],
        }
    )
    figure = sweeps.deeper(table, ["gru", "lstm"], 3, look.LIGHT)
    drawn = next(trace for trace in figure.data if trace.name == "layer 4" and len(trace.x))
    assert drawn.y[0] == pytest.approx(2)
    assert (drawn.error_y.array[0], drawn.error_y.arrayminus[0]) == pytest.approx((2, 1))


@pytest.mark.parametrize("across", sweeps.ACROSS)
def test_cells_are_drawn_by_name_against_their_state_or_their_parameters(across: str) -> None:
    table = pl.DataFrame(
        {
            "name": ["GRU", "S6 (+700%)"],
            "network": ["GRU [1,18]", "S6 [1,1]"],
            "signature": ["one", "two"],
            "state_size": [18, 16],
            "weights": [1944, 52],
            "accuracy": [0.5, 0.7],
            "low": [0.4, 0.6],
            "high": [0.6, 0.8],
            "untrained": [0.3, None],
        }
    )
    figure = sweeps.of_cells(table, across, "accuracy", "recall", ".1%", look.LIGHT)
    untrained, trained, *names = figure.data
    assert list(untrained.x) == list(trained.x) == table[across].to_list()
    assert list(trained.y) == [0.5, 0.7] and list(untrained.y) == [0.3, None]
    assert list(map(tuple, trained.customdata)) == [("GRU [1,18]", "one"), ("S6 [1,1]", "two")]
    assert sorted(text for trace in names for text in trace.text) == ["GRU", "S6 (+700%)"]
    assert figure.layout.xaxis.title.text == sweeps.ACROSS[across]
