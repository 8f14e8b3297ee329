"""A text of 10,000 words whose counts follow Zipf's law: each word tells the one two words back."""

from __future__ import annotations

import numpy as np

V, WORDS = 10_000, 12  # words that there are, and of a line


def word(rank: int) -> str:
    """A word of letters alone, another one for each rank from 0."""
    return "w" + "".join("abcdefghij"[int(digit)] for digit in str(rank))


def lines(count: int, v: int = V) -> list[str]:
    """Lines a b a' b' a b …: two words drawn by Zipf's law, and the neighbor in rank of each."""
    chance = np.random.default_rng(0)
    weights = 1 / np.arange(1, v + 1)
    drawn = chance.choice(v, (count, 2), p=weights / weights.sum())
    rows = np.concatenate([drawn, drawn ^ 1] * (WORDS // 4), 1)
    named = [word(rank) for rank in range(v)]
    return [" ".join(named[rank] for rank in row) for row in rows.tolist()]


def text(count: int, v: int = V) -> bytes:
    """Those lines, between lines that hold every word, so that a text has them all."""
    every = [word(rank) for rank in range(v)]
    whole = [" ".join(every[start : start + WORDS]) for start in range(0, v, WORDS)]
    return "\n".join(lines(count, v) + 2 * whole).encode()
