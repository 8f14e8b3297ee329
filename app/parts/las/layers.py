"""Signatures of the recognizer's layers (Fig. 7), and the difference of two of them."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts import several, study
from app.parts.las.toolbar import ALIGNMENTS, SelectedRecognizer
from app.pictures import heatmaps
from app.shell import choices, export, queries
from app.shell.errors import explained
from core.models.las.spec import LasSignatureSpec

FORWARD = ", forward half"
SIGNATURES, DIFFERENCE_HEIGHT = 410, 360  # pixels
READING = {
    "graphemes": "Above the line: the grapheme heard now, and those still to come. The encoder is "
    "bidirectional, so it has heard the future as well as the past. The query is "
    "given the grapheme spelled before: its recall one grapheme ago is near-trivial.",
    "frames": "Above the line: the frame heard now, of 10 ms, and those still to come, which a "
    "bidirectional encoder has heard. log-mel: no network, the sound seven frames before and after "
    "the one heard now.",
}

# At lag 0 a guess from the current symbol is the answer itself, so it is no floor there.
MATRIX = """
SELECT lag, symbol, n, accuracy, low, high, "precision", majority,
       CASE WHEN lag = 0 THEN NULL ELSE "current" END AS "current", recent, untrained,
       guess_from_current, guess, ms
FROM signature_matrix({key})
WHERE symbol IS NOT NULL
ORDER BY lag, symbol"""

DIFFERENCE = """
SELECT d.lag, d.symbol, d.a, d.b, d.difference, d.significant, d.n_a, d.n_b, d.guess, r.ms
FROM difference({a}, {b}) d
JOIN recall r ON r.signature = {a} AND r.lag = d.lag AND r.symbol = d.symbol
WHERE d.difference IS NOT NULL
ORDER BY d.lag, d.symbol"""


def refused(reason: str) -> None:
    """What stands where the signatures of this recognizer would mean nothing."""
    st.html("<div class='pane-title'>Recall by lag and symbol</div>")
    export.empty(SIGNATURES, reason)


def signatures(recognizer: SelectedRecognizer, computed: frozenset[str]) -> None:
    """The three of Fig. 7; a linear preview where the trained decoders are still to come."""
    specs = {layer: recognizer.spec(layer) for layer in recognizer.figure}
    shown = [spec if spec.key in computed else spec.preview() for spec in specs.values()]
    sqls = [queries.fill(MATRIX, key=spec.key) for spec in shown]
    tables = [queries.table(sql) for sql in sqls]
    keys = [spec.key for spec in specs.values()]
    placed = f"symbol, graphemes placed by {ALIGNMENTS[recognizer.alignment]}"
    what = f"unit, the quietest of {recognizer.units} first" if recognizer.units else placed
    export.heading(
        f"Recall by lag and {what}{recognizer.of_synthetic_speech}",
        "side",
        *sqls,
        buttons=lambda: study.compare(keys, computed, "Compare"),
    )
    if any(table.height for table in tables):
        matrices = [
            (f"{layer}{_how(spec, table)}", table)
            for layer, spec, table in zip(specs, shown, tables, strict=True)
        ]
        figure = export.drawn(
            heatmaps.lettered, matrices, export.colors(), SIGNATURES, unit=recognizer.lags_in
        )
        alt = "Recall by lag and symbol of three layers"
        export.chart(figure, "side", recognizer.file_name("las"), alt, zooms=True)
    else:
        export.empty(SIGNATURES, "Not computed yet; the linear preview comes first")
    several.how_to_read(heatmaps.share_recent(tables), READING[recognizer.lags_in])


def _how(spec: LasSignatureSpec, table: pl.DataFrame) -> str:
    if not table.height:
        return ": not computed yet"
    return ", linear preview" if spec.decoder == "linear" else ""


@st.fragment
@explained()
def difference(recognizer: SelectedRecognizer) -> None:
    """One chosen layer less another."""
    halves = [label for label in recognizer.signatures if label.endswith(FORWARD)]
    options = [*recognizer.layers, *halves, "log-mel"]
    with st.container(horizontal=True, key="pair", gap="small"):
        first = choices.select("first", "A", options, recognizer.figure[1], width=190)
        second = choices.select("second", "minus B", options, recognizer.figure[0], width=190)
    sql = queries.fill(DIFFERENCE, a=recognizer.spec(first).key, b=recognizer.spec(second).key)
    table = queries.table(sql)
    export.heading(f"Difference A − B: {first} − {second}", "difference", sql)
    if not table.height:
        export.empty(DIFFERENCE_HEIGHT)
        st.html("<div class='note'>&nbsp;</div>")
        return
    end = several.reach(sql)
    figure = export.drawn(
        heatmaps.difference,
        table,
        "AB",
        end,
        export.colors(),
        DIFFERENCE_HEIGHT,
        unit=recognizer.lags_in,
    )
    name = recognizer.file_name(f"{first}-less-{second}")
    export.chart(figure, "difference", name, f"{first} less {second}", zooms=True)
    st.html(f"<div class='note'>{heatmaps.difference_note(table, first, second)}</div>")
