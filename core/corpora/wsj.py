"""The Wall Street Journal discs, LDC93S6A (WSJ0) and LDC94S13A (WSJ1): speech, and its text.

The splits are those of Kaldi's recipe `egs/wsj/s5`: train SI-284, dev dev93, test eval92. The discs
may stand beside each other under their own names (11-1.1 … 13-34.1) or be copied into wsj0/ and
wsj1/, at most three folders deep, in any mixture of upper and lower case.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from core.corpora.assembly import Source, Units
from core.corpora.speech.listing import Collector, Listing, left_out, readable, walk
from core.errors import BadInput

Punctuation = Literal["keep", "word", "drop"]

SPEECH = "wsj-speech"  # the name of the speech corpus; the text corpus is wsj
FOLDER = "MEMSIG_WSJ"  # the environment variable that says where the discs are
EXPECTED = {"train": 37_416, "dev": 503, "test": 333}
# Index files by split: the disc, and the path on it.
INDEXES = {
    "train": (
        ("11-13.1", "wsj0/doc/indices/train/tr_s_wv1.ndx"),
        ("13-34.1", "wsj1/doc/indices/si_tr_s.ndx"),
    ),
    "dev": (("13-34.1", "wsj1/doc/indices/h1_p0.ndx"),),
    "test": (("11-13.1", "wsj0/doc/indices/test/nvp/si_et_20.ndx"),),
}
_LEFT_OUT = ("11_2_1", "wsj0/si_tr_s/401")  # a speaker who is not among the 84 of SI-84

_DISC = re.compile(r"1[13][-_]\d{1,2}[-_.]\d")
_ENTRY = re.compile(r"(?P<disc>[\d_.-]+):\s*(?P<path>\S+)")
_LINE = re.compile(r"(?P<text>.*)\((?P<id>\w{8})\)\s*")

# Verbalized punctuation: a mark and its name, which the reader says: ,COMMA "DOUBLE-QUOTE
_MARK = re.compile(
    r"""(?P<mark>[!"#&'()+,./:;?{}-]+)(?P<name>(?:[A-Z]+-)*(?:COMMA|PERIOD|POINT|DECIMAL|DOT|STOP"""
    r"|COLON|MARK|QUOTES?|UNQUOTE|PAREN(?:S|THES[EI]S)?|BRACE|BRACKET|HYPHEN|DASH|ELLIPSIS|SLASH"
    r"|AMPERSAND|SIGN|PLUS))",
    re.IGNORECASE,
)
_SPELLED_OUT = {"%PERCENT": "percent", ".POINT": "point", "--DASH": "dash"}
_NOISE = re.compile(r"\[<\w+\]|\[\w+>\]|\[\w+/\]|\[/\w+\]|\[\w+\]")  # a door slams, a breath
_VERBAL = re.compile(r"<([\w']+)>|\*([\w']+)\*")  # left out or stressed by the reader, but said


def spoken(transcript: str, vp: Punctuation = "keep") -> str:
    """The words of a .dot transcript.

    vp: what becomes of verbalized punctuation such as ,COMMA: the mark itself, the word that is
    said, or nothing.
    """
    words = []
    for token in transcript.replace("\\", "").split():
        mark = _MARK.fullmatch(token)
        verbal = _VERBAL.fullmatch(token)
        if token.upper() in _SPELLED_OUT:
            words.append(_SPELLED_OUT[token.upper()])
        elif token in ("~", ".") or _NOISE.fullmatch(token):
            continue
        elif mark:
            shown = {"keep": mark["mark"], "word": mark["name"].replace("-", " "), "drop": ""}[vp]
            # A mark belongs to the word before it, as in any other text.
            if vp == "keep" and words:
                words[-1] += shown
            else:
                words.append(shown)
        else:
            word = (verbal[1] or verbal[2]) if verbal else token
            words.append(word.replace(":", "").replace("-", " "))
    return " ".join(" ".join(words).split())


@dataclass(frozen=True)
class Discs:
    """The discs in a folder; paths on them are looked up without regard to case."""

    folder: Path
    _entries: dict[Path, dict[str, Path]] = field(default_factory=dict)

    @cached_property
    def roots(self) -> list[Path]:
        """Folders that hold wsj0 or wsj1, at most three deep; BadInput if there are none."""
        found, level = list[Path](), [self.folder]
        for _ in range(4):
            found += [place for place in level if {"wsj0", "wsj1"} & set(self._inside(place))]
            level = [
                path
                for place in level
                for name, path in sorted(self._inside(place).items())
                if name not in ("wsj0", "wsj1") and path.is_dir()
            ]
        if not found:
            raise BadInput(
                f"{self.folder} holds no WSJ discs: give the folder that has 11-13.1 and 13-34.1, "
                "or wsj0 and wsj1, in it."
            )
        return found

    @property
    def layout(self) -> str:
        """Which discs there are, in words."""
        discs = [root.name for root in self.roots if _DISC.fullmatch(root.name)]
        flat = [root for root in self.roots if not _DISC.fullmatch(root.name)]
        parts = [f"{len(discs)} discs ({', '.join(discs)})"] if discs else []
        parts += [f"wsj0 and wsj1 in {root}" for root in flat]
        return "WSJ: " + " and ".join(parts)

    def find(self, disc: str, path: str) -> Path | None:
        """The file of that path on a disc such as 11-13.1 or 11_13_1, else on any of them."""
        number = _number(disc)
        for root in sorted(self.roots, key=lambda root: _number(root.name) != number):
            place: Path | None = root
            for name in path.lower().split("/"):
                place = self._inside(place).get(name) if place else None
            if place:
                return place
        return None

    @cached_property
    def transcripts(self) -> dict[str, str]:
        """The lines of all .dot files, raw, by utterance."""
        found: dict[str, str] = {}
        for root in self.roots:
            for file in walk(root):
                if file.suffix.lower() != ".dot":
                    continue
                for line in file.read_text("latin-1").splitlines():
                    if match := _LINE.fullmatch(line):
                        found.setdefault(match["id"].lower(), match["text"])
        return found

    def indexed(self) -> dict[str, list[tuple[str, str]]]:
        """(disc, path) of every utterance that the index files name, by split.

        BadInput, with every missing file's name, if an index file is not there.
        """
        missing, splits = list[str](), dict[str, list[tuple[str, str]]]()
        for split, indexes in INDEXES.items():
            splits[split] = []
            for disc, path in indexes:
                index = self.find(disc, path)
                if index is None:
                    missing.append(f"{disc}/{path}")
                else:
                    splits[split] += _entries(index)
        if missing:
            raise BadInput(
                f"{self.layout}, but without {', '.join(missing)}: copy the missing index files "
                f"(or discs) into {self.folder}."
            )
        return splits

    def _inside(self, place: Path) -> dict[str, Path]:
        """What a folder holds, by name in lower case."""
        if place not in self._entries:
            inside = place.iterdir() if place.is_dir() else ()
            self._entries[place] = {path.name.lower(): path for path in inside}
        return self._entries[place]


def recognizes(folder: Path) -> bool:
    """Whether the folder holds WSJ discs."""
    try:
        return bool(Discs(folder).roots)
    except BadInput:
        return False


def read(folder: Path, vp: Punctuation = "keep") -> Listing:
    """The utterances of the discs; the layout says how many of the expected ones there are."""
    discs, collector = Discs(folder), Collector(folder)
    indexed = discs.indexed()
    for split, entries in indexed.items():
        for disc, path in entries:
            name = _name(path)
            transcript = discs.transcripts.get(name)
            text = None if transcript is None else spoken(transcript, vp)
            audio = discs.find(disc, path)
            if audio is None:
                collector.skip(name, f"{disc}/{path} is missing")
            else:
                collector.add(split, name, audio, text)
    counts = {split: len(entries) for split, entries in indexed.items()}
    return collector.listing(f"{discs.layout}; {_counted(counts)}; punctuation: {vp}")


def _read_text(segment: str) -> dict[str, Units]:
    """Transcripts of each split as units of one raw segment; an utterance is one sentence."""
    discs = Discs(Path(os.environ[FOLDER]))
    splits, without = dict[str, Units](), list[str]()
    with readable(discs.folder):
        indexed, texts = discs.indexed(), discs.transcripts
    for split, entries in indexed.items():
        names = [_name(path) for _, path in entries]
        without += [name for name in names if name not in texts]
        splits[split] = [[spoken(texts[name])] for name in names if name in texts]
    if without:
        raise BadInput(f"WSJ transcripts (.dot) are missing: {left_out(without, 'utterance')}.")
    return splits


def _name(path: str) -> str:
    return Path(path).stem.lower()


def _number(disc: str) -> str:
    return re.sub(r"[-.]", "_", disc)


def _entries(index: Path) -> list[tuple[str, str]]:
    """(disc, path) of the lines of an index file; the test set's are without their extension."""
    found = []
    for line in index.read_text("latin-1").splitlines():
        entry = _ENTRY.fullmatch(line.strip())
        if line.startswith(";") or not line.strip():
            continue
        if entry is None:
            raise BadInput(f"{index} has a line that names no recording: {line.strip()[:80]!r}.")
        path = Path(entry["path"].lstrip("/"))
        if (_number(entry["disc"]), str(path.parent).lower()) != _LEFT_OUT:
            found.append((entry["disc"], str(path if path.suffix else path.with_suffix(".wv1"))))
    return found


def _counted(counts: dict[str, int]) -> str:
    names = {"train": "SI-284", "dev": "dev93", "test": "eval92"}
    return ", ".join(
        f"{names[split]} has {count:,} of {EXPECTED[split]:,} utterances"
        if count != EXPECTED[split]
        else f"{names[split]} has its {count:,} utterances"
        for split, count in counts.items()
    )


SOURCE = Source(
    name="wsj",
    about="The Wall Street Journal transcripts: SI-284, dev93 and eval92.",
    requirement=f"LDC93S6A and LDC94S13A in {os.environ.get(FOLDER, '')}",
    segments=("sentence",),
    read=_read_text,
)
