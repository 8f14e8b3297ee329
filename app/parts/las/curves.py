"""Marginal recall of the recognizer's layers: all, their forward halves, other alignments."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts.las.layers import FORWARD
from app.parts.las.toolbar import SUFFIX, SelectedRecognizer
from app.pictures import curves
from app.shell import export, queries
from core.models.las.spec import Alignment

FLOORS = ("majority", "current")  # those that need no network
DASHES: dict[Alignment, str] = {"attention": "solid", "ctc": "dash", "words": "dot"}

CURVES = """
SELECT signature, part, half, alignment, decoder, lag, ms, n, accuracy, low, high, bits, majority,
       CASE WHEN lag = 0 THEN NULL ELSE "current" END AS "current", untrained
FROM target_recall
WHERE signature IN ({keys})
ORDER BY list_position([{keys}], signature), lag"""


def all_layers(recognizer: SelectedRecognizer, computed: frozenset[str]) -> None:
    """Marginal recall of every layer over the floors: guesses, untrained layers, the sound."""
    colors, layers = export.colors(), recognizer.layers
    styles = curves.layer_styles(layers, colors)
    specs = {layer: recognizer.spec(layer) for layer in layers}
    untrained = {layer: recognizer.signatures[f"{layer}, untrained"] for layer in layers}
    sound = recognizer.signatures["log-mel"]
    keys = [spec.key for spec in [*specs.values(), *untrained.values(), sound]]
    previews = [spec.preview().key for spec in specs.values() if spec.key not in computed]
    sql = queries.fill(CURVES, keys=[*keys, *previews])
    tables = _by_key(sql)
    drawn, floors = [], []
    for layer, spec in specs.items():
        color, mark = styles[layer]
        if spec.key in tables:
            drawn.append(curves.Curve(layer, tables[spec.key], color, mark))
        elif (preview := spec.preview().key) in tables:
            name = f"{layer}, linear preview"
            drawn.append(curves.Curve(name, tables[preview], color, mark, "dash"))
        if (floor := untrained[layer].key) in tables:
            floors.append(
                curves.Curve(f"{layer}, untrained", tables[floor], color, dash="dot", thin=True)
            )
    if sound.key in tables:
        floors.append(curves.Curve("log-mel window", tables[sound.key], colors.faint, thin=True))
    export.heading("Marginal recall of every layer, beside guesses and controls", "curves", sql)
    name = recognizer.file_name("las-curves")
    _chart(recognizer, drawn, floors, "curves", name, "Marginal recall by lag", curves.LAYERS)
    st.html(
        "<div class='note'>Thin: guesses and controls. Untrained: the same network at its initial "
        "weights. Log-mel window: no network, the sound around the moment. Hover for "
        "milliseconds.</div>"
    )


def forward_halves(recognizer: SelectedRecognizer) -> None:
    """Whole bidirectional layers beside their forward halves, which have heard only the past."""
    encoders = [layer for layer in recognizer.layers if layer.startswith("encoder")]
    lines = [(layer, layer, "solid") for layer in encoders]
    lines += [(layer + FORWARD, layer, "dash") for layer in encoders]
    _compared(recognizer, "Forward half alone", "halves", lines)
    st.html(
        "<div class='note'>Dashed: the forward half, which has heard only the past (above the "
        "first layer also what the layers below tell it of the future). By attention.</div>"
    )


def alignments(recognizer: SelectedRecognizer) -> None:
    """The figure's encoder layers with graphemes placed in every way there is."""
    lines = [
        (layer + SUFFIX[alignment], layer, dash)
        for layer in recognizer.figure[:2]
        for alignment, dash in DASHES.items()
        if layer + SUFFIX[alignment] in recognizer.signatures
    ]
    _compared(recognizer, "Other ways to say when a grapheme is heard", "alignments", lines)
    st.html(
        "<div class='note'>Solid: the peak of attention. Dashed: CTC's most probable path. Dotted: "
        "the synthesizer's own word times, where there are any.</div>"
    )


def _compared(
    recognizer: SelectedRecognizer, title: str, key: str, lines: list[tuple[str, str, str]]
) -> None:
    """Curves of some signatures: label, the layer whose color it has, and its dash."""
    specs = {label: recognizer.signatures[label] for label, *_ in lines}
    sql = queries.fill(CURVES, keys=[spec.key for spec in specs.values()])
    tables, styles = _by_key(sql), curves.layer_styles(recognizer.layers, export.colors())
    export.heading(title, key, sql)
    drawn = [
        curves.Curve(label, tables[specs[label].key], *styles[layer], dash)
        for label, layer, dash in lines
        if specs[label].key in tables
    ]
    _chart(recognizer, drawn, [], key, recognizer.file_name(key), title, curves.LAYER_DETAIL)


def _chart(
    recognizer: SelectedRecognizer,
    drawn: list[curves.Curve],
    floors: list[curves.Curve],
    key: str,
    name: str,
    alt: str,
    height: int,
) -> None:
    """The curves over their floors, with those of guesses; empty where there are no curves."""
    if not drawn:
        export.empty(height)
        return
    colors, spec = export.colors(), recognizer.spec(recognizer.figure[0])
    lines = [*drawn, *floors, *curves.floors(drawn[0].table, colors, FLOORS)]
    figure = curves.layers(lines, (spec.min_lag, spec.max_lag), height, colors, recognizer.lags_in)
    export.chart(figure, key, name, alt)


def numbers(recognizer: SelectedRecognizer) -> None:
    """Marginal recall of all that the study has, a row each signature and a column each lag."""
    labels = {spec.key: label for label, spec in recognizer.signatures.items()}
    sql = queries.fill(CURVES, keys=list(labels))
    table = queries.table(sql)
    export.heading("Numbers: marginal recall by lag", "numbers", sql)
    label = pl.col("signature").replace_strict(labels, return_dtype=pl.String)
    percents = table.with_columns(label, pl.col("accuracy") * 100)
    wide = percents.pivot("lag", index="signature", values="accuracy")
    percent = st.column_config.NumberColumn(format="%.1f%%", width=62)
    lags = dict.fromkeys((name for name in wide.columns if name != "signature"), percent)
    columns = lags | {"signature": st.column_config.TextColumn(width=190)}
    export.table(wide, "numbers", columns, height=export.table_height(min(len(labels), 12)))
    export.downloads(table, recognizer.file_name("las-numbers"))


def _by_key(sql: str) -> dict[str, pl.DataFrame]:
    """The rows of each signature."""
    parts = queries.table(sql).partition_by("signature", as_dict=True)
    return {str(key): rows for (key,), rows in parts.items()}
