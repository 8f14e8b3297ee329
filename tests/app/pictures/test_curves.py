"""Curves of recall by lag and of training, from plain tables."""

from __future__ import annotations

import polars as pl

from app.pictures import curves, look
from tests.app.pictures.test_heatmaps import cell, heard


def curve(untrained: float | None = 0.2) -> pl.DataFrame:
    recent = None if untrained is None else 0.3
    rows = [cell(lag, "a", 1 / lag, untrained=untrained, recent=recent) for lag in (1, 2, 3)]
    return pl.DataFrame(rows, schema_overrides={"untrained": pl.Float64, "recent": pl.Float64})


def test_marginal_shows_both_decoders_and_every_known_floor() -> None:
    both = curves.marginal(curve(), curve(), look.LIGHT)
    names = {trace.name for trace in both.data if trace.name}
    assert names == {"trained", "preview", *look.CONTROLS}
    without = curves.marginal(curve(), curve(), look.LIGHT, ["recent"])
    assert names - {trace.name for trace in without.data} == {*("untrained", "majority", "current")}
    alone = curves.marginal(curve().clear(), curve(None), look.LIGHT)
    names = {trace.name for trace in alone.data if trace.name}
    assert names == {"preview", "majority", "current"}


def test_curves_have_a_band_a_color_and_a_mark_each() -> None:
    table = pl.DataFrame([cell(lag, "a", 1 / lag) for lag in (1, 2, 3)])
    figure = curves.lettered([("one", table), ("two", table)], look.LIGHT)
    lines = [trace for trace in figure.data if trace.name]
    assert [line.name for line in lines] == ["<b>A</b> one", "<b>B</b> two"]
    assert len({line.line.color for line in lines}) == len({line.marker.symbol for line in lines})
    assert sum(trace.fill == "toself" for trace in figure.data) == 2


def test_marginals_of_kernels_have_their_floor_where_it_is_known() -> None:
    rows = pl.DataFrame({"lag": [1, 2], "accuracy": [0.9, 0.5], "majority": [0.2, 0.2]})
    names = [t.name for t in curves.kernels([("W₀", rows)], 200, look.LIGHT).data]
    assert names == ["W₀", "majority"]
    names = [t.name for t in curves.kernels([("W₀", rows.drop("majority"))], 200, look.LIGHT).data]
    assert names == ["W₀"]


def test_curves_of_kernels_have_their_dashes_with_a_band_and_without() -> None:
    rows = pl.DataFrame({"lag": [1], "accuracy": [0.9], "low": [0.8], "high": [1.0]})
    for table in (rows, rows.drop("low", "high")):
        figure = curves.kernels([(name, table) for name in "abcd"], 200, look.LIGHT)
        dashes = [trace.line.dash for trace in figure.data if trace.name]
        assert dashes == ["solid", "solid", "dash", "dot"]


def test_lags_that_count_frames_have_a_tick_each() -> None:
    table = pl.DataFrame([heard(lag, 0.5) for lag in (-4, 0, 4, 8)])
    lines = [curves.Curve("encoder 1", table, "#123456")]
    figure = curves.layers(lines, (-4, 8), 300, look.LIGHT, "frames")
    assert figure.layout.xaxis.dtick == 4 and figure.layout.xaxis.title.text == "lag (frames ago)"
    assert list(figure.layout.xaxis.range) == [-4.8, 8.8] and figure.layout.shapes[0].x0 == 2


def test_panes_share_one_recall_axis_and_name_each_curve_once() -> None:
    table = pl.DataFrame([heard(lag, 0.5) for lag in (1, 2)])
    line = curves.Curve("one", table, "#123456")
    figure = curves.recall({"A": [line], "B": [line]}, (1, 2), look.LIGHT, 300, look.BELOW)
    assert figure.layout.yaxis.range == (0, 1.02) and figure.layout.yaxis2.matches == "y"
    assert [trace.showlegend for trace in figure.data if trace.name] == [True, False]


def test_curves_carry_milliseconds_and_their_floors() -> None:
    table = pl.DataFrame([heard(lag, 0.5) for lag in (-1, 0, 1)])
    curve = curves.Curve("encoder 1", table, "#123456", "square", "dash")
    floors = curves.floors(table, look.LIGHT, ["majority", "current"])
    figure = curves.layers([curve, *floors], (-1, 1), 300, look.theme("dark"), "graphemes")
    named = {trace.name: trace for trace in figure.data if trace.name}
    assert list(named) == ["encoder 1", "majority", "current"]
    assert named["encoder 1"].customdata[0][1] == "1 ahead (80 ms)"
    assert list(named["current"].y) == [0.1, None, 0.1]


def test_training_draws_each_keep_in_perplexity() -> None:
    table = pl.DataFrame(
        {
            "keep": [0.8, 0.8, 1.0],
            "epoch": [0.5, 1.0, 1.0],
            "train_bits": [3.0, 2.0, 1.0],
            "dev_perplexity": [None, 5.0, 6.0],
        }
    )
    figure = curves.training(table, look.LIGHT)
    assert list(figure.data[0].y) == [8.0, 4.0]
    assert {trace.name for trace in figure.data} == {
        "train, keep 0.8",
        "dev, keep 0.8",
        "train, keep 1",
        "dev, keep 1",
    }


def test_learning_is_drawn_as_error_rates() -> None:
    curve = pl.DataFrame({"epoch": [0.5, 1.0, 2.0], "dev_cer": [None, 0.9, 0.1]})
    assert list(curves.recognizer_training(curve, look.LIGHT).data[0].y) == [0.9, 0.1]


def test_where_there_is_no_interval_there_is_no_band_and_no_hover_of_one() -> None:
    rows = pl.DataFrame(
        {"lag": [1, 2], "accuracy": [0.9, 0.5], "low": [0.8, None], "high": [1.0, None]}
    )
    figure = curves.kernels([("a", rows)], 200, look.LIGHT)
    band, line = figure.data[0], figure.data[1]
    assert list(band.x) == [1, 1]
    assert [text for text, _ in line.customdata] == [" (80.0% to 100.0%)", ""]
