"""A folder in LibriSpeech's layout: part/speaker/chapter/*.flac (or .wav) beside a *.trans.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.corpora.corpus import SPLITS
from core.corpora.speech.listing import Found, Listing, hold_out, transcript, walk

_DEEPEST = 4  # folders from the one that holds LibriSpeech to a transcript
_AUDIO = (".wav", ".flac")  # where both are there, the last one


class _Line(NamedTuple):
    part: str
    speaker: str
    name: str
    audio: Path | None
    text: str


def recognizes(folder: Path) -> bool:
    """Whether the folder looks like LibriSpeech, one of its parts, or what holds it."""
    return next(_transcripts(folder), None) is not None


def read(folder: Path) -> Listing:
    """The utterances; parts that begin with train, dev or test are those splits.

    Where one of the three is missing, dev and test are speakers held out of all parts together.
    """
    found = Found(folder)
    lines = [line for file in _transcripts(folder) for line in _lines(file, found)]
    parts = sorted({file.parts[-4] for file in _transcripts(folder)})
    given = {part: split for part in parts for split in SPLITS if part.startswith(split)}
    official = set(given.values()) == set(SPLITS)
    held = {} if official else hold_out(line.speaker for line in lines)
    for line in lines:
        split = given.get(line.part) if official else held[line.speaker]
        if split:
            found.add(split, line.name, line.audio, line.text)
    how = "its own splits" if official else "dev and test are speakers held out"
    return found.listing(f"LibriSpeech layout with {', '.join(parts)}; {how}")


def _transcripts(folder: Path) -> Iterator[Path]:
    """The transcripts of all chapters: part/speaker/chapter/*.trans.txt at any usual depth."""
    for file in walk(folder, _DEEPEST):
        below = len(file.parts) - len(folder.parts)
        if file.name.endswith(".trans.txt") and below > 2:  # in speaker/chapter at least
            yield file


def _lines(file: Path, found: Found) -> Iterator[_Line]:
    """The lines of a transcript; audio that it does not name is noted as skipped."""
    beside = list(walk(file.parent, 0))
    audio = {path.stem: path for form in _AUDIO for path in beside if path.suffix == form}
    rows, why = transcript(file)
    for name in sorted(set(audio) - set(rows)):
        found.skip(name, why)
    for name, text in rows.items():
        yield _Line(file.parts[-4], file.parts[-3], name, audio.get(name), text)
