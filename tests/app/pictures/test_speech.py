"""The pictures of an utterance, from plain arrays and tables."""

from __future__ import annotations

import numpy as np
import polars as pl

from app.pictures import look, speech


def test_sound_and_attention_share_their_seconds() -> None:
    attention = np.eye(3, 5, dtype=np.float32)
    figure = speech.sound(
        np.full((20, 8), -5.0, np.float16),
        10,
        np.arange(8) * 100.0,
        attention,
        40,
        np.array([20.0, 60.0, 100.0]),
        ["a", " ", "<unk>"],
        1,
        look.LIGHT,
    )
    spectrum, heard, clicks = figure.data
    assert spectrum.z.shape == (8, 20) and heard.z.shape == (3, 5)
    assert (heard.x0, heard.dx, spectrum.dx) == (0.02, 0.04, 0.01)
    assert figure.layout.xaxis.matches == "x2"
    assert list(figure.layout.xaxis.range) == [0, 0.2]
    assert list(clicks.customdata) == [0, 1, 2] and list(clicks.selectedpoints) == [1]
    assert list(figure.layout.yaxis2.ticktext) == ["a", "␣", "<unk>"]


def test_what_is_recalled_stands_in_the_order_of_reading() -> None:
    rows = pl.DataFrame(
        {
            "part": ["encoder 1"] * 3 + ["query"] * 2,
            "step": [4] * 5,
            "lag": [1, 0, -1, 1, 0],
            "truth": ["a", "b", "c", "a", "b"],
            "guess": ["a", "x", "c", "a", "b"],
            "probability": [0.9] * 5,
            "chance": [0.9, 0.1, 0.6, 1.0, 0.3],
        }
    )
    figure = speech.remembered(rows, ["encoder 1", "query"], look.LIGHT)
    heat, guesses = figure.data
    assert [list(line) for line in heat.z] == [[0.9, 0.1, 0.6], [1.0, 0.3, None]]
    assert [tick.split("<br>")[1] for tick in figure.layout.xaxis.ticktext] == ["1", "0", "−1"]
    assert list(guesses.text) == ["a", "<b>x</b>", "c", "a", "b"]
