"""What a folder of recordings holds: its utterances by split, before any audio is read."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from core.corpora.corpus import SPLITS
from core.corpora.textfile import plain, read_text, shown
from core.errors import BadInput
from core.text import normalize

HELD_OUT = 0.05  # share of the utterances that dev and test each get where the source has no split
NAMED = 20  # files named one by one in a message
NO_TRANSCRIPT = "it has no transcript"


class Utterance(NamedTuple):
    """One recording. path: relative to the folder, or absolute; size in bytes; text normalized."""

    id: str
    path: str
    size: int
    text: str


@dataclass(frozen=True)
class Listing:
    """The utterances of a folder. layout: what was found, in a sentence a person reads.

    skipped: every utterance that is listed and cannot be used, as "id: why".
    """

    layout: str
    splits: dict[str, list[Utterance]]
    skipped: list[str] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        return json.dumps([self.layout, self.splits, self.skipped]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Listing:
        """The listing of `to_bytes`; BadInput if it is damaged."""
        try:
            layout, splits, skipped = json.loads(data)
            return cls(
                layout,
                {split: [Utterance(*fields) for fields in splits[split]] for split in SPLITS},
                skipped,
            )
        except (ValueError, KeyError, TypeError) as problem:
            raise BadInput(
                "This stored list of recordings is damaged: list them again."
            ) from problem

    @property
    def content(self) -> str:
        """SHA-256 of the listing, 64 hex digits: all that is known without reading audio."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


class Row(NamedTuple):
    """An utterance as a layout lists it. part: the folder whose name may begin with its split."""

    part: str
    speaker: str
    name: str
    audio: Path | None
    text: str | None
    why: str = NO_TRANSCRIPT


class Collector:
    """Collects the utterances of a folder, and why others are skipped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.splits: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
        self.skipped: list[str] = []

    def add(
        self, split: str, name: str, path: Path | None, text: str | None, why: str = NO_TRANSCRIPT
    ) -> None:
        """One utterance of a split. path, text: None where there is none; why: there is no text."""
        normalized = normalize(text or "")
        if text is None:
            self.skip(name, why)
        elif not normalized:
            self.skip(name, "nothing is said in it")
        elif path is None or not path.is_file():
            self.skip(name, f"its audio file is missing{'' if path is None else f' ({path})'}")
        elif shown(str(path)) != str(path):
            self.skip(name, f"the name of its file is not UTF-8 text ({path})")
        else:
            inside = path.is_relative_to(self.folder)
            place = path.relative_to(self.folder) if inside else path
            self.splits[split].append(Utterance(name, str(place), path.stat().st_size, normalized))

    def add_parts(self, rows: list[Row], parts: list[str]) -> bool:
        """All rows by the split of their part; whether the folder has all three splits.

        Where it has not, dev and test are speakers held out of all parts together.
        """
        given = {part: split for part in parts for split in SPLITS if part.startswith(split)}
        official = set(given.values()) == set(SPLITS)
        held = {} if official else hold_out(row.speaker for row in rows)
        for row in rows:
            if split := given.get(row.part) if official else held[row.speaker]:
                self.add(split, row.name, row.audio, row.text, row.why)
        return official

    def skip(self, name: str, why: str) -> None:
        self.skipped.append(shown(f"{name}: {why}"))

    def listing(self, layout: str) -> Listing:
        """All that was found; BadInput if a split is empty."""
        layout = shown(layout)
        empty = [split for split in SPLITS if not self.splits[split]]
        if empty:
            missing = f"; {left_out(self.skipped, 'utterance')}" if self.skipped else ""
            raise BadInput(
                f"No utterances for {' and '.join(empty)} were found in {self.folder} "
                f"({layout}){missing}: complete the folder."
            )
        return Listing(layout, self.splits, self.skipped)


def walk(folder: Path, depth: int | None = None) -> Iterator[Path]:
    """All files in a folder and at most so many folders down, in order, also through links.

    A folder that several links lead to is walked once. What begins with a dot is left out: a Mac
    puts a ._NAME beside each NAME; and lost+found, the system's own at the top of a disk. Raises
    OSError for a folder that cannot be read.
    """
    seen = set[tuple[int, int]]()
    level = [folder]
    while level:
        place = level.pop()
        facts = place.stat()
        if (facts.st_dev, facts.st_ino) in seen:
            continue
        seen.add((facts.st_dev, facts.st_ino))
        with os.scandir(place) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
        entries = [e for e in entries if not e.name.startswith(".") and e.name != "lost+found"]
        yield from (place / entry.name for entry in entries if _is(entry.is_file))
        if depth is None or len(place.parts) - len(folder.parts) < depth:
            level += [place / entry.name for entry in reversed(entries) if _is(entry.is_dir)]


def _is(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a link that leads to itself
        return False


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turns what the system refuses in the folder into BadInput."""
    try:
        yield
    except OSError as problem:
        where = shown(str(problem.filename or folder))
        raise BadInput(
            f"{where} cannot be read: {problem.strerror}. Change that, or give another folder."
        ) from problem


def table(file: Path) -> dict[str, str]:
    """The text behind each key of a UTF-8 table, without the marks of language-model corpora.

    Raises BadInput if it is no such table.
    """
    lines = plain(read_text(file.read_bytes(), shown(str(file)))).splitlines()
    rows = (line.split(maxsplit=1) for line in lines if line.strip())
    return {key: "".join(value).strip() for key, *value in rows}


def transcript(file: Path) -> tuple[dict[str, str], str]:
    """The text of each utterance of a table, and why others (all, if it is no table) have none."""
    try:
        return table(file), NO_TRANSCRIPT
    except BadInput as problem:
        return {}, f"its transcript cannot be used: {problem}"


def left_out(entries: list[str], what: str) -> str:
    """How many entries were left out, and the first `NAMED` of them."""
    more = f", and {len(entries) - NAMED:,} more" if len(entries) > NAMED else ""
    plural = what if len(entries) == 1 else f"{what}s"
    return f"{len(entries):,} {plural} left out: {', '.join(entries[:NAMED])}{more}"


def hold_out(speakers: Iterable[str]) -> dict[str, str]:
    """The split of each speaker: `HELD_OUT` of the utterances to test and to dev.

    speakers: the speaker of every utterance. Ranked by a hash of the name, so that every machine
    selects the same; nobody speaks in two splits.
    """
    counts: dict[str, int] = defaultdict(int)
    for speaker in speakers:
        counts[speaker] += 1
    limit, split_of = HELD_OUT * sum(counts.values()), dict[str, str]()
    room = {"test": limit, "dev": limit}
    for speaker in sorted(counts, key=lambda name: hashlib.sha256(name.encode()).digest()):
        split = max(room, key=lambda name: room[name])
        if room[split] > 0 and len(counts) > len(split_of) + 1:
            room[split] -= counts[speaker]
        else:
            split = "train"
        split_of[speaker] = split
    return split_of
