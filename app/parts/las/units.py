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
    st.dataframe(
        rows.drop("explained"),
        height=curves.LAYER_DETAIL,
        hide_index=True,
        key="units-table",
        column_config={
            "share": st.column_config.NumberColumn("of all frames", format="percent"),
            "ms": st.column_config.NumberColumn("ms on the mean", format="%.0f"),
            "level": st.column_config.NumberColumn("level (log energy)", format="%.1f"),
            "hertz": st.column_config.NumberColumn("loudest at Hz", format="%.0f"),
            "n": st.column_config.NumberColumn("frames", format="localized"),
        },
    )
    st.html(
        "<div class='note'>Centers of k-means on log-mel frames of the train split; they explain "
        f"{rows['explained'][0]:.0%} of the variance of these frames.</div>"
    )
