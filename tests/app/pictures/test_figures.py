"""The figures: right cells in the right place, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import figures
from core.text import SYMBOLS


def cell(lag: int, symbol: str, accuracy: float, **more: object) -> dict[str, object]:
    row = {
        "lag": lag,
        "symbol": symbol,
        "n": 100,
        "accuracy": accuracy,
        "low": accuracy - 0.05,
        "high": accuracy + 0.05,
        "precision": 0.5,
        "majority": 0.0,
        "current": 0.1,
        "untrained": 0.2,
    }
    return row | more


MATRIX = pl.DataFrame(
    [
        cell(1, " ", 0.9, majority=1.0, precision=0.9),
        cell(1, "q", 0.8),
        cell(1, "a", 0.7),
        cell(2, " ", 0.9, majority=1.0, precision=0.33),
        cell(2, "q", 0.22),
        cell(2, "a", 0.5),
    ]
)
FORWARD = pl.DataFrame(
    [
        {"symbol": symbol, "n": 10, "accuracy": accuracy, "low": accuracy, "high": accuracy}
        for symbol, accuracy in (("a", 0.4), ("q", 0.05), (" ", 0.85), ("</s>", 0.3))
    ]
)


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_signature_is_aligned_on_the_papers_scale(theme: str | None) -> None:
    figure = figures.signature(MATRIX, FORWARD, figures.look(theme), (2, "q"))
    heat, strip = (trace for trace in figure.data if trace.type == "heatmap")
    assert [list(row) for row in heat.z] == [[0.7, 0.8, 0.9], [0.5, 0.22, 0.9]]
    assert [list(row) for row in strip.z] == [[0.4, 0.05, 0.85]]
    assert heat.x == strip.x
    assert list(figure.layout.xaxis2.ticktext) == ["a", "q", "␣"]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    scale = figure.layout.coloraxis.colorscale
    assert scale[0][1] == "#ffffff" and scale[-1][1] == "#3f007d"


def test_every_cell_takes_clicks_and_tells_its_numbers() -> None:
    figure = figures.signature(MATRIX, FORWARD, figures.LIGHT, (2, "q"))
    clicks = figure.data[-1]
    cells = [tuple(data) for data in clicks.customdata]
    assert sorted(cells) == sorted((row["lag"], row["symbol"]) for row in MATRIX.to_dicts())
    assert clicks.type == "scatter" and clicks.marker.opacity < 0.01
    assert [cells[i] for i in clicks.selectedpoints] == [(2, "q")]
    told = clicks.text[cells.index((2, "q"))]
    for part in ("22.0%", "17.0% to 27.0%", "n 100", "majority", "current", "untrained 20.0%"):
        assert part in told


def test_cells_not_above_their_floor_are_marked() -> None:
    figure = figures.signature(MATRIX, FORWARD, figures.LIGHT)
    dots = next(t for t in figure.data if t.type == "scatter" and t.marker.size == 3)
    # q at lag 2 touches the untrained floor. The majority's guess recalls every space: at lag 2
    # the space is no better than always guessing it, at lag 1 it is.
    assert set(zip(dots.x, dots.y, strict=True)) == {(1, 2), (2, 2)}


def test_a_signature_without_forward_accuracy_still_draws() -> None:
    figure = figures.signature(MATRIX, FORWARD.clear(), figures.LIGHT)
    assert list(figure.data[0].z[0]) == [0.7, 0.8, 0.9]


def curve(untrained: float | None = 0.2) -> pl.DataFrame:
    rows = [cell(lag, "a", 1 / lag, untrained=untrained) for lag in (1, 2, 3)]
    return pl.DataFrame(rows, schema_overrides={"untrained": pl.Float64})


def test_marginal_shows_both_decoders_and_every_known_floor() -> None:
    both = figures.marginal(curve(), curve(), figures.LIGHT)
    names = {trace.name for trace in both.data if trace.name}
    assert names == {"trained decoders", "linear preview", *figures.FLOORS.values()}
    alone = figures.marginal(curve().clear(), curve(None), figures.LIGHT)
    names = {trace.name for trace in alone.data if trace.name}
    assert names == {"linear preview", "majority symbol", "current symbol"}


def test_confusion_marks_the_right_answer_on_a_fixed_axis() -> None:
    row = pl.DataFrame({"truth": ["e"] * 3, "guess": [" ", "e", "t"], "n": [10, 60, 30]})
    figure = figures.confusion(row, figures.LIGHT)
    shares = dict(zip(figure.data[0].x, figure.data[0].y, strict=True))
    assert shares == {"␣": 0.1, "e": 0.6, "t": 0.3}
    marked = dict(zip(figure.data[0].x, figure.data[0].marker.color, strict=True))
    assert marked["e"] == figures.LIGHT.accent != marked["t"]
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
    figure = figures.memory_against_prediction(table, figures.DARK)
    assert list(figure.data[0].text) == ["<b>q</b>", "<b>y</b>", "␣"]
    assert list(figure.data[0].x) == [0.1, 0.7, 0.8]


def test_training_draws_each_keep_in_perplexity() -> None:
    table = pl.DataFrame(
        {
            "keep": [0.8, 0.8, 1.0],
            "epoch": [0.5, 1.0, 1.0],
            "train_bits": [3.0, 2.0, 1.0],
            "dev_perplexity": [None, 5.0, 6.0],
        }
    )
    figure = figures.training(table, figures.LIGHT)
    assert list(figure.data[0].y) == [8.0, 4.0]
    assert {trace.name for trace in figure.data} == {
        "train, keep 0.8",
        "dev, keep 0.8",
        "train, keep 1",
        "dev, keep 1",
    }


def test_frequencies_and_order() -> None:
    table = pl.DataFrame({"symbol": [".", "b", " ", "a"], "n": [1, 2, 5, 2]})
    figure = figures.frequencies(table, figures.LIGHT)
    assert list(figure.data[0].x) == ["a", "b", "␣", "."]
    assert sum(figure.data[0].y) == pytest.approx(1)
    everything = pl.DataFrame({"symbol": sorted(SYMBOLS)})
    assert tuple(figures.in_order(everything)["symbol"]) == SYMBOLS


def test_pictures_are_saved_under_plain_names() -> None:
    name = figures.file_name("signature", "My text.txt", "gru-1-80")
    assert name == "signature-my-text-txt-gru-1-80"
    options = figures.toolbar(name, "png")["toImageButtonOptions"]
    assert options["filename"] == name and options["format"] == "png"
