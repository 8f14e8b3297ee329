"""What decoders recall: the symbol read some steps back, its class, an n-gram or a word.

A target gives every position of a text one label, or none. States at positions without a label are
not read, and lags count the labelled positions of a segment: the n-gram that ended δ symbols ago,
the word that ended w words ago.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.text import N_SYMBOLS

# How many labels a target has at most, the last of n-grams and words being OTHER.
MOST = {"symbol": N_SYMBOLS, "class": 6, "bigram": 250, "trigram": 500, "word": 500}
LENGTHS = {"bigram": 2, "trigram": 3}
OTHER = "other"
SHARE = 0.6  # of the words of the training text that the labels of words cover, if MOST allows it

CLASSES = {
    **dict.fromkeys("aeiou", "vowel"),
    **dict.fromkeys("bcdfghjklmnpqrstvwxyz", "consonant"),
    " ": "space",
    **dict.fromkeys(".,'", "punctuation"),
    **dict.fromkeys("#0123456789", "digit"),
}  # of any other symbol: OTHER
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")  # words consist of them


def kinds_of(alphabet: Sequence[str]) -> dict[str, str]:
    """The classes of a text's own symbols, which differ by script: kinds of characters.

    Vowel signs and accents that stand apart are marks.
    """
    names = {"L": "letter", "M": "mark", "N": "digit", "P": "punctuation", "Z": "space"}
    kinds = {c: names.get(unicodedata.category(c)[0], OTHER) for c in alphabet if len(c) == 1}
    return {character: kind for character, kind in kinds.items() if kind != OTHER}


Labels = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Target:
    """What is recalled. names: of the labels, by number.

    labels: (symbols, places) -> int64 [N], the label of each position, -1 = none; symbols: int
    [N] of whole segments one after another; places: int [N], 0 = the first symbol of a segment.
    """

    names: tuple[str, ...]
    labels: Labels


def target_of(
    name: str,
    symbols: np.ndarray,
    places: np.ndarray,
    alphabet: Sequence[str],
    classes: Mapping[str, str] = CLASSES,
    letters: Collection[str] = LETTERS,
) -> Target:
    """The target of that name, with the labels that a training text has.

    symbols, places: of the training text, as `Target.labels` reads them. alphabet: what each
    symbol number stands for. classes: of its symbols. letters: those that words consist of. Raises
    BadInput for an unknown name.
    """
    if name == "symbol":
        return Target(tuple(alphabet), lambda symbols, places: symbols.astype(np.int64))
    if name == "class":
        return _classes(alphabet, classes)
    if name in LENGTHS:
        return _ngrams(LENGTHS[name], MOST[name], symbols, places, alphabet)
    if name == "word":
        return _words(symbols, places, alphabet, letters)
    raise BadInput(f"There is no target {name!r}; choose one of {', '.join(MOST)}.")


def _classes(alphabet: Sequence[str], classes: Mapping[str, str]) -> Target:
    of_symbol = [classes.get(symbol, OTHER) for symbol in alphabet]
    names = tuple(dict.fromkeys(of_symbol))
    numbers = np.array([names.index(name) for name in of_symbol])
    return Target(names, lambda symbols, places: numbers[symbols])


def _ngrams(
    n: int, most: int, symbols: np.ndarray, places: np.ndarray, alphabet: Sequence[str]
) -> Target:
    """The n-gram that ends at a position; none at the first n - 1 of a segment."""
    size = len(alphabet)
    codes, counts = np.unique(_codes(symbols, places, n, size), return_counts=True)
    counts[codes < 0] = 0
    frequent = np.sort(codes[np.argsort(-counts, kind="stable")[: most - 1]])
    frequent = frequent[frequent >= 0]
    if not len(frequent):
        raise BadInput(f"No segment of the training text has {n} symbols.")
    digits = frequent[:, None] // size ** np.arange(n - 1, -1, -1) % size
    names = ["".join(alphabet[digit] for digit in row) for row in digits]

    def labels(symbols: np.ndarray, places: np.ndarray) -> np.ndarray:
        codes = _codes(symbols, places, n, size)
        place = np.searchsorted(frequent, codes).clip(max=len(frequent) - 1)
        label = np.where(frequent[place] == codes, place, len(frequent))
        return np.where(codes < 0, -1, label)

    return Target((*names, OTHER), labels)


def _codes(symbols: np.ndarray, places: np.ndarray, n: int, size: int) -> np.ndarray:
    """The n-gram that ends at each position as a number, oldest symbol first; -1 = none."""
    symbols = symbols.astype(np.int64)
    codes = np.zeros(len(symbols), dtype=np.int64)
    for back in range(n):
        codes[back:] += symbols[: len(symbols) - back] * size**back
    codes[places < n - 1] = -1
    return codes


def frequent(symbols: np.ndarray, alphabet: Sequence[str]) -> Target:
    """The symbols of an alphabet of words, the most frequent ones by name as `word` has them.

    symbols: int [N], of the training text.
    """
    counts = np.bincount(symbols, minlength=len(alphabet))
    ranked = np.argsort(-counts, kind="stable")
    chosen = ranked[: _enough(counts[ranked])]
    numbers = np.full(len(alphabet), len(chosen))
    numbers[chosen] = np.arange(len(chosen))
    names = (*(alphabet[symbol] for symbol in chosen), OTHER)
    return Target(names, lambda symbols, places: numbers[symbols])


def _enough(counts: Sequence[int] | np.ndarray) -> int:
    """How many words have labels: `SHARE` of the text, or as many as there may be.

    counts: how often each occurs, the most frequent first.
    """
    covered = np.cumsum(counts)
    return min(int(np.searchsorted(covered, SHARE * covered[-1])) + 1, MOST["word"] - 1)


def _words(
    symbols: np.ndarray, places: np.ndarray, alphabet: Sequence[str], parts: Collection[str]
) -> Target:
    """The word that a position ends, being the first symbol after it that is no letter."""
    letters = np.array([symbol in parts for symbol in alphabet])

    def ended(symbols: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, list[str]]:
        letter = letters[symbols]
        inside = np.zeros(len(symbols), dtype=bool)  # whether the symbol before belongs to a word
        inside[1:] = letter[:-1] & (places[1:] > 0)
        ends = np.flatnonzero(inside & ~letter)
        begins = np.flatnonzero(letter & ~inside)
        begins = begins[np.searchsorted(begins, ends) - 1]
        spelled = [
            "".join(alphabet[symbol] for symbol in symbols[begin:end])
            for begin, end in zip(begins, ends, strict=True)
        ]
        return ends, spelled

    counts = Counter(ended(symbols, places)[1]).most_common()
    if not counts:
        raise BadInput("The training text has no word that ends before its segment does.")
    names = tuple(word for word, _ in counts[: _enough([count for _, count in counts])])
    numbers = {name: number for number, name in enumerate(names)}

    def labels(symbols: np.ndarray, places: np.ndarray) -> np.ndarray:
        ends, spelled = ended(symbols, places)
        found = np.full(len(symbols), -1, dtype=np.int64)
        found[ends] = [numbers.get(word, len(names)) for word in spelled]
        return found

    return Target((*names, OTHER), labels)
