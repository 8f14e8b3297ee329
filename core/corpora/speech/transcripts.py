"""A folder of WAV or FLAC files with one transcript file beside them: CSV, TSV or JSON lines.

Each row names a recording and what is said in it, in columns that go by the names that Common
Voice, Hugging Face's audiofolder and NeMo use; a speaker and a split where there are any.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from core.corpora.speech.listing import Collector, Listing, Row, walk
from core.corpora.textfile import read_text, shown
from core.errors import BadInput

FORMS = (".csv", ".tsv", ".jsonl")
AUDIO = ("path", "file", "file_name", "filename", "audio", "audio_filepath", "wav_filename")
TEXT = ("text", "sentence", "transcript", "transcription")
SPEAKER = ("speaker", "speaker_id", "client_id")
SPLIT = ("split", "part", "subset")


class Tabs(csv.excel_tab):
    """Values between tabs, where a quotation mark that opens a sentence is part of it."""

    quoting = csv.QUOTE_NONE


DIALECTS = {".csv": csv.excel, ".tsv": Tabs}


def recognizes(folder: Path) -> bool:
    """Whether a transcript file stands in the folder."""
    return bool(_files(folder))


def read(folder: Path) -> Listing:
    """The utterances; by their own splits where a column names all three.

    Else dev and test are held out: by speaker where a column tells them, else by recording.
    Raises BadInput for several transcript files, or one without the columns that are needed.
    """
    file, *others = _files(folder)
    if others:
        names = ", ".join(shown(path.name) for path in (file, *others))
        raise BadInput(f"{folder} has several transcript files ({names}): leave one there.")
    collector = Collector(folder)
    rows = list(_rows(file))
    official = collector.add_parts(rows, sorted({row.part for row in rows}))
    how = "its own splits" if official else "dev and test are held out"
    return collector.listing(f"Recordings with {file.name}; {how}")


def _files(folder: Path) -> list[Path]:
    return [path for path in walk(folder, 0) if path.suffix.lower() in FORMS]


def _rows(file: Path) -> Iterator[Row]:
    """Every recording that the file lists; without a speaker each counts as one."""
    inside: dict[str, Path] | None = None
    for number, record in enumerate(_records(file), start=1):
        name, text = _value(record, AUDIO), _value(record, TEXT)
        if name is None or text is None:
            wanted = f"a recording ({', '.join(AUDIO)}) and its text ({', '.join(TEXT)})"
            raise BadInput(f"Row {number} of {shown(str(file))} does not name {wanted}.")
        audio = file.parent / name
        if not audio.is_file():  # in a folder further down, as Common Voice has its clips
            inside = _by_name(file.parent) if inside is None else inside
            audio = inside.get(audio.name, audio)
        split = (_value(record, SPLIT) or "").lower()
        part = "dev" if split.startswith("val") else split
        yield Row(part, _value(record, SPEAKER) or name, name, audio, text)


def _by_name(folder: Path) -> dict[str, Path]:
    """The files below a folder by their names, where only one has it."""
    paths = list(walk(folder, 4))
    counts = Counter(path.name for path in paths)
    return {path.name: path for path in paths if counts[path.name] == 1}


def _records(file: Path) -> Iterator[dict[str, object]]:
    """The rows of the file, each by the names of its columns in lower case."""
    name = shown(str(file))
    lines = read_text(file.read_bytes(), name).splitlines()
    if file.suffix.lower() != ".jsonl":
        for row in csv.DictReader(lines, dialect=DIALECTS[file.suffix.lower()]):
            yield {str(column).strip().lower(): value for column, value in row.items()}
        return
    for number, line in enumerate(filter(str.strip, lines), start=1):
        try:
            record = json.loads(line)
        except ValueError as problem:
            raise BadInput(f"Row {number} of {name} is no JSON object.") from problem
        if not isinstance(record, dict):
            raise BadInput(f"Row {number} of {name} is no JSON object.")
        yield {column.lower(): value for column, value in record.items()}


def _value(record: dict[str, object], names: tuple[str, ...]) -> str | None:
    """What stands in the first of these columns that the row has; None for nothing."""
    values = (record.get(name) for name in names)
    return next((str(value).strip() for value in values if value not in (None, "")), None)
