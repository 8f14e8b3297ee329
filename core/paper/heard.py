"""Utterances that come with the program, with what the recognizer of Fig. 7 made of them.

Its weights and decoders take 13 MB, which is more than results may take; so three utterances are
listened to when results are exported, and can be looked at and played where it is not computed.

    cache/reference/<profile>/heard.parquet    model, text, frames, recording, inspection
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from core import listening
from core.corpora.speech.utterances import Recordings, Utterances
from core.models.las.builders import las_spec
from core.models.las.heard import Inspection
from core.models.las.spec import LasSpec
from core.paper import shipped
from core.paper.reproduce import recorded
from core.paper.studies import STUDIES
from core.store import Store

log = logging.getLogger(__name__)

COUNT = 3
NAME = "heard.parquet"


@dataclass(frozen=True)
class Heard:
    """An utterance of the test split and what was made of it.

    frames: log-mel [frames, mels]; recording: WAV.
    """

    text: str
    frames: np.ndarray
    recording: bytes
    inspection: Inspection


def write(profile: str, place: Path, store: Store | None = None) -> None:
    """Listens to the first utterances of the test split and writes what is made of them.

    What was written before stays where the recognizer's weights or its test split are not stored.
    place: the folder of the profile.
    """
    store = store or Store()
    model = las_spec(recorded(STUDIES["las"], profile, store)["speech"], profile)
    corpus, artifacts = model.corpus, store.artifacts
    data, sounds = artifacts.get(corpus.part("test")), artifacts.get(corpus.audio("test"))
    if data is None or sounds is None or not artifacts.has(model.key):
        return
    utterances, recordings = Utterances.from_bytes(data), Recordings.from_bytes(sounds)
    rows = []
    for number in range(min(COUNT, len(utterances), len(recordings))):
        text, frames = utterances.text(number), utterances.features(number)
        inspection = listening.listen(model, frames, text, store).to_bytes()
        stored = utterances.stored(number).tobytes()
        recording = recordings.wav(number)
        rows.append((model.key, text, stored, recording, inspection))
    columns = ("model", "text", "frames", "recording", "inspection")
    pl.DataFrame(rows, columns, orient="row").write_parquet(place / NAME, compression_level=15)


def read(model: LasSpec) -> list[Heard]:
    """The utterances that came with the program for this very recognizer; none where there are no
    shipped results."""
    folder = shipped.folder()
    path = folder / model.profile / NAME if folder else None
    if path is None or not path.exists():
        return []
    try:
        rows = pl.read_parquet(path).filter(model=model.key)
        return [
            Heard(text, _frames(frames, model), recording, Inspection.from_bytes(inspection))
            for _, text, frames, recording, inspection in rows.iter_rows()
        ]
    except (OSError, ValueError, TypeError, KeyError, pl.exceptions.PolarsError) as error:
        log.warning("the shipped utterances in %s cannot be read: %s", path, error)
        return []


def _frames(stored: bytes, model: LasSpec) -> np.ndarray:
    return np.frombuffer(stored, np.float16).reshape(-1, model.corpus.mels).astype(np.float32)
