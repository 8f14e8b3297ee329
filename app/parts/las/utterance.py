"""The LAS page's inspector: one utterance heard, spelled, and what each layer recalls of it."""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import streamlit as st

from app import watching
from app.parts.las.panes import Asked, named
from app.pictures import look, speech
from app.shell import choices, export, words
from app.shell.errors import explained
from core import listening, machine
from core.corpora.speech import audio
from core.corpora.speech.spec import SpeechSpec
from core.corpora.speech.utterances import HOP_MS, RATE, Recordings, Utterances, wav
from core.errors import BadInput
from core.models.las import builders
from core.models.las.spec import LasSpec
from core.store import Store
from core.text import normalize

if TYPE_CHECKING:  # torch, which an inspection is made with, takes seconds to load
    from core.models.las.inspection import Edit, Inspection

MOST = 200  # utterances to choose from
EMPTY = 480  # pixels
SHAPES = ("wav", "flac", "sph", "wv1", "wv2")
KINDS = {"substitute": "wrong", "delete": "missed", "insert": "made up"}
NOTHING = "·"  # stands where only the other text has a symbol
STEPS = {"left": -1, "right": 1}
USUAL = 8  # the grapheme first shown: some past behind it, some future ahead
SILENT = "The recognizer heard nothing to spell"
_SYMBOL = re.compile(r"</?s>|<unk>|.")  # of a hypothesis
WAITING = "Nothing can be listened to before the recognizer is trained."
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


def draw(asked: Asked, _: frozenset[str]) -> None:
    """Choose a sound; then its picture left, its spelling and what layers recall right."""
    with st.container(horizontal=True, key="sound", gap="small", vertical_alignment="bottom"):
        ways = {"test": _tested, "own": _own}
        way = choices.switch(
            "sound",
            "Listen to",
            list(ways),
            "test",
            format_func={"test": "the test split", "own": "a file of your own"}.__getitem__,
        )
        model, artifacts = asked.model, Store().artifacts
        trained = artifacts.has(model.key) and artifacts.has(model.corpus.part("test"))
        sound = ways[way](model.corpus) if trained else None
    if not trained and Store().has_result(model):
        export.empty(EMPTY, LOST)
        listened = (builders.las_signature(model, layer) for layer in asked.layers)
        watching.recompute([model, *listened], "recompute-recognizer")
    elif not trained:
        export.empty(EMPTY, WAITING)
    elif sound is not None:
        kept = [
            layer
            for layer in asked.layers
            if artifacts.has(builders.las_signature(model, layer).key)
        ]
        found = _inspected(model.key, sound.name, sound.reference, tuple(kept), model, sound.frames)
        st.fragment(explained()(_panes))(asked, sound, found)


def _tested(corpus: SpeechSpec) -> Sound:
    """One of the first utterances of the test split."""
    utterances, recordings = _split(corpus.part("test"), corpus.audio("test"))
    count = min(len(utterances), len(recordings) if recordings else MOST)
    number = choices.select(
        "utterance",
        f"Utterance, of {count}",
        range(count),
        0,
        width=560,
        say=lambda i: f"{i + 1}  {utterances.text(i)}",
    )
    return Sound(
        f"{corpus.key}/test/{number}",
        True,
        utterances.features(number),
        recordings.wav(number) if recordings else None,
        utterances.text(number),
    )


def _own(corpus: SpeechSpec) -> Sound | None:
    """A recording that a person brings; None while there is none, or none that can be used."""
    file = st.file_uploader(
        f"WAV, FLAC or SPHERE, at most {audio.LONGEST:g} seconds",
        SHAPES,
        key="own-file",
        max_upload_size=audio.MAX_BYTES // 1_000_000,
        width=420,
    )
    said = st.text_input(
        "What is said in it (optional)",
        key="own-text",
        width=300,
        max_chars=1000,
        help="To see where the spelling differs",
    )
    if file is None:
        return None
    from core.corpora.speech.logmel import log_mel

    data = file.getvalue()
    try:
        samples = audio.read_upload(data, file.name)
    except BadInput as refusal:
        st.warning(words.plain(str(refusal)), width=600)
        return None
    name = hashlib.sha256(data).hexdigest()
    frames = log_mel(samples, corpus.mels).astype(np.float32)
    usual = _split(corpus.part("test"), corpus.audio("test"))[0].lengths.max() * HOP_MS / 1000
    if len(samples) > usual * RATE:
        st.caption(
            f"Longer than what this recognizer was made for, at most {usual:.1f} s: it may lose "
            "its way.",
            width=240,
        )
    return Sound(name, False, frames, wav(samples), normalize(said) or None)


@st.cache_resource(max_entries=4, show_spinner="Reading the utterances …")
def _split(utterances: str, recordings: str) -> tuple[Utterances, Recordings | None]:
    """The utterances and the recordings of these artifacts."""
    artifacts = Store().artifacts
    data, sounds = artifacts.get(utterances), artifacts.get(recordings)
    if data is None:
        raise BadInput("This speech is gone from the cache; compute it again.")
    return Utterances.from_bytes(data), Recordings.from_bytes(sounds) if sounds else None


@st.cache_resource(max_entries=64, show_spinner="Listening …")
def _inspected(
    model: str,
    sound: str,
    reference: str | None,
    kept: tuple[str, ...],
    _spec: LasSpec,
    _frames: np.ndarray,
) -> Inspection:
    """What the recognizer makes of a sound, once for all who look. kept: layers with decoders."""
    machine.settle(most=1)  # a job may have the other cores
    return listening.listen(_spec, _frames, reference)


def _panes(asked: Asked, sound: Sound, found: Inspection) -> None:
    """A click on a grapheme redraws only this part."""
    said = _SYMBOL.findall(found.hypothesis)
    step = min(choices.value("grapheme", USUAL, choices.whole(0, 10_000)), max(len(said) - 1, 0))
    left, right = st.columns([16, 9], gap="medium")
    with left:
        _picture(asked, sound, found, said, step)
    with right:
        _spelling(found)
        _recalled(asked, found, said, step)


def _picture(asked: Asked, sound: Sound, found: Inspection, said: list[str], step: int) -> None:
    from core.corpora.speech.logmel import centers

    if sound.recording:
        st.audio(sound.recording, format="audio/wav")
    kind = named(asked.model) if sound.test else ""
    st.html(f"<div class='pane-title'>Spectrogram, and attention below it{kind}</div>")
    figure = speech.sound(
        sound.frames,
        HOP_MS,
        centers(asked.model.corpus.mels),
        found.attention,
        found.step_ms,
        found.moments,
        said,
        step if said else None,
        export.colors(),
    )
    key = f"attention-{sound.name[-12:].replace('/', '-')}"
    export.chart(
        figure,
        key,
        asked.name("attention"),
        "Spectrogram of the utterance, and below it where attention was at each grapheme",
        clicked=_clicked(key),
    )
    st.html(
        "<div class='note'>Each row is a grapheme as it is spelled, white no attention, dark "
        "purple all of it. A circle marks the peak: click one to see what is recalled there.</div>"
    )


def _clicked(key: str) -> Callable[[], None]:
    def take() -> None:
        points = st.session_state[key]["selection"]["points"]
        chosen = [point["customdata"] for point in points if point.get("customdata") is not None]
        if chosen:
            last = chosen[-1]
            choices.keep("grapheme", last[0] if isinstance(last, list) else last)

    return take


def _spelling(found: Inspection) -> None:
    """What was heard, under what was said where that is known, errors marked."""
    sure = f"mean probability of a grapheme {math.exp(found.score):.0%}"
    if found.reference is None:
        st.html("<div class='pane-title'>Heard</div>")
        st.html(f"<div class='edits'>{_column(None, found.hypothesis or NOTHING, '')}</div>")
        st.html(f"<div class='note'>Beam search; {sure}.</div>")
        return
    st.html("<div class='pane-title'>Said, and under it what was heard</div>")
    st.html(f"<div class='edits'>{''.join(map(_marked, found.edits))}</div>")
    counts = {
        said: sum(max(len(e.reference), len(e.hypothesis)) for e in found.edits if e.kind == kind)
        for kind, said in KINDS.items()
    }
    wrong = sum(counts.values()) / max(len(found.reference), 1)
    named = ", ".join(f"{count} {said}" for said, count in counts.items())
    st.html(
        f"<div class='note'>Of {len(found.reference)} graphemes {named}: character error rate "
        f"<b>{wrong:.1%}</b>. Beam search; {sure}.</div>"
    )


def _marked(edit: Edit) -> str:
    """A piece of the comparison, a column each grapheme, as HTML."""
    long = max(len(edit.reference), len(edit.hypothesis))
    above, below = edit.reference.ljust(long, NOTHING), edit.hypothesis.ljust(long, NOTHING)
    return "".join(_column(*both, edit.kind) for both in zip(above, below, strict=True))


def _column(above: str | None, below: str, kind: str) -> str:
    said = "" if above is None else f"<i>{html.escape(look.printable(above))}</i>"
    mark = f" class='{kind}' title='{KINDS[kind]}'" if kind in KINDS else ""
    return f"<span{mark}>{said}<b>{html.escape(look.printable(below))}</b></span>"


def _recalled(asked: Asked, found: Inspection, said: list[str], step: int) -> None:
    """What every layer names around the chosen grapheme."""
    last = len(said) - 1
    with st.container(horizontal=True, key="head-recalled", vertical_alignment="center"):
        at = html.escape(look.printable(said[step])) if said else NOTHING
        title = f"Recalled at <b>{at}</b>, grapheme {step + 1} of {last + 1}"
        st.html(f"<div class='pane-title'>{title}</div>", width="stretch")
        with st.container(horizontal=True, key="steps", width="content", wrap=False, gap=None):
            for way, by in STEPS.items():
                st.button(
                    "",
                    icon=f":material/keyboard_arrow_{way}:",
                    key=f"grapheme-{way}",
                    type="tertiary",
                    shortcut=f"Shift+{way.capitalize()}",
                    on_click=choices.keep,
                    args=("grapheme", min(max(step + by, 0), max(last, 0))),
                )
    rows = found.recalled.filter(pl.col("step") == step)
    height = speech.remembered_height(len(asked.layers))
    if refusal := listening.refusal(asked.model):
        export.empty(height, refusal)
    elif not rows.height:
        export.empty(height, "No decoder of this recognizer is here yet" if said else SILENT)
    else:
        present = [layer for layer in asked.layers if layer in rows["part"]]
        figure = speech.remembered(rows, present, export.colors())
        name = asked.name(f"recalled-{step + 1}")
        export.chart(figure, "recalled", name, "What each layer names around a grapheme")
        export.downloads(found.recalled, asked.name("recalled"))
    st.html(
        "<div class='note'>A cell shows the grapheme that the layer's decoder names, its purple "
        "how probable it thinks the right one; red is wrong. Right means as the recognizer "
        "spelled it. The columns go as one reads; right of the line stand the grapheme itself and "
        "those still to come. Decoders read c; graphemes are placed by attention.</div>"
    )
