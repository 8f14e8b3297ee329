"""A folder in LibriSpeech's layout: part/speaker/chapter/*.flac beside a *.trans.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.corpora.corpus import SPLITS
from core.corpora.speech.listing import Found, Listing, hold_out
from core.corpora.textfile import read_text
from core.errors import BadInput


def recognizes(folder: Path) -> bool:
    """Whether the folder looks like LibriSpeech."""
    return next(folder.glob("*/*/*/*.trans.txt"), None) is not None


def read(folder: Path) -> Listing:
    """The utterances; parts that begin with train, dev or test are those splits.

    Where one of the three is missing, dev and test are speakers held out of all parts together.
    """
    found = Found(folder)
    parts = sorted({path.parts[-4] for path in folder.glob("*/*/*/*.trans.txt")})
    given = {part: split for part in parts for split in SPLITS if part.startswith(split)}
    spoken = [(part, *line) for part in parts for line in _lines(folder / part)]
    official = set(given.values()) == set(SPLITS)
    held = {} if official else hold_out(speaker for _, speaker, *_ in spoken)
    for part, speaker, name, path, text in spoken:
        split = given.get(part) if official else held[speaker]
        if split:
            found.add(split, name, path, text)
    how = "its own splits" if official else "dev and test are speakers held out"
    return found.listing(f"LibriSpeech layout with {', '.join(parts)}; {how}")


def _lines(part: Path) -> Iterator[tuple[str, str, Path, str]]:
    """Speaker, id, audio file and text of every transcript line."""
    for transcript in sorted(part.glob("*/*/*.trans.txt")):
        for line in read_text(transcript.read_bytes(), str(transcript)).splitlines():
            name, _, text = line.partition(" ")
            if not name:
                continue
            if "/" in name:
                raise BadInput(f"{transcript} names no utterance in the line {line[:60]!r}.")
            yield transcript.parent.parent.name, name, transcript.parent / f"{name}.flac", text
