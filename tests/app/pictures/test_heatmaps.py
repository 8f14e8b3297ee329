"""Heat maps: right cells in the right place, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import heatmaps, look
from app.pictures.heatmaps import Pane


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
        "guess": False,
    }
    return row | more


MATRIX = pl.DataFrame(
    [
        cell(1, " ", 0.9, majority=1.0, precision=0.9),
        cell(1, "q", 0.8),
        cell(1, "a", 0.7),
        cell(2, " ", 0.9, majority=1.0, precision=0.33, guess=True),
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
    figure = heatmaps.signature(MATRIX, FORWARD, look.theme(theme), (2, "q"))
    heat, strip = (trace for trace in figure.data if trace.type == "heatmap")
    assert [list(row) for row in heat.z] == [[0.7, 0.8, 0.9], [0.5, 0.22, 0.9]]
    assert [list(row) for row in strip.z] == [[0.4, 0.05, 0.85]]
    assert heat.x == strip.x
    assert list(figure.layout.xaxis2.ticktext) == ["a", "q", "␣"]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    scale = figure.layout.coloraxis.colorscale
    assert scale[0][1] == "#ffffff" and scale[-1][1] == "#3f007d"


def test_every_cell_takes_clicks_and_tells_its_numbers() -> None:
    figure = heatmaps.signature(MATRIX, FORWARD, look.LIGHT, (2, "q"))
    clicks = figure.data[-1]
    cells = [tuple(data) for data in clicks.customdata]
    assert sorted(cells) == sorted((row["lag"], row["symbol"]) for row in MATRIX.to_dicts())
    assert clicks.type == "scatter" and clicks.marker.opacity < 0.01
    assert [cells[i] for i in clicks.selectedpoints] == [(2, "q")]
    told = clicks.text[cells.index((2, "q"))]
    for part in ("22.0%", "17.0% to 27.0%", "n 100", "majority", "current", "untrained 20.0%"):
        assert part in told


def test_cells_that_a_guess_reaches_are_ringed() -> None:
    figure = heatmaps.signature(MATRIX, FORWARD, look.LIGHT)
    rings = next(t for t in figure.data if t.type == "scatter" and t.marker.size == 5)
    assert set(zip(rings.x, rings.y, strict=True)) == {(2, 2)}
    assert rings.marker.color != rings.marker.line.color  # one of them shows on any color
    assert [note.text for note in figure.layout.annotations] == ["○ no better than a guess"]
    clear = MATRIX.with_columns(guess=pl.lit(False))
    assert not heatmaps.signature(clear, FORWARD, look.LIGHT).layout.annotations


def test_rings_side_by_side_are_by_floors_that_all_have() -> None:
    floors = {"guess": True, "guess_from_current": False}
    has = pl.DataFrame([cell(1, "a", 0.3, recent=0.5, **floors)])
    lacks = pl.DataFrame([cell(1, "a", 0.3, recent=None, guess=False, guess_from_current=False)])
    for others, ringed in (([has], [1, 1]), ([lacks], [0, 0]), ([EMPTY], [1, 0])):
        assert heatmaps.share_recent([has, *others]) is (ringed[0] == 1)
        figure = heatmaps.lettered([(".", table) for table in (has, *others)], look.LIGHT)
        rings = [len(trace.x) for trace in figure.data if trace.type == "scatter"]
        assert rings == ringed
    assert not heatmaps.share_recent([EMPTY])


def test_a_signature_without_forward_accuracy_still_draws() -> None:
    figure = heatmaps.signature(MATRIX, FORWARD.clear(), look.LIGHT)
    assert list(figure.data[0].z[0]) == [0.7, 0.8, 0.9]


CELLS = pl.DataFrame(
    [
        {"lag": lag, "symbol": symbol, "n": n, "accuracy": 0.9 / lag}
        for lag in (1, 2)
        for symbol, n in (("a", 100), ("h", 50), ("z", 0))
    ]
)
EMPTY = CELLS.clear()


OTHER = pl.DataFrame([cell(1, "q", 0.5), cell(1, "z", 0.4), cell(3, "q", 0.1)])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_signatures_share_their_axes_and_one_scale(count: int) -> None:
    both = [("first", MATRIX), ("second", OTHER), ("third", MATRIX), ("fourth", OTHER)][:count]
    figure = heatmaps.lettered(both, look.LIGHT)
    heats = [trace for trace in figure.data if trace.type == "heatmap"]
    assert len(heats) == count
    assert {heat.coloraxis for heat in heats} == {"coloraxis"}
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    axes = [figure.layout[name] for name in figure.layout if str(name).startswith("xaxis")]
    assert len({axis.range for axis in axes}) == 1
    assert [axis.matches for axis in axes].count(None) == 1
    assert [note.text.split()[0] for note in figure.layout.annotations] == [
        *(f"<b>{letter}</b>" for letter in "ABCD"[:count]),
        "○",  # one key for all
    ]


def test_a_hover_over_a_cell_of_one_says_what_all_recall_of_it() -> None:
    figure = heatmaps.lettered(
        [("first", MATRIX), ("second", OTHER), ("none", OTHER.clear())], look.LIGHT
    )
    first, second, _ = (trace for trace in figure.data if trace.type == "heatmap")
    q = list(figure.layout.xaxis.ticktext).index("q")
    assert "<b>80.0%</b>" in first.text[0][q] and first.text[0][q].endswith("<i>B 50.0%</i>")
    assert second.text[0][q].endswith("<i>A 80.0%</i>")
    assert "<i>" not in first.text[1][q]  # the other has no such cell


def test_a_symbol_that_one_of_them_lacks_stays_blank() -> None:
    figure = heatmaps.lettered([("first", MATRIX), ("second", OTHER)], look.DARK)
    first, second = (trace for trace in figure.data if trace.type == "heatmap")
    assert list(figure.layout.xaxis.ticktext) == ["a", "q", "z", "␣"]
    assert list(first.y) == list(second.y) == [1, 2, 3]
    assert [list(line) for line in first.z] == [
        [0.7, 0.8, None, 0.9],
        [0.5, 0.22, None, 0.9],
        [None] * 4,
    ]
    assert [list(line) for line in second.z] == [
        [None, 0.5, 0.4, None],
        [None] * 4,
        [None, 0.1, None, None],
    ]


def heard(lag: int, accuracy: float) -> dict[str, object]:
    """A cell of speech."""
    return cell(lag, "a", accuracy, current=None if lag == 0 else 0.1, ms=80.0 * lag)


def test_signatures_reach_below_zero_on_the_papers_scale() -> None:
    table = pl.DataFrame([heard(lag, 0.9 - 0.1 * abs(lag)) for lag in (-2, -1, 0, 1, 2, 3)])
    figure = heatmaps.lettered(
        [("encoder 1", table), ("query", table)], look.LIGHT, 410, unit="graphemes"
    )
    first, _, second, _ = figure.data
    assert [line[0] for line in first.z] == pytest.approx([0.7, 0.8, 0.9, 0.8, 0.7, 0.6])
    assert list(figure.layout.yaxis.range) == [3.5, -2.5]  # the past further down
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    told = [line[0] for line in second.text]
    assert "2 ahead (160 ms)" in told[0] and "this one (0 ms)" in told[2]
    assert "3 ago (240 ms)" in told[5] and "current" not in told[2]


def test_lags_that_count_frames_stand_as_far_apart_as_they_are() -> None:
    names = [f"u{n:02}" for n in range(50)]
    rows = [heard(lag, 0.5) | {"symbol": name} for lag in (-4, 0, 4, 8) for name in names]
    figure = heatmaps.lettered([("encoder 1", pl.DataFrame(rows))], look.LIGHT, 410, unit="frames")
    assert list(figure.layout.yaxis.range) == [10, -6]  # half a row beyond either end
    assert list(figure.layout.yaxis.tickvals) == [-4, 0, 4, 8]
    (line,) = figure.layout.shapes
    assert line.y0 == line.y1 == 2  # between what is heard now and what was heard before
    named = [text for text in figure.layout.xaxis.ticktext if text]
    assert named == names[::4] and len(figure.data[0].z[0]) == 50


def test_panels_share_one_scale_and_say_what_is_not_there() -> None:
    figure = heatmaps.side_by_side([Pane("W₀", CELLS), Pane("'xt'", EMPTY)], 2, 400, look.DARK)
    first, second = (trace for trace in figure.data if trace.type == "heatmap")
    assert [list(row) for row in first.z] == [[0.9, 0.9], [0.45, 0.45]]  # z never occurs
    assert {value for row in second.z for value in row} == {None}
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["<b>W₀</b>", "<b>'xt'</b>", "not yet"]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)


def test_panels_without_any_signature_are_drawn() -> None:
    assert (
        len(heatmaps.side_by_side([Pane("W₀", EMPTY)] * 7, 2, 400, look.LIGHT).layout.annotations)
        == 14
    )


def difference(**more: object) -> dict[str, object]:
    row = {
        "lag": 1,
        "symbol": "a",
        "a": 0.6,
        "b": 0.4,
        "difference": 0.2,
        "significant": True,
        "guess": False,
        "n_a": 10,
        "n_b": 20,
    }
    return row | more


def test_a_difference_is_red_above_zero_and_gray_inside_the_intervals() -> None:
    table = pl.DataFrame(
        [
            difference(),
            difference(symbol="b", difference=-0.3),
            difference(lag=2, difference=0.05, significant=False),
            difference(symbol="b", lag=2, significant=False, guess=True),
        ]
    )
    figure = heatmaps.difference(table, "CA", 0.5, look.LIGHT)
    gray, colored, plus, minus, rings = figure.data
    assert [list(line) for line in colored.z] == [[0.2, -0.3], [None, None]]
    assert [list(line) for line in gray.z] == [[None, None], [0.05, 0.2]]
    assert {color for _, color in gray.colorscale} == {heatmaps.UNDECIDED}
    scale = figure.layout.coloraxis
    assert (scale.cmin, scale.cmax) == (-0.5, 0.5)
    red, blue = scale.colorscale[-2][1], scale.colorscale[1][1]
    assert int(red[1:3], 16) > int(red[5:7], 16) and int(blue[1:3], 16) < int(blue[5:7], 16)
    assert "+20.0 points" in colored.text[0][0] and "C 60.0% (n 10)" in colored.text[0][0]
    assert "within the 95 % interval" in gray.text[1][0]
    places = [list(zip(marks.x, marks.y, strict=True)) for marks in (plus, minus, rings)]
    assert places == [[(0, 1)], [(1, 1)], [(1, 2)]]
    assert "both may be guesses" in gray.text[1][1]
    ticks = heatmaps.difference(table, "CA", 0.75, look.LIGHT).layout.coloraxis.colorbar.ticktext
    assert ticks == ("−75.0", "−37.5", "0", "+37.5", "+75.0")


def test_the_note_of_a_difference_counts_its_colors() -> None:
    table = pl.DataFrame(
        [
            difference(),
            difference(symbol="b", difference=-0.3),
            difference(symbol="c", difference=-0.2),
            difference(lag=2, difference=0.05, significant=False),
            difference(symbol="b", lag=2, significant=False, guess=True),
        ]
    )
    note = heatmaps.difference_note(table, "C", "A")
    assert "C remembers more (1 cells)" in note and "A does (2)" in note and "interval (1)" in note
    assert "no difference (1)" in note


def on_a_line(places: list[float]) -> list[list[float]]:
    return [[abs(one - other) for other in places] for one in places]


@pytest.mark.parametrize(
    "places",
    [[3, 1, 2], [5, 1, 4, 2, 3, 0], [0.1, 9, 0.2, 9.1, 5, 0], [7], [2, 1], [1, 1, 1, 8, 8]],
)
def test_things_on_a_line_are_put_in_their_order(places: list[float]) -> None:
    order = heatmaps.clustered(on_a_line(places))
    found = [places[place] for place in order]
    assert sorted(order) == list(range(len(places)))
    assert found in (sorted(places), sorted(places, reverse=True))


def test_two_families_are_not_mixed() -> None:
    family = [0, 1, 0, 1, 1, 0, 0]
    matrix = [
        [
            0.0 if i == j else 0.1 + 0.01 * abs(i - j) if family[i] == family[j] else 0.6
            for j in range(len(family))
        ]
        for i in range(len(family))
    ]
    found = [family[place] for place in heatmaps.clustered(matrix)]
    assert found in (sorted(family), sorted(family, reverse=True))


def test_missing_distances_count_as_far() -> None:
    matrix = [[0.0, None, 0.1], [None, 0.0, None], [0.1, None, 0.0]]
    assert heatmaps.clustered(matrix) in ([0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1])
    assert heatmaps.clustered([]) == []
    figure = heatmaps.distances(["A one", "B two", "3 three"], matrix, look.LIGHT)
    assert list(figure.layout.xaxis.ticktext) == ["A", "B", "3"]
    assert figure.layout.coloraxis.cmax == 0.1
