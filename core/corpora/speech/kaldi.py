"""A Kaldi data directory: wav.scp with plain paths, and text; utt2spk where there is one.

Paths are absolute, or relative to the directory that holds wav.scp. The commands that Kaldi's own
recipes pipe from, `flac -c -d -s FILE |` and `sph2pipe -f wav FILE |`, only turn a file into WAV:
the file is read, and nothing is run.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.corpora.speech.listing import Collector, Listing, Row, table, transcript
from core.errors import BadInput

_PIPE = re.compile(r"(?:\S*/)?(?:flac -c -d -s|sph2pipe -f wav) (\S+) ?\|")


def recognizes(folder: Path) -> bool:
    """Whether the folder is a data directory, or holds some."""
    return bool(_directories(folder))


def read(folder: Path) -> Listing:
    """The utterances of a data directory, or of those inside named train…, dev… and test….

    Of one directory alone, or where one of the three is missing, dev and test are held out: by
    speaker where utt2spk tells them, else by utterance.
    """
    directories = _directories(folder)
    names = [place.name for place in directories]
    collector = Collector(folder)
    official = collector.add_parts([row for place in directories for row in _rows(place)], names)
    how = "its own splits" if official else "dev and test are held out"
    return collector.listing(f"Kaldi data in {', '.join(names)}; {how}")


def _directories(folder: Path) -> list[Path]:
    if (folder / "wav.scp").is_file():
        return [folder]
    inside = (path.parent for path in folder.glob("*/wav.scp"))
    return sorted(place for place in inside if not place.name.startswith("."))


def _rows(place: Path) -> list[Row]:
    """Every utterance of a data directory; without utt2spk each counts as a speaker."""
    if (place / "segments").exists():
        raise BadInput(
            f"{place} cuts its recordings by a segments file, which is not read here: extract "
            "them with `extract-segments` and list the pieces in wav.scp."
        )
    if not (place / "text").is_file():
        raise BadInput(f"{place / 'text'} is missing: a Kaldi data directory needs it and wav.scp.")
    texts, why = transcript(place / "text")
    speakers = table(place / "utt2spk") if (place / "utt2spk").is_file() else {}
    rows = []
    for name, path in table(place / "wav.scp").items():
        piped = _PIPE.fullmatch(path)
        if path.endswith("|") and not piped:
            raise BadInput(
                f"{place / 'wav.scp'} runs a command for {name}: run `wav-copy` and list plain "
                "paths of WAV, FLAC or SPHERE files."
            )
        file = place / (piped[1] if piped else path)
        speaker = speakers.get(name, name)
        rows.append(Row(place.name, speaker, name, file, texts.get(name), why))
    return rows
