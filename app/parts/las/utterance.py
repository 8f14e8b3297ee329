"""One utterance: where attention was, how it is spelled, and what each layer recalls of it."""

from __future__ import annotations

import html
import math
import re

import numpy as np
import polars as pl
import streamlit as st

from app.parts.las.sounds import Sound
from app.parts.las.toolbar import SelectedRecognizer
from app.pictures import look, speech
from app.shell import choices, export
from app.shell.buttons import icon_button
from core import listening
from core.corpora.speech.logmel import centers
from core.corpora.speech.utterances import HOP_MS
from core.models.las import builders
from core.models.las.heard import Edit, Inspection
from core.models.las.spec import LasSpec
from core.store import Store

KINDS = {"substitute": "wrong", "delete": "missed", "insert": "made up"}
NOTHING = "·"  # stands where only the other text has a symbol
STEPS = {"left": -1, "right": 1}
USUAL = 8  # the grapheme first shown: some past behind it, some future ahead
SILENT = "The recognizer heard nothing to spell"
_SYMBOL = re.compile(r"</?s>|<unk>|.")  # of a hypothesis


def inspect(recognizer: SelectedRecognizer, sound: Sound) -> Inspection:
    """What the recognizer makes of a sound, with the decoders that have been trained."""
    model, artifacts = recognizer.model, Store().artifacts
    with_decoders = tuple(
        layer
        for layer in recognizer.layers
        if artifacts.has(builders.las_signature(model, layer).key)
    )
    return _inspection(model.key, sound.name, sound.reference, with_decoders, model, sound.frames)


@st.cache_resource(max_entries=64, show_spinner="Listening …")
def _inspection(
    model: str,
    sound: str,
    reference: str | None,
    with_decoders: tuple[str, ...],
    _spec: LasSpec,
    _frames: np.ndarray,
) -> Inspection:
    """Computed once for all who look."""
    return listening.listen(_spec, _frames, reference)


def selected_step(inspection: Inspection) -> int:
    """The number of the grapheme that is looked at."""
    last = len(_graphemes(inspection)) - 1
    return min(choices.value("grapheme", USUAL, choices.whole(0, 10_000)), max(last, 0))


def _graphemes(inspection: Inspection) -> list[str]:
    return _SYMBOL.findall(inspection.hypothesis)


def attention(
    recognizer: SelectedRecognizer, sound: Sound, inspection: Inspection, step: int
) -> None:
    """The sound to hear, its spectrogram, and where attention was at each grapheme."""
    if sound.recording:
        st.audio(sound.recording, format="audio/wav")
    kind = recognizer.of_synthetic_speech if sound.test else ""
    export.heading(f"Spectrogram, and attention below it{kind}", "attention")
    graphemes = _graphemes(inspection)
    figure = speech.sound(
        sound.frames,
        HOP_MS,
        centers(recognizer.model.corpus.mels),
        inspection.attention,
        inspection.step_ms,
        inspection.moments,
        graphemes,
        step if graphemes else None,
        export.colors(),
    )
    export.chart(
        figure,
        f"attention-{sound.name[-12:].replace('/', '-')}",
        recognizer.file_name("attention"),
        "Spectrogram of the utterance, and below it where attention was at each grapheme",
        on_click=lambda number: choices.set_value("grapheme", number),
    )
    st.html(
        "<div class='note'>Each row is a grapheme as it is spelled, white no attention, dark "
        "purple all of it. A circle marks the peak: click one to see what is recalled there.</div>"
    )


def spelling(inspection: Inspection) -> None:
    """What was heard, under what was said where that is known, errors marked."""
    sure = f"mean probability of a grapheme {math.exp(inspection.score):.0%}"
    if inspection.reference is None:
        heard = _column(None, inspection.hypothesis or NOTHING, "")
        st.html("<div class='pane-title'>Heard</div>")
        st.html(f"<div class='edits'>{heard}</div>")
        st.html(f"<div class='note'>Beam search; {sure}.</div>")
        return
    st.html("<div class='pane-title'>Said, and under it what was heard</div>")
    st.html(f"<div class='edits'>{''.join(map(_marked, inspection.edits))}</div>")
    counts = {
        name: sum(
            max(len(edit.reference), len(edit.hypothesis))
            for edit in inspection.edits
            if edit.kind == kind
        )
        for kind, name in KINDS.items()
    }
    rate = sum(counts.values()) / max(len(inspection.reference), 1)
    errors = ", ".join(f"{count} {name}" for name, count in counts.items())
    st.html(
        f"<div class='note'>Of {len(inspection.reference)} graphemes {errors}: character error "
        f"rate <b>{rate:.1%}</b>. Beam search; {sure}.</div>"
    )


def _marked(edit: Edit) -> str:
    """A piece of the comparison, a column each grapheme, as HTML."""
    long = max(len(edit.reference), len(edit.hypothesis))
    above, below = edit.reference.ljust(long, NOTHING), edit.hypothesis.ljust(long, NOTHING)
    return "".join(_column(*both, edit.kind) for both in zip(above, below, strict=True))


def _column(above: str | None, below: str, kind: str) -> str:
    top = "" if above is None else f"<i>{html.escape(look.printable(above))}</i>"
    mark = f" class='{kind}' title='{KINDS[kind]}'" if kind in KINDS else ""
    return f"<span{mark}>{top}<b>{html.escape(look.printable(below))}</b></span>"


def recalled(recognizer: SelectedRecognizer, inspection: Inspection, step: int) -> None:
    """What every layer names around the selected grapheme."""
    graphemes = _graphemes(inspection)
    at = html.escape(look.printable(graphemes[step])) if graphemes else NOTHING
    title = f"Recalled at <b>{at}</b>, grapheme {step + 1} of {len(graphemes)}"
    last = max(len(graphemes) - 1, 0)
    export.heading(title, "recalled", buttons=lambda: _steps(step, last))
    rows = inspection.recalled.filter(pl.col("step") == step)
    height = speech.remembered_height(len(recognizer.layers))
    if refusal := listening.refusal(recognizer.model):
        export.empty(height, refusal)
    elif not rows.height:
        waiting = "No decoder of this recognizer is here yet"
        export.empty(height, waiting if graphemes else SILENT)
    else:
        present = [layer for layer in recognizer.layers if layer in rows["part"]]
        figure = speech.remembered(rows, present, export.colors())
        name = recognizer.file_name(f"recalled-{step + 1}")
        export.chart(figure, "recalled", name, "What each layer names around a grapheme")
        export.downloads(inspection.recalled, recognizer.file_name("recalled"))
    st.html(
        "<div class='note'>A cell shows the grapheme that the layer's decoder names, its purple "
        "how probable it thinks the right one; red is wrong. Right means as the recognizer "
        "spelled it. The columns go as one reads; right of the line stand the grapheme itself and "
        "those still to come. Decoders read c; graphemes are placed by attention.</div>"
    )


def _steps(step: int, last: int) -> None:
    """Two buttons, and their keys, that step to the neighbouring grapheme."""
    with st.container(horizontal=True, key="steps", width="content", wrap=False, gap=None):
        for way, by in STEPS.items():
            icon_button(
                f"keyboard_arrow_{way}",
                f"grapheme-{way}",
                choices.set_value,
                "grapheme",
                min(max(step + by, 0), last),
                shortcut=f"Shift+{way.capitalize()}",
            )
