"""A Kaldi data directory: wav.scp with plain paths, and text; utt2spk where there is one.

Paths are absolute, or relative to the directory that holds wav.scp.
"""

from __future__ import annotations

from pathlib import Path

from core.corpora.corpus import SPLITS
from core.corpora.speech.listing import Found, Listing, hold_out
from core.corpora.textfile import read_text
from core.errors import BadInput


def recognizes(folder: Path) -> bool:
    """Whether the folder is a data directory, or holds some."""
    return bool(_directories(folder))


def read(folder: Path) -> Listing:
    """The utterances of a data directory, or of those inside named train…, dev… and test….

    Of one directory alone, or where one of the three is missing, dev and test are held out: by
    speaker where utt2spk tells them, else by utterance.
    """
    found, directories = Found(folder), _directories(folder)
    given = {place: split for place in directories for split in SPLITS if _is(place, split)}
    official = set(given.values()) == set(SPLITS)
    rows = [(place, *row) for place in directories for row in _rows(place)]
    held = {} if official else hold_out(speaker for _, speaker, *_ in rows)
    for place, speaker, name, path, text in rows:
        split = given.get(place) if official else held[speaker]
        if split:
            found.add(split, name, path, text)
    names = ", ".join(place.name for place in directories)
    how = "its own splits" if official else "dev and test are held out"
    return found.listing(f"Kaldi data in {names}; {how}")


def _directories(folder: Path) -> list[Path]:
    if (folder / "wav.scp").is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob("*/wav.scp"))


def _is(place: Path, split: str) -> bool:
    return place.name.startswith(split)


def _rows(place: Path) -> list[tuple[str, str, Path, str | None]]:
    """Speaker, id, audio file and text of every utterance."""
    if (place / "segments").exists():
        raise BadInput(
            f"{place} cuts its recordings by a segments file, which is not read here: extract "
            "them with `extract-segments` and list the pieces in wav.scp."
        )
    texts, speakers = _table(place / "text"), _table(place / "utt2spk")
    rows = []
    for name, path in _table(place / "wav.scp").items():
        if path.endswith("|"):
            raise BadInput(
                f"{place / 'wav.scp'} runs a command for {name}: run `wav-copy` and list plain "
                "paths of WAV, FLAC or SPHERE files."
            )
        rows.append((speakers.get(name, name), name, place / path, texts.get(name)))
    return rows


def _table(file: Path) -> dict[str, str]:
    """The lines of a Kaldi table: what stands behind each key; empty without an utt2spk."""
    if not file.is_file():
        if file.name == "utt2spk":
            return {}
        raise BadInput(f"{file} is missing: a Kaldi data directory needs wav.scp and text.")
    lines = read_text(file.read_bytes(), str(file)).splitlines()
    rows = (line.split(maxsplit=1) for line in lines if line.strip())
    return {key: "".join(value).strip() for key, *value in rows}
