"""Recall by the place in its segment of the symbol that is recalled."""

from __future__ import annotations

import streamlit as st

from app.parts.signature.recall import file_name
from app.pictures import curves
from app.shell import export, queries
from core.signatures.spec import SignatureSpec

PLACES = """
SELECT place, lag, accuracy, n
FROM positions
WHERE signature = {key} AND lag >= 1 AND n > 0
ORDER BY place, lag"""


def recall_by_place(shown: SignatureSpec) -> None:
    """A curve for each range of places, next to those of the same network untrained."""
    queried = [queries.fill(PLACES, key=shown.key)]
    titles = ["trained"]
    if shown.floor:
        queried.append(queries.fill(PLACES, key=shown.floor.key))
        titles.append("untrained")
    tables = {
        title: table
        for title, sql in zip(titles, queried, strict=True)
        if (table := queries.table(sql)).height
    }
    if not tables:
        return
    export.heading("Recall by place of the recalled symbol in its segment", "places", *queried)
    export.chart(
        export.drawn(curves.by_place, tables, export.colors()),
        "places",
        f"{file_name(shown)}-places",
        "Recall by lag, a curve for each range of places in the segment",
    )
    st.html(
        "<div class='note'>Curves far apart show a network that treats the beginning of a segment "
        "differently: one that never forgets the first symbol recalls it at every lag.</div>"
    )
