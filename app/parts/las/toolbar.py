"""The toolbar of the LAS page: its choices give a recognizer and its study."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from typing import get_args

import polars as pl
import streamlit as st

from app.parts import unfinished
from app.pictures import look
from app.shell import choices, pickers, queries, words
from core import listening
from core.corpora import wsj
from core.corpora.speech import synthetic
from core.corpora.speech.spec import SpeechSpec, Units
from core.models.las import builders
from core.models.las.spec import Alignment, LasSignatureSpec, LasSpec
from core.paper.studies import STUDIES, Choices, Plan

SUFFIX: dict[Alignment, str] = {"attention": "", "ctc": ", by CTC", "words": ", by word times"}
ALIGNMENTS: dict[Alignment, str] = {"attention": "attention", "ctc": "CTC", "words": "word times"}
SYNTHETIC = "synthetic speech"  # what eSpeak's voices are called wherever they are shown

# Of one content, as much as was ever computed.
SPEECH = """
SELECT spec->>'content' AS content, any_value(spec->>'source') AS source,
       arg_max(key, segments) AS key, arg_max(name, segments) AS name
FROM corpora
WHERE kind = 'speech'
GROUP BY ALL
ORDER BY min(added)"""

RECOGNIZER = """
SELECT m.title, m.parameters, m.cer, m.wer, m.monotone, m.epochs, m.profile, m.seconds, m.device,
       c.name AS corpus, c.hours
FROM models m LEFT JOIN corpora c ON c.key = m.corpus
WHERE m.key = {key}"""


@dataclass(frozen=True)
class SelectedRecognizer:
    """What the toolbar describes: the study, its model, and the alignment to look at.

    units: how many units of sound are recalled; None: graphemes.
    """

    plan: Plan
    model: LasSpec
    alignment: Alignment
    units: Units | None

    @property
    def signatures(self) -> dict[str, LasSignatureSpec]:
        return {
            label: spec
            for label, spec in self.plan.signatures.items()
            if isinstance(spec, LasSignatureSpec)
        }

    @property
    def layers(self) -> list[str]:
        """What is read of the network; of units the encoder layers, for they have frames."""
        every = builders.layers(self.model)
        return [name for name in every if name.startswith("encoder")] if self.units else every

    @property
    def figure(self) -> list[str]:
        """The three of Fig. 7; of units the sound itself stands where the query has none."""
        last = f"encoder {self.model.layers}"
        return [self.layers[0], last, "log-mel" if self.units else "query"]

    @property
    def lags_in(self) -> str:
        """What a lag counts."""
        return "frames" if self.units else "graphemes"

    @property
    def of_synthetic_speech(self) -> str:
        """What a heading says of synthetic speech, so that nobody takes it for people's."""
        return f", {SYNTHETIC}" if self.model.corpus.source == "synthetic" else ""

    def spec(self, layer: str) -> LasSignatureSpec:
        """The signature of a layer by the chosen alignment; the speller's need none."""
        return self.signatures.get(layer + SUFFIX[self.alignment]) or self.signatures[layer]

    def file_name(self, what: str) -> str:
        """The name under which something of this recognizer is saved."""
        model = self.model
        return look.file_name(
            what,
            model.corpus.name,
            f"las-{model.layers}-{model.units}",
            f"{self.units}-units" if self.units else self.alignment,
            model.profile,
        )


def select_recognizer(offers_units: bool) -> SelectedRecognizer:
    """Corpus, model, state, profile, alignment.

    offers_units: whether there is a choice between recall of graphemes and of units of sound;
    without it, graphemes are recalled.
    """
    corpora = _corpora()
    corpus = choices.select(
        "speech",
        "Speech",
        list(corpora),
        synthetic.NAME,
        format_func=lambda c: corpora.get(c, c),
        width=150,
        help="python -m core speech FOLDER adds recordings.",
    )
    reduction = choices.select(
        "reduction",
        "Encoder",
        (4, 8),
        4,
        format_func=lambda times: f"{times} frames a step",
        width=140,
        help="How many frames of 10 ms a step of the last encoder layer covers",
    )
    state = choices.select(
        "las-state",
        "State",
        ("c", "h"),
        "c",
        format_func=pickers.STATE_NAMES.__getitem__,
        width=110,
        help="Of the LSTM layers; h is computed only when it is asked for.",
    )
    units = _units() if offers_units else None
    profile = pickers.profile_choice()
    speech = _read(corpus, profile)
    model = builders.las_spec(speech, profile, reduction)
    alignment = "attention" if units else _alignment(model)
    selected = Choices(profile, speech=speech, reduction=reduction, state=state, units=units)
    return SelectedRecognizer(STUDIES["las"].plan(selected), model, alignment, units)


def _units() -> Units | None:
    """The choice of what is recalled."""
    chosen = choices.select(
        "units",
        "Recall of",
        (0, *get_args(Units)),
        0,
        format_func=lambda units: f"{units} units" if units else "graphemes",
        width=120,
        help="Graphemes of the spelling, or units of the sound: every frame goes by the nearest of "
        "50 or 100 centers, which k-means has found among the frames of the train split.",
    )
    return chosen or None


def _alignment(model: LasSpec) -> Alignment:
    """The choice of how graphemes are placed in the sound."""
    options: list[Alignment] = ["attention"]
    options += ["ctc"] if any(model.budget.ctc) else []
    options += ["words"] if model.corpus.source == "synthetic" else []
    return choices.select(
        "alignment",
        "Grapheme heard at",
        options,
        "attention",
        format_func=ALIGNMENTS.__getitem__,
        width=140,
        help="How a grapheme finds its frame: the peak of attention, CTC's best path, or the "
        "synthesizer's own word times",
    )


def _corpora() -> dict[str, str]:
    """What a speech corpus is asked for by, and what it is called: synthetic, WSJ, added ones."""
    names = {synthetic.NAME: synthetic.NAME}
    recorded = queries.table(SPEECH).filter(pl.col("source") != "synthetic")
    names |= dict(recorded.select("key", "name").iter_rows())
    if os.environ.get(wsj.FOLDER) and wsj.SPEECH not in names.values():
        names[wsj.SPEECH] = wsj.SPEECH
    return names


@st.cache_resource(ttl=600, show_spinner="Reading what is listed …")
def _read(corpus: str, profile: str) -> SpeechSpec:
    """The spec of a corpus; a folder's listing is read at most every ten minutes."""
    return listening.speech(corpus, profile)


def note_on_recognizer(model: LasSpec) -> None:
    """One line on the recognizer; before it is trained, on what it is trained on."""
    st.html(f"<div class='note'>{_about(model)}</div>")


def _about(model: LasSpec) -> str:
    is_synthetic = model.corpus.source == "synthetic"
    kind = f"<b>{SYNTHETIC}</b> by eSpeak NG" if is_synthetic else html.escape(model.corpus.name)
    paper = "" if model.corpus.source == "wsj" else " The paper's figure is of WSJ."
    table = queries.table(queries.fill(RECOGNIZER, key=model.key))
    if not table.height:
        return f"{html.escape(model.title)}: {kind}, not trained yet.{paper}"
    row = table.row(0, named=True)
    hours = "" if row["hours"] is None else f" ({words.seconds(3600 * row['hours'])})"
    return (
        f"{html.escape(row['title'])}: {kind}{hours} · character error rate "
        f"<b>{row['cer']:.1%}</b>, word error rate <b>{row['wer']:.1%}</b> on test · attention "
        f"monotone in <b>{row['monotone']:.1%}</b> of its moves · "
        f"{words.number(row['parameters'])} weights, {words.seconds(row['seconds'])} of training · "
        f"profile {row['profile']}.{paper} {unfinished.sentence([model.key])}"
    )
