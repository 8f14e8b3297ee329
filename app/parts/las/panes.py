"""The LAS page's toolbar, and its layers: signatures, differences, curves, alignments (Fig. 7)."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from typing import Any

import polars as pl
import streamlit as st

from app import watching
from app.parts import study
from app.parts.las.queries import CURVES, DIFFERENCE, MATRIX, RECOGNIZER, SPEECH
from app.pictures import comparisons, figures, speech
from app.shell import choices, export, people, pickers, queries, words
from app.shell.errors import explained
from core import listening
from core.corpora import wsj
from core.corpora.speech import synthetic
from core.corpora.speech.spec import SpeechSpec
from core.models.las import builders
from core.models.las.spec import Alignment, LasSignatureSpec, LasSpec
from core.paper.studies import STUDIES, Choices, Plan

SUFFIX: dict[Alignment, str] = {"attention": "", "ctc": ", by CTC", "words": ", by word times"}
SAID: dict[Alignment, str] = {"attention": "attention", "ctc": "CTC", "words": "word times"}
FORWARD = ", forward half"
NAMED = "synthetic speech"  # what eSpeak's voices are called wherever they are shown


@dataclass(frozen=True)
class Asked:
    """What the toolbar says: the study, its model, and the alignment to look at."""

    plan: Plan
    model: LasSpec
    alignment: Alignment

    @property
    def signatures(self) -> dict[str, LasSignatureSpec]:
        return {
            label: spec
            for label, spec in self.plan.signatures.items()
            if isinstance(spec, LasSignatureSpec)
        }

    @property
    def layers(self) -> list[str]:
        return builders.layers(self.model)

    @property
    def figure(self) -> list[str]:
        """The three of Fig. 7."""
        return [self.layers[0], f"encoder {self.model.layers}", "query"]

    def spec(self, layer: str) -> LasSignatureSpec:
        """The signature of a layer by the chosen alignment; the speller's need none."""
        return self.signatures.get(layer + SUFFIX[self.alignment]) or self.signatures[layer]

    def name(self, what: str) -> str:
        """The file name of a picture."""
        model = self.model
        return figures.file_name(
            what,
            model.corpus.name,
            f"las-{model.layers}-{model.units}",
            self.alignment,
            model.profile,
        )


def toolbar() -> Asked:
    """Corpus, model, state, alignment, profile."""
    corpora = _corpora()
    corpus = choices.select(
        "speech",
        "Speech",
        list(corpora),
        synthetic.NAME,
        say=lambda c: corpora.get(c, c),
        width=150,
        help="python -m core speech FOLDER adds recordings.",
    )
    reduction = choices.select(
        "reduction",
        "Encoder",
        (4, 8),
        4,
        say=lambda times: f"{times} frames a step",
        width=140,
        help="How many frames of 10 ms a step of the last encoder layer covers",
    )
    state = choices.select(
        "las-state",
        "State",
        ("c", "h"),
        "c",
        say=pickers.STATE_NAMES.__getitem__,
        width=110,
        help="Of the LSTM layers; h is computed only when it is asked for.",
    )
    profile = pickers.profile_choice()
    spec = _read(corpus, profile)
    model = builders.las_spec(spec, profile, reduction)
    ways: list[Alignment] = ["attention"]
    ways += ["ctc"] if any(model.budget.ctc) else []
    ways += ["words"] if spec.source == "synthetic" else []
    alignment = choices.select(
        "alignment",
        "Grapheme heard at",
        ways,
        "attention",
        say=SAID.__getitem__,
        width=140,
        help="How a grapheme finds its frame: the peak of attention, CTC's best path, or the "
        "synthesizer's own word times",
    )
    plan = STUDIES["las"].plan(Choices(profile, speech=spec, reduction=reduction, state=state))
    return Asked(plan, model, alignment)


def watch(asked: Asked) -> frozenset[str]:
    """Ask for what is missing where allowed, draw the strip and the recognizer's own line."""
    there = watching.watch_plan(asked.plan)
    st.html(f"<div class='note'>{_recognizer(asked.model)}</div>")
    return there


def layers(asked: Asked, there: frozenset[str]) -> None:
    """Fig. 7, a difference, curves of all layers, forward halves, alignments, numbers."""
    if refusal := listening.refusal(asked.model):
        st.html("<div class='pane-title'>Recall by lag and symbol</div>")
        export.empty(speech.SIGNATURES, refusal)
        return
    _figure(asked, there)
    left, right = st.columns(2, gap="medium")
    with left:
        st.fragment(explained()(_difference))(asked)
    with right:
        _all_layers(asked, there)
    left, right = st.columns(2, gap="medium")
    with left:
        _halves(asked)
    with right:
        _alignments(asked)
    _numbers(asked)


def _figure(asked: Asked, there: frozenset[str]) -> None:
    """The three signatures; a linear preview where the trained decoders are still to come."""
    specs = {layer: asked.spec(layer) for layer in asked.figure}
    shown = {layer: spec if spec.key in there else spec.preview() for layer, spec in specs.items()}
    sqls = [queries.fill(MATRIX, key=spec.key) for spec in shown.values()]
    tables = [queries.table(sql) for sql in sqls]
    keys = [spec.key for spec in specs.values()]
    by = SAID[asked.alignment]
    export.heading(
        f"Recall by lag and symbol, graphemes placed by {by}{named(asked.model)}",
        "side",
        *sqls,
        buttons=lambda: study.compare(keys, there, "Compare"),
    )
    if not any(table.height for table in tables):
        export.empty(speech.SIGNATURES, "Not computed yet; the linear preview comes first")
    else:
        titles = [
            f"{layer}{_how(spec, table)}"
            for (layer, spec), table in zip(shown.items(), tables, strict=True)
        ]
        figure = speech.signatures(list(zip(titles, tables, strict=True)), export.colors())
        _zooming(figure, "side", asked.name("las"), "Recall by lag and symbol of three layers")
    st.html(
        "<div class='note'>White 0 %, dark purple 100 %; a dot marks recall not above its floors. "
        "Above the line: the grapheme heard now, and those still to come. The encoder is "
        "bidirectional, so it has heard the future as well as the past. The query reads "
        "y<sub>i−1</sub> as its input: its recall one grapheme ago is near-trivial.</div>"
    )


def named(model: LasSpec) -> str:
    """What a heading says of synthetic speech, so that nobody takes it for people's."""
    return f", {NAMED}" if model.corpus.source == "synthetic" else ""


def _how(spec: LasSignatureSpec, table: pl.DataFrame) -> str:
    if not table.height:
        return ": not computed yet"
    return ", linear preview" if spec.decoder == "linear" else ""


def _difference(asked: Asked) -> None:
    """One chosen layer less another."""
    halves = [label for label in asked.signatures if label.endswith(FORWARD)]
    known = [*asked.layers, *halves, "log-mel"]
    with st.container(horizontal=True, key="pair", gap="small"):
        first = choices.select("first", "A", known, asked.figure[1], width=190)
        second = choices.select("second", "less B", known, asked.figure[0], width=190)
    sql = queries.fill(DIFFERENCE, a=asked.spec(first).key, b=asked.spec(second).key)
    table = queries.table(sql)
    export.heading(f"Difference A − B: {first} − {second}", "difference", sql)
    if not table.height:
        export.empty(speech.CURVES)
        st.html("<div class='note'>&nbsp;</div>")
        return
    reach = comparisons.reach(table["difference"].abs().max())
    figure = speech.difference(table, reach, export.colors())
    name = asked.name(f"{first}-less-{second}")
    _zooming(figure, "difference", name, f"{first} less {second}")
    sure = table.filter(pl.col("significant"))
    more = sure.filter(pl.col("difference") > 0).height
    st.html(
        f"<div class='note'><b class='more'>Red</b>: {first} remembers more ({more} cells). "
        f"<b class='less'>Blue</b>: {second} does ({sure.height - more}). "
        f"Gray: the intervals overlap ({table.height - sure.height}).</div>"
    )


def _all_layers(asked: Asked, there: frozenset[str]) -> None:
    """Marginal recall of every layer over the floors: guesses, untrained layers, the sound."""
    specs = {layer: asked.spec(layer) for layer in asked.layers}
    bare = {layer: asked.signatures[f"{layer}, untrained"] for layer in asked.layers}
    sound = asked.signatures["log-mel"]
    keys = [spec.key for spec in [*specs.values(), *bare.values(), sound]]
    coming = [spec.preview().key for spec in specs.values() if spec.key not in there]
    sql = queries.fill(CURVES, keys=[*keys, *coming])
    tables = _by_key(sql)
    colors = export.colors()
    looks = speech.layer_colors(asked.layers, colors)
    drawn, floors = [], []
    for layer, spec in specs.items():
        color, mark = looks[layer]
        if spec.key in tables:
            drawn.append(speech.Curve(layer, tables[spec.key], color, mark))
        elif (preview := spec.preview().key) in tables:
            name = f"{layer}, linear preview"
            drawn.append(speech.Curve(name, tables[preview], color, mark, "dash"))
        if bare[layer].key in tables:
            name = f"{layer}, untrained"
            floors.append(speech.Curve(name, tables[bare[layer].key], color, dash="dot"))
    if sound.key in tables:
        floors.append(speech.Curve("log-mel window", tables[sound.key], colors.faint, dash="solid"))
    export.heading("Marginal recall of every layer, over its floors", "curves", sql)
    if drawn:
        floors += speech.floors(drawn[0].table, colors)
        figure = speech.curves(drawn, floors, _lags(asked), colors, speech.TALL)
        export.chart(figure, "curves", asked.name("las-curves"), "Marginal recall by lag")
    else:
        export.empty(speech.TALL)
    st.html(
        "<div class='note'>Thin: floors. Untrained: the same network at its initial weights. "
        "Log-mel window: no network, the sound around the moment. Hover for milliseconds.</div>"
    )


def _halves(asked: Asked) -> None:
    """Whole bidirectional layers beside their forward halves, which have heard only the past."""
    encoders = [layer for layer in asked.layers if layer.startswith("encoder")]
    drawn = [(layer, layer, "solid") for layer in encoders]
    drawn += [(layer + FORWARD, layer, "dash") for layer in encoders]
    _compared(asked, "Forward half alone", "halves", drawn)
    st.html(
        "<div class='note'>Dashed: the forward half, which has heard only the past (above the "
        "first layer also what the layers below tell it of the future). By attention.</div>"
    )


def _alignments(asked: Asked) -> None:
    """The figure's encoder layers with graphemes placed in every way there is."""
    styles: dict[Alignment, str] = {"attention": "solid", "ctc": "dash", "words": "dot"}
    drawn = [
        (layer + SUFFIX[way], layer, dash)
        for layer in asked.figure[:2]
        for way, dash in styles.items()
        if layer + SUFFIX[way] in asked.signatures
    ]
    _compared(asked, "Graphemes placed in other ways", "alignments", drawn)
    st.html(
        "<div class='note'>Solid: the peak of attention. Dashed: CTC's most probable path. Dotted: "
        "the synthesizer's own word times, where there are any.</div>"
    )


def _compared(asked: Asked, title: str, key: str, drawn: list[tuple[str, str, str]]) -> None:
    """Curves of some signatures: label, the layer whose color it has, and its dash."""
    specs = {label: asked.signatures[label] for label, *_ in drawn}
    sql = queries.fill(CURVES, keys=[spec.key for spec in specs.values()])
    tables, looks = _by_key(sql), speech.layer_colors(asked.layers, export.colors())
    export.heading(title, key, sql)
    found = [
        speech.Curve(label, tables[specs[label].key], *looks[layer], dash)
        for label, layer, dash in drawn
        if specs[label].key in tables
    ]
    if not found:
        export.empty(speech.SMALL)
        return
    floors = speech.floors(found[0].table, export.colors())
    figure = speech.curves(found, floors, _lags(asked), export.colors(), speech.SMALL)
    export.chart(figure, key, asked.name(key), title)


def _numbers(asked: Asked) -> None:
    """Marginal recall of all that the study has, a row each signature and a column each lag."""
    labels = {spec.key: label for label, spec in asked.signatures.items()}
    sql = queries.fill(CURVES, keys=list(labels))
    table = queries.table(sql)
    export.heading("Numbers: marginal recall by lag", "numbers", sql)
    named = pl.col("signature").replace_strict(labels, return_dtype=pl.String)
    wide = table.with_columns(named).pivot("lag", index="signature", values="accuracy")
    lags = [name for name in wide.columns if name != "signature"]
    percent = st.column_config.NumberColumn(format="percent", width=62)
    st.dataframe(
        wide,
        height=35 * min(len(labels), 12) + 38,
        hide_index=True,
        key="numbers",
        column_config={lag: percent for lag in lags}
        | {"signature": st.column_config.TextColumn(width=190)},
    )
    export.downloads(table, asked.name("las-numbers"))


def _by_key(sql: str) -> dict[str, pl.DataFrame]:
    parts = queries.table(sql).partition_by("signature", as_dict=True)
    return {str(key): rows for (key,), rows in parts.items()}


def _lags(asked: Asked) -> tuple[int, int]:
    spec = asked.spec(asked.figure[0])
    return spec.min_lag, spec.max_lag


def _recognizer(model: LasSpec) -> str:
    """One line on the recognizer, as HTML; before it is trained, on what it is trained on."""
    synthetic_ = model.corpus.source == "synthetic"
    kind = f"<b>{NAMED}</b> by eSpeak NG" if synthetic_ else html.escape(model.corpus.name)
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
        f"profile {row['profile']}.{paper}"
    )


def _corpora() -> dict[str, str]:
    """What a speech corpus is asked for by, and what it is called: synthetic, WSJ, added ones."""
    listed = {synthetic.NAME: synthetic.NAME}
    kept = queries.table(SPEECH)
    recorded = kept.filter(pl.col("source") != "synthetic")
    listed |= dict(recorded.select("key", "name").iter_rows())
    if os.environ.get(wsj.FOLDER) and wsj.SPEECH not in listed.values():
        listed[wsj.SPEECH] = wsj.SPEECH
    return listed


@st.cache_resource(ttl=600, show_spinner="Reading what is listed …")
def _read(corpus: str, profile: str) -> SpeechSpec:
    """The spec of a corpus; a folder's listing is read at most every ten minutes."""
    return listening.speech(corpus, profile)


def _zooming(figure: Any, key: str, name: str, alt: str) -> None:
    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        alt=alt,
        config=figures.toolbar(name, people.picture_format(), zooms=True),
    )
