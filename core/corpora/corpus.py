"""What a corpus is: segments of symbols with a fixed split and a content hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import BadInput
from core.text import PAPER, Alphabet

if TYPE_CHECKING:  # they take seconds to load, which every process that reads a text would wait
    import polars as pl

    from core.spec import CorpusSpec

SPLITS = ("train", "dev", "test")
SEGMENTS = ("line", "sentence", "speech", "paragraph")
_FORMAT = "memory-signatures corpus 1"


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments laid end to end, read-only; <s> and </s> are not stored.

    symbols: `alphabet.number` [total], numbers of the alphabet's symbols. offsets: int64
    [segments + 1], segment i is symbols[offsets[i] : offsets[i + 1]] and never empty.
    """

    symbols: np.ndarray
    offsets: np.ndarray
    alphabet: Alphabet = PAPER

    def __post_init__(self) -> None:
        self.symbols.setflags(write=False)
        self.offsets.setflags(write=False)

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], alphabet: Alphabet = PAPER) -> Segments:
        """Segments of non-empty texts, or lists of words, as the alphabet writes them."""
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        if alphabet.of_words:
            return cls(alphabet.encode([*chain.from_iterable(texts)]), offsets, alphabet)
        return cls(alphabet.encode("".join(map(str, texts))), offsets, alphabet)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        if not -len(self) <= index < len(self):
            raise IndexError(f"segment {index} of {len(self)}")
        index %= len(self)
        return self.symbols[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def take(self, rows: np.ndarray) -> Segments:
        """These segments alone, in this order."""
        return Segments(
            np.concatenate([self[int(row)] for row in rows] or [self.symbols[:0]]),
            np.concatenate(([0], np.cumsum(self.lengths[rows]))),
            self.alphabet,
        )

    @property
    def lengths(self) -> np.ndarray:
        """Symbols of each segment: int64 [segments]."""
        return np.diff(self.offsets)

    @property
    def positions(self) -> np.ndarray:
        """The place of each symbol in its segment, from 0: int64 [total]."""
        return np.arange(self.total) - np.repeat(self.offsets[:-1], self.lengths)

    @property
    def total(self) -> int:
        """Symbols in all segments together."""
        return len(self.symbols)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Segments of one kind with their train, dev and test split; compare two by `content`.

    segment: what one segment is, one of `SEGMENTS`. kept: of a text of the user's own the share
    of its letters that the paper's alphabet has or spells, or of its characters or words that its
    own alphabet has, 0 to 1.
    """

    name: str
    segment: str
    train: Segments
    dev: Segments
    test: Segments
    kept: float | None = None

    @property
    def splits(self) -> dict[str, Segments]:
        return {split: getattr(self, split) for split in SPLITS}

    @property
    def alphabet(self) -> Alphabet:
        return self.train.alphabet

    def __len__(self) -> int:
        """Segments of all splits together."""
        return sum(map(len, self.splits.values()))

    @property
    def symbols(self) -> int:
        """Symbols of all splits together."""
        return sum(segments.total for segments in self.splits.values())

    @cached_property
    def content(self) -> str:
        """SHA-256 over the segment kind and each split's segments, 64 hex digits; not the name.

        An alphabet of the text's own is part of it.
        """
        digest = hashlib.sha256(f"{_FORMAT}\n{self.segment}\n".encode())
        if self.alphabet != PAPER:
            kind = "words\n" if self.alphabet.of_words else ""
            digest.update(f"{kind}{_written(self.alphabet)}\n".encode())
        for split, segments in self.splits.items():
            digest.update(f"{split} {len(segments)} {segments.total}\n".encode())
            digest.update(segments.offsets.astype("<i8").tobytes())
            digest.update(segments.symbols.astype(f"<u{segments.symbols.itemsize}").tobytes())
        return digest.hexdigest()

    @property
    def spec(self) -> CorpusSpec:
        from core.spec import CorpusSpec

        tokens = self.alphabet.tokens
        has = {"characters": tokens} if isinstance(tokens, str) else {"words": len(tokens)}
        return CorpusSpec.model_validate({"name": self.name, "content": self.content} | has)

    def sample(self, segments: int = 5) -> str:
        """The first training segments, one a line: what the corpus looks like."""
        return "\n".join(
            self.alphabet.decode(self.train[i]) for i in range(min(segments, len(self.train)))
        )

    def statistics(self) -> pl.DataFrame:
        """How often each symbol occurs in all splits: symbol, count, share (0..1) of all symbols.

        In the order of the alphabet, without <s> and </s>, which frame segments and are not stored.
        """
        import polars as pl

        alphabet = self.alphabet
        counts = sum(
            np.bincount(segments.symbols, minlength=alphabet.size)
            for segments in self.splits.values()
        )
        stored = [i for i in range(alphabet.size) if i not in (alphabet.bos, alphabet.eos)]
        return pl.DataFrame(
            {"symbol": [alphabet.symbols[i] for i in stored], "count": np.asarray(counts)[stored]}
        ).with_columns(share=pl.col("count") / self.symbols)

    def to_bytes(self) -> bytes:
        """The corpus as safetensors: symbols and offsets of each split, the rest as metadata."""
        tensors = {}
        for split, segments in self.splits.items():
            tensors[f"{split}.symbols"] = segments.symbols
            tensors[f"{split}.offsets"] = segments.offsets
        facts = {
            "format": _FORMAT,
            "name": self.name,
            "segment": self.segment,
            "content": self.content,
        }
        if self.kept is not None:
            facts["kept"] = str(self.kept)
        if self.alphabet != PAPER:
            facts["words" if self.alphabet.of_words else "alphabet"] = _written(self.alphabet)
        return save(tensors, metadata=facts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Corpus:
        """The corpus of `to_bytes`, with its content hash checked; BadInput if it is damaged."""
        try:
            tensors = load(data)
            facts = metadata(data)
            if facts["format"] != _FORMAT or facts["segment"] not in SEGMENTS:
                raise ValueError("another format")
            if set(tensors) != {f"{split}.{part}" for split in SPLITS for part in _PARTS}:
                raise ValueError("parts missing")
            alphabet = Alphabet(facts["alphabet"]) if "alphabet" in facts else PAPER
            if "words" in facts:
                alphabet = Alphabet(tuple(facts["words"].split("\n")))
            splits = {split: _checked(tensors, split, alphabet) for split in SPLITS}
            share = float(facts["kept"]) if "kept" in facts else None
            corpus = cls(facts["name"], facts["segment"], **splits, kept=share)
            if corpus.content != facts["content"]:
                raise ValueError("content changed")
        except (SafetensorError, KeyError, TypeError, ValueError) as problem:
            raise BadInput(
                "This stored corpus is damaged: delete it and add the text again."
            ) from problem
        return corpus


def metadata(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file, whose library reads them from a path alone.

    Raises ValueError or KeyError where there are none.
    """
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header["__metadata__"])


def _written(alphabet: Alphabet) -> str:
    """The characters of an alphabet, or its words, a line each."""
    return "\n".join(alphabet.tokens) if alphabet.of_words else "".join(alphabet.tokens)


_PARTS = ("symbols", "offsets")


def _checked(tensors: dict[str, np.ndarray], split: str, alphabet: Alphabet) -> Segments:
    """One split's segments; ValueError where they are not what `Segments` promises."""
    for part, kind in zip(_PARTS, (alphabet.number, np.int64), strict=True):
        array = tensors[f"{split}.{part}"]
        if array.dtype != kind or array.ndim != 1:
            raise ValueError(f"{split} {part} of the wrong type")
    segments = Segments(tensors[f"{split}.symbols"], tensors[f"{split}.offsets"], alphabet)
    bounds = segments.offsets
    if len(segments) < 1 or bounds[0] != 0 or bounds[-1] != segments.total:
        raise ValueError(f"{split} segments out of bounds")
    if (segments.lengths < 1).any() or (segments.symbols >= alphabet.size).any():
        raise ValueError(f"{split} segments out of range")
    if np.isin(segments.symbols, (alphabet.bos, alphabet.eos)).any():
        raise ValueError(f"{split} segments hold <s> or </s>")
    return segments
