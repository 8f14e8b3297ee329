"""What the recognizer listens to: an utterance of the test split, or a person's own recording."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import watching
from app.parts.las.toolbar import SelectedRecognizer
from app.shell import choices, export, words
from core import listening
from core.corpora.speech import audio
from core.corpora.speech.spec import SpeechSpec
from core.corpora.speech.utterances import HOP_MS, RATE, Recordings, Utterances, wav
from core.errors import BadInput
from core.models.las import builders
from core.models.las.heard import Inspection
from core.models.las.spec import LasSpec
from core.paper.heard import Heard
from core.store import Store
from core.text import normalize

MOST = 200  # utterances to choose from
EMPTY = 480  # pixels
SHAPES = ("wav", "flac", "sph", "wv1", "wv2")
WAYS = {"test": "the test split", "own": "a file of your own"}
WAITING = "Nothing can be listened to before the recognizer is trained."
SHIPPED = (
    "These utterances came with the program, with what the recognizer made of them. Its weights "
    "did not: it listens to others when it is computed here."
)
LOST = (
    "The numbers of this recognizer are here, but its weights or its speech are not in this "
    "cache, so it cannot listen before it is computed here."
)


@dataclass(frozen=True)
class Sound:
    """What is listened to.

    name: of it alone; test: of the corpus itself; frames: log-mel [frames, mels]; recording: WAV.
    """

    name: str
    test: bool
    frames: np.ndarray
    recording: bytes | None
    reference: str | None


def ready(model: LasSpec) -> bool:
    """Whether the recognizer's weights and its test split are in this cache."""
    artifacts = Store().artifacts
    return artifacts.has(model.key) and artifacts.has(model.corpus.part("test"))


def not_ready(recognizer: SelectedRecognizer) -> None:
    """Why it cannot listen; what came with the program can be computed here."""
    model = recognizer.model
    if not Store().has_result(model):
        export.empty(EMPTY, WAITING)
        return
    export.empty(EMPTY, LOST)
    _recompute(recognizer)


def _recompute(recognizer: SelectedRecognizer) -> None:
    """A button that computes the recognizer and its decoders here."""
    model = recognizer.model
    signatures = (builders.las_signature(model, layer) for layer in recognizer.layers)
    watching.recompute([model, *signatures], "recompute-recognizer")


def select_shipped(
    recognizer: SelectedRecognizer, listened: list[Heard]
) -> tuple[Sound, Inspection]:
    """The choice of one of them, and a button that computes the recognizer for all others."""
    with st.container(horizontal=True, key="sound", gap="small", vertical_alignment="bottom"):
        number = _utterance([each.text for each in listened])
        _recompute(recognizer)
    st.html(f"<div class='note'>{SHIPPED}</div>")
    one, corpus = listened[number], recognizer.model.corpus
    name = f"{corpus.key}/test/{number}"
    return Sound(name, True, one.frames, one.recording, one.text), one.inspection


def select_sound(model: LasSpec, trained: bool) -> Sound | None:
    """The choice of a sound; None while there is none, or no recognizer to listen to it."""
    with st.container(horizontal=True, key="sound", gap="small", vertical_alignment="bottom"):
        way = choices.switch("sound", "Listen to", list(WAYS), "test", format_func=WAYS.__getitem__)
        if not trained:
            return None
        return _of_test_split(model.corpus) if way == "test" else _uploaded(model.corpus)


def _of_test_split(corpus: SpeechSpec) -> Sound:
    """One of the first utterances of the test split."""
    utterances, recordings = _split(corpus.part("test"), corpus.audio("test"))
    count = min(len(utterances), len(recordings) if recordings else MOST)
    number = _utterance([utterances.text(i) for i in range(count)])
    return Sound(
        f"{corpus.key}/test/{number}",
        True,
        utterances.features(number),
        recordings.wav(number) if recordings else None,
        utterances.text(number),
    )


def _utterance(texts: list[str]) -> int:
    """The choice of an utterance by its text; its number."""
    return choices.select(
        "utterance",
        f"Utterance, of {len(texts)}",
        range(len(texts)),
        0,
        width=560,
        format_func=lambda i: f"{i + 1}  {texts[i]}",
    )


def _uploaded(corpus: SpeechSpec) -> Sound | None:
    """A recording that a person brings; None while there is none, or none that can be used."""
    file = st.file_uploader(
        f"WAV, FLAC or SPHERE, at most {audio.LONGEST:g} seconds",
        SHAPES,
        key="own-file",
        max_upload_size=audio.MAX_BYTES // 1_000_000,
        width=420,
    )
    text = st.text_input(
        "What is said in it (optional)",
        key="own-text",
        width=300,
        max_chars=1000,
        help="To see where the spelling differs",
    )
    if file is None:
        return None
    data = file.getvalue()
    try:
        samples = audio.read_upload(data, file.name)
        frames = listening.frames_of(samples, corpus.mels)
    except BadInput as refusal:
        st.warning(words.plain(str(refusal)), width=600)
        return None
    longest = _split(corpus.part("test"), corpus.audio("test"))[0].lengths.max() * HOP_MS / 1000
    if len(samples) > longest * RATE:
        st.caption(
            f"Longer than what this recognizer was made for, at most {longest:.1f} s: it may lose "
            "its way.",
            width=240,
        )
    name = hashlib.sha256(data).hexdigest()
    return Sound(name, False, frames, wav(samples), normalize(text) or None)


@st.cache_resource(max_entries=4, show_spinner="Reading the utterances …")
def _split(utterances: str, recordings: str) -> tuple[Utterances, Recordings | None]:
    """The utterances and the recordings of these artifacts."""
    artifacts = Store().artifacts
    data, sounds = artifacts.get(utterances), artifacts.get(recordings)
    if data is None:
        raise BadInput("This speech is gone from the cache; compute it again.")
    return Utterances.from_bytes(data), Recordings.from_bytes(sounds) if sounds else None
