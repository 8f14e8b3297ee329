"""Detectors of words: known answers for states that hold which words, the last one, or nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import core
from core.probes import seen
from core.probes.seen import WordStates
from core.profiles import DecoderBudget

WORDS, LENGTH = 20, 10
NAMES = [f"w{number}" for number in range(WORDS)]
BUDGET = DecoderBudget(
    states=None,
    dev_states=None,
    test_states=None,
    rounds=2,
    steps=150,
    batch=256,
    learning_rate=2e-2,
    keeps=(1.0,),
    widths=(1.0,),
    depth=1,
)


def texts(segments: int, seed: int) -> np.ndarray:
    """Words of segments, none of which has a word twice; those from `WORDS` on have no detector."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(2 * WORDS)[:LENGTH] for _ in range(segments)])


def bags(words: np.ndarray) -> np.ndarray:
    """States that hold which words were read, and not when: [segments, time, 2 · WORDS]."""
    return np.cumsum(np.eye(2 * WORDS, dtype=np.float32)[words], axis=1)


def last_words(words: np.ndarray) -> np.ndarray:
    return np.eye(2 * WORDS, dtype=np.float32)[words]


def noise(words: np.ndarray) -> np.ndarray:
    return np.random.default_rng(words.sum()).normal(size=(*words.shape, 8)).astype(np.float32)


def reading(words: np.ndarray, states: np.ndarray) -> WordStates:
    segments = np.repeat(np.arange(len(words)), LENGTH)
    flat = states.reshape(len(segments), -1)
    return WordStates(flat, seen.ages_of(words.ravel(), segments, WORDS), segments)


def measured(states: object) -> pl.DataFrame:
    train, dev, test = (reading(w, states(w)) for w in map(texts, (800, 200, 200), (1, 2, 3)))  # type: ignore[operator]
    fits = [
        seen.fit(a, b, 32, BUDGET, 0, lambda done, what: None)
        for a, b in ((train, dev), (seen.without_states(train), seen.without_states(dev)))
    ]
    return seen.evaluate(*fits, test, NAMES, LENGTH - 1)


def rates(table: pl.DataFrame, column: str = "rate") -> list[float]:
    """Of all words together: by how many words ago, and last that of false alarms."""
    rows = table.filter(pl.col("word").is_null()).sort("ago", nulls_last=True)
    assert rows["ago"].to_list() == [*range(LENGTH), None]
    return rows[column].to_list()


def test_ages_are_those_of_a_loop() -> None:
    labels = np.array([3, 1, 3, 0, 1, 1, 5, 3])
    segments = np.array([7, 7, 7, 7, 9, 9, 9, 9])
    expected = []
    for place, segment in enumerate(segments):
        before = [i for i in range(place + 1) if segments[i] == segment]
        row = [max((i for i in before if labels[i] == word), default=None) for word in range(4)]
        expected.append([-1 if i is None else place - i for i in row])
    assert seen.ages_of(labels, segments, 4).tolist() == expected


def test_a_bag_of_words_knows_which_but_not_when() -> None:
    table = measured(bags)
    *hits, alarms = rates(table)
    assert min(hits) > 0.99
    assert alarms < 0.08
    *guess, _ = rates(table, "guess")
    assert guess[0] > 0.99 and max(guess[1:]) < 0.3  # it knows the word just read and the place
    words = texts(600, 4)
    recall = core.measure(bags(words), words, max_lag=3)
    last = recall.filter(pl.col("symbol").is_null(), lag=3)["accuracy"].item()
    assert last < 0.35  # of up to ten words in random order


def test_states_that_hold_the_last_word_or_nothing_do_as_well_as_the_guess() -> None:
    *hits, alarms = rates(measured(last_words))
    assert hits[0] > 0.99 and max(hits[1:]) < 0.2 and alarms < 0.08
    assert max(rates(measured(noise))) < 0.12


def test_every_word_and_age_is_counted_once() -> None:
    table = measured(noise)
    cells = table.filter(pl.col("word").is_not_null())
    assert cells["n"].sum() == 200 * LENGTH * WORDS
    assert set(cells["word"]) == set(NAMES)
    pooled = table.filter(pl.col("word").is_null())
    assert pooled["n"].sum() == cells["n"].sum() and pooled["yes"].sum() == cells["yes"].sum()
    assert pooled.filter(pl.col("low") > pl.col("rate")).is_empty()
    assert pooled.filter(pl.col("high") < pl.col("rate")).is_empty()


def test_the_same_seed_gives_the_same_detectors() -> None:
    train, dev = (reading(w, noise(w)) for w in (texts(60, 1), texts(30, 2)))
    answers = [
        seen.fit(train, dev, 16, BUDGET, 5, lambda done, what: None).answers(dev.states)
        for _ in range(2)
    ]
    assert np.array_equal(*answers)


def test_a_word_that_every_position_has_read_has_no_false_alarms() -> None:
    words = np.zeros((40, LENGTH), dtype=np.int64)
    read = reading(words, noise(words))
    detectors = seen.fit(read, read, 4, BUDGET, 0, lambda done, what: None)
    assert detectors.answers(read.states)[:, 0].mean() > 0.9
    assert detectors.rising == pytest.approx(0, abs=0.05)


LETTERS = "abcdefghijklmnopqrst"


def spelled(segments: int) -> np.ndarray:
    """Segments of ten words of one letter and a space, none of which occurs twice."""
    rng = np.random.default_rng(0)
    letters = np.stack([rng.permutation(len(LETTERS))[:LENGTH] for _ in range(segments)])
    return np.stack([letters, np.full_like(letters, len(LETTERS))], -1).reshape(segments, -1)


def test_arrays_of_a_bag_of_words_have_every_word_at_any_distance() -> None:
    symbols = spelled(400)
    states = np.cumsum(np.eye(len(LETTERS) + 1, dtype=np.float32)[symbols], axis=1)
    states[:, :, -1] = 0  # the spaces, which say how many words there were
    table = core.detect(states, symbols, [*LETTERS, " "], max_age=LENGTH - 1)
    *hits, alarms = rates(table)
    assert min(hits) > 0.99 and alarms < 0.08
    # Words that cover three fifths of the text have detectors: of twenty equally frequent, twelve.
    assert table["word"].drop_nulls().n_unique() == 12
    *guess, _ = rates(table, "guess")
    assert guess[0] > 0.99 and max(guess[1:6]) < 0.3  # of greater distances there are few


def test_arrays_that_hold_no_words_are_refused() -> None:
    symbols = np.zeros((80, 20), dtype=np.int64)
    for alphabet, count, words in ((["a"], 80, "no word"), (["a", " "], 59, "at least 60")):
        with pytest.raises(core.BadInput, match=words):
            core.detect(np.ones((count, 20, 3)), symbols[:count], alphabet)
