"""Memory beyond inference of the recognizer's layers: what language does not already say."""

from __future__ import annotations

import streamlit as st

from app.parts.las.toolbar import SelectedRecognizer
from app.pictures import curves
from app.shell import export, queries

ADDED = """
SELECT signature, lag, n, floor, floor_bits, bits, added, low, high, rising
FROM added
WHERE signature IN ({keys}) AND symbol IS NULL
ORDER BY list_position([{keys}], signature), lag"""


def added_bits(recognizer: SelectedRecognizer) -> None:
    """Added bits of the figure's layers by lag."""
    keys = {layer: recognizer.signatures[layer].added().key for layer in recognizer.figure}
    sql = queries.fill(ADDED, keys=list(keys.values()))
    rows, colors = queries.table(sql), export.colors()
    export.heading("Memory beyond inference", "added", sql)
    if not rows.height:
        export.empty(curves.LAYER_DETAIL)
        return
    styles = curves.layer_styles(recognizer.layers, colors)
    tables = {
        layer: (table, styles[layer][0])
        for layer, key in keys.items()
        if (table := rows.filter(signature=key)).height
    }
    figure = curves.added(tables, "graphemes", colors)
    export.chart(figure, "added", recognizer.file_name("las-added"), "Added bits by lag")
    rising = max(table["rising"].sum() for table, _ in tables.values())
    st.html(
        "<div class='note'>What a layer says of each grapheme beyond what the later ones up to the "
        "present say, for the spelling of English alone names many. Up to lag 0 the comparison is "
        "how frequent graphemes are. At least so much: the last doubling of the decoders' training "
        f"added up to {rising:.2f} bits in all. By attention.</div>"
    )
