"""The pictures of the Compare page and the order of the distance matrix, from plain tables."""

from __future__ import annotations

import polars as pl
import pytest

from app.pictures import comparisons, figures
from tests.app.pictures.test_figures import MATRIX, cell

OTHER = pl.DataFrame([cell(1, "q", 0.5), cell(1, "z", 0.4), cell(3, "q", 0.1)])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_signatures_share_their_axes_and_one_scale(count: int) -> None:
    both = [("first", MATRIX), ("second", OTHER), ("third", MATRIX), ("fourth", OTHER)][:count]
    figure = comparisons.side_by_side(both, figures.LIGHT)
    heats = [trace for trace in figure.data if trace.type == "heatmap"]
    assert len(heats) == count
    assert {heat.coloraxis for heat in heats} == {"coloraxis"}
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    axes = [figure.layout[name] for name in figure.layout if str(name).startswith("xaxis")]
    assert len({axis.range for axis in axes}) == 1
    assert [axis.matches for axis in axes].count(None) == 1
    assert [note.text.split()[0] for note in figure.layout.annotations] == [
        f"<b>{letter}</b>" for letter in "ABCD"[:count]
    ]


def test_a_symbol_that_one_of_them_lacks_stays_blank() -> None:
    figure = comparisons.side_by_side([("first", MATRIX), ("second", OTHER)], figures.DARK)
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


def difference(**more: object) -> dict[str, object]:
    row = {
        "lag": 1,
        "symbol": "a",
        "a": 0.6,
        "b": 0.4,
        "difference": 0.2,
        "significant": True,
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
        ]
    )
    figure = comparisons.difference(table, "CA", 0.5, figures.LIGHT)
    gray, colored = figure.data
    assert [list(line) for line in colored.z] == [[0.2, -0.3], [None, None]]
    assert [list(line) for line in gray.z] == [[None, None], [0.05, None]]
    assert {color for _, color in gray.colorscale} == {comparisons.UNDECIDED}
    scale = figure.layout.coloraxis
    assert (scale.cmin, scale.cmax) == (-0.5, 0.5)
    red, blue = scale.colorscale[-2][1], scale.colorscale[1][1]
    assert int(red[1:3], 16) > int(red[5:7], 16) and int(blue[1:3], 16) < int(blue[5:7], 16)
    assert "+20.0 points" in colored.text[0][0] and "C 60.0% (n 10)" in colored.text[0][0]
    assert "intervals overlap" in gray.text[1][0]


@pytest.mark.parametrize(
    ("largest", "end"), [(None, 0.1), (0.0, 0.1), (0.1, 0.1), (0.11, 0.25), (0.6, 0.75), (1, 1)]
)
def test_scales_end_at_few_places(largest: float | None, end: float) -> None:
    assert comparisons.reach(largest) == end


def test_points_have_a_sign() -> None:
    assert comparisons.points(0.204) == "+20 points"
    assert comparisons.points(-0.204, 1) == "−20.4 points"
    assert comparisons.points(0) == "0 points"


def test_curves_have_a_band_a_color_and_a_mark_each() -> None:
    table = pl.DataFrame([cell(lag, "a", 1 / lag) for lag in (1, 2, 3)])
    figure = comparisons.curves([("one", table), ("two", table)], figures.LIGHT)
    lines = [trace for trace in figure.data if trace.name]
    assert [line.name for line in lines] == ["<b>A</b> one", "<b>B</b> two"]
    assert len({line.line.color for line in lines}) == len({line.marker.symbol for line in lines})
    assert sum(trace.fill == "toself" for trace in figure.data) == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_four_colors_are_enough_for_four_letters(theme: str) -> None:
    assert len(set(figures.look(theme).series)) == len(comparisons.LETTERS)


def on_a_line(places: list[float]) -> list[list[float]]:
    return [[abs(one - other) for other in places] for one in places]


@pytest.mark.parametrize(
    "places",
    [[3, 1, 2], [5, 1, 4, 2, 3, 0], [0.1, 9, 0.2, 9.1, 5, 0], [7], [2, 1], [1, 1, 1, 8, 8]],
)
def test_things_on_a_line_are_put_in_their_order(places: list[float]) -> None:
    order = comparisons.clustered(on_a_line(places))
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
    found = [family[place] for place in comparisons.clustered(matrix)]
    assert found in (sorted(family), sorted(family, reverse=True))


def test_missing_distances_count_as_far() -> None:
    matrix = [[0.0, None, 0.1], [None, 0.0, None], [0.1, None, 0.0]]
    assert comparisons.clustered(matrix) in ([0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1])
    assert comparisons.clustered([]) == []
    figure = comparisons.distances(["A one", "B two", "3 three"], matrix, figures.LIGHT)
    assert list(figure.layout.xaxis.ticktext) == ["A", "B", "3"]
    assert figure.layout.coloraxis.cmax == 0.1


@pytest.mark.parametrize("mark", ["line", "bars", "points"])
def test_a_quick_chart_has_a_color_for_each_group(mark: str) -> None:
    table = pl.DataFrame({"lag": [2, 1, 1, 2], "of": ["a", "a", "b", None], "share": [1, 2, 3, 4]})
    figure = figures.quick(table, "lag", "share", "of", mark, figures.LIGHT)
    assert [trace.name for trace in figure.data] == ["a", "b", ""]
    assert list(figure.data[0].x) == ([1, 2] if mark == "line" else [2, 1])
    alone = figures.quick(table, "of", "share", None, mark, figures.LIGHT)
    assert len(alone.data) == 1


def test_a_quick_chart_of_many_groups_says_that_it_is_cut() -> None:
    table = pl.DataFrame({"x": range(20), "y": range(20), "by": [str(n) for n in range(20)]})
    figure = figures.quick(table, "x", "y", "by", "points", figures.DARK)
    assert len(figure.data) == figures.GROUPS
    assert "first 8 of 20" in figure.layout.legend.title.text
