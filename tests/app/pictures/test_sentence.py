"""The picture of a sentence: which cell stands where, and what it says."""

from __future__ import annotations

import numpy as np

from app.pictures.look import LIGHT
from app.pictures.sentence import triangles
from core.reading import table
from core.text import EOS, N_SYMBOLS


def rows() -> object:
    """'ab' as read by a network that expects an 'a' first, then a 'b', then the end."""
    expected = np.full((3, N_SYMBOLS), 0.01, dtype=np.float32)
    expected[[0, 1, 2], [0, 1, EOS]] = 0.9, 0.2, 0.5
    recalled = np.full((2, 3, N_SYMBOLS), 0.02, dtype=np.float32)
    recalled[1, 1, :2] = 0.7, 0.8  # one back was the 'a', and it says 'b'
    return table("ab", expected, recalled)


def test_a_triangle_stands_under_the_letters() -> None:
    figure = triangles([("one", rows()), ("other", rows())], "ab", LIGHT)
    first, second = (trace for trace in figure.data if trace.type == "heatmap")
    z = [[None if v is None else round(v, 3) for v in line] for line in first.z]
    assert z == [[0.9, 0.2, None], [None, 0.7, None]]  # expected, then lag 1
    assert (first.yaxis, second.yaxis) == ("y", "y2") and first.xaxis == second.xaxis
    assert figure.layout.xaxis.spikemode == "across"  # one cursor for both
    assert figure.layout.yaxis.domain[0] >= figure.layout.yaxis2.domain[1]
    assert first.text[1][1].startswith("<b>a</b> 1 ago: 70%<br>guesses: b 80%, a 70%")
    assert first.text[0][2].startswith("expected next<br>guesses: ↵ 50%")


def test_what_was_expected_stands_in_its_place() -> None:
    figure = triangles([("one", rows())], "ab", LIGHT)
    letters, guesses = (trace for trace in figure.data if trace.type == "scatter")
    assert letters.text == ("<b>a</b>", "<b>b</b>") and letters.x == (0, 1)
    assert guesses.text == ("a", "b", "↵") and guesses.x == (0, 1, 2)


def test_names_and_symbols_are_escaped() -> None:
    figure = triangles([("<i>mine</i>", rows())], "ab", LIGHT)
    assert figure.layout.annotations[0].text == "<b>&lt;i&gt;mine&lt;/i&gt;</b>"
