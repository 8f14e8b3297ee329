"""Pictures as files: whole, on white, with letters, without what only a screen needs."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from PIL import Image

from app.pictures import curves, files, heatmaps, look, symbols
from app.pictures.look import DARK, LIGHT, SELECTED
from app.pictures.traces import plain
from tests.app.pictures.test_heatmaps import difference

HOSTILE = "<b>$x^2$</b> & <script>alert(1)</script> \\frac \u4e2d"
LAGS = range(1, 6)


def cells(short: int = 5) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"lag": lag, "symbol": symbol, "n": 100, "accuracy": 1 / lag, "low": 0.9 / lag}
            | {"high": 1.0 / lag, "precision": 0.5, "majority": 0.0, "current": 0.3}
            for lag in LAGS
            for symbol in "abc e"[:short]
        ]
    )


def signature(colors: look.Theme) -> go.Figure:
    forward = cells().filter(lag=1).drop("lag")
    return heatmaps.signature(cells(), forward, colors, (2, "b"))


def pixels(figure: go.Figure, width: float = 3.25) -> np.ndarray:
    data = files.save(figure, "png", width, "Title")
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def far(picture: np.ndarray, color: str) -> float:
    """How far the nearest pixel is from a color."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return float(np.abs(picture - wanted).sum(-1).min())


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_a_picture_is_as_wide_as_asked_and_white_at_its_edges(width: float) -> None:
    picture = pixels(signature(DARK), width)
    assert picture.shape[1] == round(width * files.DPI)
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()


def test_both_themes_give_the_same_file() -> None:
    for draw in (
        signature,
        lambda theme: curves.lettered([("one", cells().filter(symbol="a"))], theme),
    ):
        assert files.save(draw(DARK), "svg", 3.25) == files.save(draw(LIGHT), "svg", 3.25)


def test_what_is_selected_is_not_marked() -> None:
    unselected = heatmaps.signature(cells(), cells().filter(lag=1).drop("lag"), LIGHT)
    assert files.save(signature(LIGHT), "svg", 3.25) == files.save(unselected, "svg", 3.25)
    assert far(pixels(signature(LIGHT)), SELECTED) > 60


def test_the_color_of_a_cell_is_that_of_its_recall() -> None:
    picture = pixels(signature(LIGHT))
    assert far(picture, "#3f007d") <= 3  # all recalled at lag 1
    assert far(picture, "#9e9ac8") <= 3  # half of them at lag 2


def test_a_pdf_embeds_its_letters_as_truetype() -> None:
    data = files.save(signature(DARK), "pdf", 3.25, "Title")
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert b"/FontFile2" in data and b"/Type3" not in data
    width = re.search(rb"/MediaBox \[ *0 0 ([0-9.]+)", data)
    assert width and float(width[1]) == pytest.approx(3.25 * 72, abs=0.01)


def test_an_svg_is_xml_with_all_titles() -> None:
    data = files.save(signature(DARK), "svg", 3.25, "Recall\nGRU")
    root = ElementTree.fromstring(data)
    assert root.tag.endswith("svg") and root.find("{http://www.w3.org/2000/svg}title") is not None
    for text in ("Recall", "GRU", "symbols ago", "recall", "next", "100%"):
        assert f"<!-- {text} -->".encode() in data


@pytest.mark.parametrize("form", sorted(files.FORMATS))
def test_hostile_names_are_text(form: str) -> None:
    figure = heatmaps.lettered([(HOSTILE, cells()), ("plain", cells(3))], DARK)
    data = files.save(figure, form, 3.25, HOSTILE)
    assert len(data) > 1000
    if form == "svg":
        ElementTree.fromstring(data)
        assert b"<script" not in data.lower().replace(b"<!--", b"")[: data.find(b"<metadata")]


def test_panes_lines_bars_and_bands_are_drawn() -> None:
    table = cells().filter(symbol="a")
    named = curves.Curve("one", table, LIGHT.accent)
    lines = curves.recall({"left": [named], "right": [named]}, (1, 5), LIGHT, 300, look.BELOW)
    data = files.save(lines, "svg", 6.75)
    for text in ("left", "right", "one", "lag (symbols ago)"):
        assert f"<!-- {text} -->".encode() in data
    answers = pl.DataFrame({"guess": ["a", "b"], "n": [3, 1], "truth": ["a", "a"]})
    assert far(pixels(symbols.confusion(answers, DARK)), LIGHT.accent) <= 3


def test_a_difference_is_drawn_with_its_signs_and_rings() -> None:
    cells = [
        difference(),
        difference(symbol="b", difference=-0.3),
        difference(lag=2, significant=False, guess=True),
    ]
    figure = heatmaps.difference(pl.DataFrame(cells), "AB", 0.5, look.LIGHT)
    text = files.save(figure, "svg", 3.25, "Difference A − B").decode()
    assert "no better than a guess" in text


def test_an_unknown_trace_is_refused() -> None:
    figure = look.finish(go.Figure(go.Box(x=[1], y=[2])), LIGHT, 200, (40, 8, 8, 8))
    with pytest.raises(ValueError, match="box"):
        files.save(figure, "png", 3.25)


def test_plain_text_has_no_tags() -> None:
    assert plain("<b>A</b>  GRU<br>&lt;2&gt; < 3") == "A  GRU\n<2> < 3"
