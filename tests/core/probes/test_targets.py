"""Known answers: what states of known memory recall of classes, n-grams and words."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core.errors import BadInput
from core.probes.data import Chunk
from core.probes.states import relabelled
from core.probes.targets import MOST, OTHER, target_of
from core.text import SYMBOLS, encode
from tests.core.probes.test_measure import delay_line, marginal

LETTERS, SEGMENTS, STEPS = 4, 200, 30


def of_text(name: str, *segments: str) -> tuple[np.ndarray, np.ndarray]:
    symbols = np.concatenate([encode(segment) for segment in segments])
    return symbols, np.concatenate([np.arange(len(segment)) for segment in segments])


def labels(name: str, *segments: str) -> list[str | None]:
    """The name of each position's label, None = no label."""
    text = of_text(name, *segments)
    target = target_of(name, *text, SYMBOLS)
    assert len(target.names) <= MOST[name]
    return [None if label < 0 else target.names[label] for label in target.labels(*text)]


def test_labels_are_those_of_the_position() -> None:
    assert labels("symbol", "to#") == ["t", "o", "#"]
    assert labels("class", "to #.") == ["consonant", "vowel", "space", "digit", "punctuation"]
    assert labels("bigram", "abab", "ba") == [None, "ab", "ba", "ab", None, "ba"]
    assert labels("trigram", "abc", "bcd") == [None, None, "abc", None, None, "bcd"]


def test_a_word_ends_at_the_first_symbol_behind_it() -> None:
    found = labels("word", "he, he he", "he.")
    assert [place for place, name in enumerate(found) if name] == [2, 6, 11]
    assert found[2] == found[6] == found[11] == "he"  # the segment's end ends no word


def test_rare_labels_are_one() -> None:
    words = [f"{first}{second}" for first in "abcde" for second in "abcde"]
    found = labels("word", *["the "] * 60, *(f"{word} " for word in words))
    assert set(found) - {None, "the"} == {OTHER} and found.count(OTHER) == len(words)
    everything = [f"{a}{b}" for a in SYMBOLS[:26] for b in SYMBOLS[:26]]
    rare = labels("bigram", *everything, *["qu"] * 5)
    assert rare.count("qu") == 6 and rare.count(OTHER) == 26**2 - (MOST["bigram"] - 1)


def test_lags_count_the_words_of_a_segment() -> None:
    text = of_text("word", "to be or ", "to be ")
    owners = np.repeat([7, 9], [9, 6])
    target = target_of("word", *text, SYMBOLS)
    chunk = Chunk(np.arange(15.0)[:, None], text[0][:, None].astype(np.int64), owners, text[1] + 1)
    read = relabelled(chunk, target, 3)
    names = [[None if label < 0 else target.names[label] for label in row] for row in read.targets]
    assert read.states[:, 0].tolist() == [2, 5, 8, 11, 14]
    assert read.segments.tolist() == [7, 7, 7, 9, 9] and read.places.tolist() == [1, 2, 3, 1, 2]
    assert [row.count(None) for row in names] == [2, 1, 0, 2, 1]
    assert names[2][0] == OTHER and names[2][2] == names[0][0]  # "or" is the rarest of the text


@pytest.fixture(scope="module")
def text() -> np.ndarray:
    return np.random.default_rng(0).integers(0, LETTERS, (SEGMENTS, STEPS))


@pytest.mark.parametrize(("target", "n"), [("bigram", 2), ("trigram", 3)])
def test_a_delay_line_recalls_the_ngrams_that_it_holds_whole(
    text: np.ndarray, target: str, n: int
) -> None:
    slots = 4
    table = core.measure(delay_line(text, slots), text, max_lag=5, target=target)  # type: ignore[arg-type]
    rows = marginal(table)
    for lag in range(slots - n + 1):  # up to K - 2 for bigrams
        assert rows[lag]["accuracy"] > 0.995
    # One symbol too far back: the others are known, and it is guessed.
    assert rows[slots - n + 1]["accuracy"] == pytest.approx(1 / LETTERS, abs=0.05)
    assert rows[5]["accuracy"] == pytest.approx(rows[5]["majority"], abs=0.05)
    assert rows[0]["n"] == rows[1]["n"] + 20  # of 20 test segments, each lag loses a position
    names = table["symbol"].drop_nulls().unique()
    assert len(names) == LETTERS**n and "0 1" in names.str.head(3)


def test_counts_of_symbols_know_which_but_not_when() -> None:
    """A bag of symbols says which there were, and not in which order."""
    short = np.random.default_rng(3).integers(0, LETTERS, (1_000, 2))
    hot = np.eye(LETTERS, dtype=np.float32)[short].cumsum(1)
    rows = marginal(core.measure(hot, short, max_lag=1, target="bigram", width=32))
    # Of two different symbols the order is a coin's; of two equal ones there is only one.
    same = 1 / LETTERS
    assert rows[0]["accuracy"] == pytest.approx(same + (1 - same) / 2, abs=0.1)
    which = np.sort(short, axis=1)
    pairs = np.stack([which[:, 0] * LETTERS + which[:, 1]] * 2, 1)
    sets = marginal(core.measure(np.stack([hot[:, 1]] * 2, 1), pairs, max_lag=0, width=32))
    assert sets[0]["accuracy"] > 0.99


def test_recall_of_classes_is_at_least_what_symbols_imply(text: np.ndarray) -> None:
    alphabet = ["a", "e", "b", "c"]
    states = delay_line(text, 3)
    noisy = states + np.random.default_rng(1).normal(0, 0.5, states.shape).astype(np.float32)
    symbols = marginal(core.measure(noisy, text, max_lag=4))
    table = core.measure(noisy, text, max_lag=4, target="class", alphabet=alphabet)
    classes = marginal(table)
    assert set(table["symbol"].drop_nulls()) == {"vowel", "consonant"}
    for lag in range(5):
        assert classes[lag]["accuracy"] >= symbols[lag]["accuracy"] - 0.01
        chance = classes[lag]["majority"]
        assert chance == pytest.approx(0.5, abs=0.06)
    assert classes[4]["accuracy"] == pytest.approx(0.5, abs=0.06)


def test_words_are_recalled_by_their_place_among_words() -> None:
    generator = np.random.default_rng(2)
    words = ["ab ", "ba ", "aa "]
    segments = ["".join(generator.choice(words, 10)) for _ in range(150)]
    text = np.stack([encode(segment) for segment in segments]).astype(np.int64)
    hot = np.eye(len(SYMBOLS), dtype=np.float32)[:, [0, 1, 26]][text]
    states = np.zeros((*text.shape, 6, 3), dtype=np.float32)  # the last six symbols: two words
    for slot in range(6):
        states[:, slot:, slot] = hot[:, : text.shape[1] - slot]
    states = states.reshape(*text.shape, -1)
    table = core.measure(states, text, max_lag=3, target="word", alphabet=SYMBOLS)
    rows = marginal(table)
    assert [rows[lag]["accuracy"] > 0.99 for lag in range(4)] == [True, True, False, False]
    assert rows[3]["accuracy"] == pytest.approx(rows[3]["majority"], abs=0.12)
    assert rows[0]["n"] == 200  # ten words of each of 20 test segments


def test_what_cannot_be_labelled_is_refused(text: np.ndarray) -> None:
    states = delay_line(text, 1)
    with pytest.raises(BadInput, match="alphabet"):
        core.measure(states, text, target="word")
    with pytest.raises(BadInput, match="not in the alphabet"):
        core.measure(states, text, target="bigram", alphabet=["a", "b"])
    with pytest.raises(BadInput, match="no target"):
        core.measure(states, text, target="phoneme")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no word"):
        core.measure(states, text, target="word", alphabet=["a", "b", "c", "d"])


def test_a_label_keeps_its_spaces_where_the_alphabet_is_given() -> None:
    """'a ' and ' a' are two bigrams."""
    generator = np.random.default_rng(4)
    text = generator.integers(0, 3, (100, 20))
    states = generator.normal(size=(100, 20, 4)).astype(np.float32)
    table = core.measure(states, text, 1, target="bigram", alphabet=[" ", "a", "b"], rounds=1)
    of_lag = table.filter((table["lag"] == 0) & table["symbol"].is_not_null())
    assert {"a ", " a"} <= set(of_lag["symbol"]) and of_lag["symbol"].is_unique().all()
