"""The units of sound that are recalled: how often, how long and where each of them sounds."""

from __future__ import annotations

import streamlit as st

from app.parts.las.toolbar import SelectedRecognizer
from app.pictures import curves
from app.shell import export, queries

UNITS = """
SELECT u.unit, u.share, u.ms, u.level, u.hertz, u.n, c.explained
FROM units u
JOIN codebooks c ON c.key = u.codebook
WHERE c.key = {key}
ORDER BY u.unit"""
NUMBER = st.column_config.NumberColumn
COLUMNS = {
    "share": NUMBER("of all frames", format="percent"),
    "ms": NUMBER("ms on the mean", format="%.0f"),
    "level": NUMBER("level (log energy)", format="%.1f"),
    "hertz": NUMBER("loudest at Hz", format="%.0f"),
    "n": NUMBER("frames"),
}


def table(recognizer: SelectedRecognizer) -> None:
    """A row for each unit."""
    codebook = recognizer.spec("log-mel").codebook
    assert codebook, "units have a codebook"
    sql = queries.fill(UNITS, key=codebook.key)
    rows = queries.table(sql)
    export.heading("The units: how often, how long and where they sound", "units", sql)
    if not rows.height:
        export.empty(curves.LAYER_DETAIL)
        return
    export.table(rows.drop("explained"), "units-table", COLUMNS, height=curves.LAYER_DETAIL)
    st.html(
        "<div class='note'>Centers of k-means on log-mel frames of the train split; they explain "
        f"{rows['explained'][0]:.0%} of the variance of these frames.</div>"
    )
