"""What all pictures share: scales, order, names."""

from __future__ import annotations

import pytest
from plotly.colors import unlabel_rgb

from app.pictures import heatmaps, look


@pytest.mark.parametrize(
    ("largest", "end"), [(None, 0.1), (0.0, 0.1), (0.1, 0.1), (0.11, 0.25), (0.6, 0.75), (1, 1)]
)
def test_scales_end_at_few_places(largest: float | None, end: float) -> None:
    assert look.scale_end(largest) == end


def test_points_have_a_sign() -> None:
    assert look.points(0.204) == "+20 points"
    assert look.points(-0.204, 1) == "−20.4 points"
    assert look.points(0) == "0 points"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_four_colors_are_enough_for_four_letters(theme: str) -> None:
    assert len(set(look.theme(theme).series)) == len(heatmaps.LETTERS)


def test_lighter_green_is_higher_recall() -> None:
    light = [sum(int(color[i : i + 2], 16) for i in (1, 3, 5)) for _, color in look.GREEN]
    assert light == sorted(light)


def test_pictures_are_saved_under_plain_names() -> None:
    name = look.file_name("signature", "My text.txt", "gru-1-80")
    assert name == "signature-my-text-txt-gru-1-80"


def test_a_color_of_the_dark_theme_has_one_of_the_light_theme() -> None:
    pairs = look.on_white()
    for name in ("text", "accent", "grid"):
        assert pairs[getattr(look.DARK, name)] == getattr(look.LIGHT, name)
    for count in (1, 2, 5, 11):
        dark, light = (look.shades(count, theme) for theme in (look.DARK, look.LIGHT))
        for shade, wanted in zip(dark, light, strict=True):
            both = (unlabel_rgb(color) for color in (pairs[shade], wanted))
            assert all(abs(a - b) <= 1 for a, b in zip(*both, strict=True))
