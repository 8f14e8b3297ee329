"""A folder in LibriSpeech's layout: part/speaker/chapter/*.flac (or .wav) beside a *.trans.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.corpora.speech.listing import Collector, Listing, Row, transcript, walk

_DEEPEST = 4  # folders from the one that holds LibriSpeech to a transcript
_AUDIO = (".wav", ".flac")  # where both are there, the last one


def recognizes(folder: Path) -> bool:
    """Whether the folder looks like LibriSpeech, one of its parts, or what holds it."""
    return next(_transcripts(folder), None) is not None


def read(folder: Path) -> Listing:
    """The utterances; parts whose names begin with train, dev or test are those splits.

    Where one of the three is missing, dev and test are speakers held out of all parts together.
    """
    collector = Collector(folder)
    rows = [row for file in _transcripts(folder) for row in _rows(file, collector)]
    parts = sorted({file.parts[-4] for file in _transcripts(folder)})
    official = collector.add_parts(rows, parts)
    how = "its own splits" if official else "dev and test are speakers held out"
    return collector.listing(f"LibriSpeech layout with {', '.join(parts)}; {how}")


def _transcripts(folder: Path) -> Iterator[Path]:
    """The transcripts of all chapters: part/speaker/chapter/*.trans.txt at any usual depth."""
    for file in walk(folder, _DEEPEST):
        below = len(file.parts) - len(folder.parts)
        if file.name.endswith(".trans.txt") and below > 2:  # in speaker/chapter at least
            yield file


def _rows(file: Path, collector: Collector) -> Iterator[Row]:
    """The lines of a transcript; audio that it does not name is skipped."""
    files = list(walk(file.parent, 0))
    audio = {path.stem: path for form in _AUDIO for path in files if path.suffix == form}
    texts, why = transcript(file)
    for name in sorted(set(audio) - set(texts)):
        collector.skip(name, why)
    for name, text in texts.items():
        yield Row(file.parts[-4], file.parts[-3], name, audio.get(name), text)
