"""Compare: two to four signatures side by side, their differences and their distances."""

from __future__ import annotations

import streamlit as st

from app.parts import several
from app.parts.compare import difference, distances, pinned, sets, toolbar

WIDTHS = [16, 9]

with st.container(horizontal=True, key="toolbar", gap="small", vertical_alignment="bottom"):
    toolbar.add_signature()
    sets.menu()
sets.note()
rows = pinned.cards()
if rows:
    signatures = [(row["name"], row["key"]) for row in rows]
    recent = several.side_by_side(
        "Recall by lag and symbol",
        signatures,
        pinned.file_name(rows, "side"),
        symbols=pinned.alphabet(rows),
    )
    several.how_to_read(
        recent, "Drag over cells to see them closer, in all at once; double-click to see all again."
    )
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        difference.of_pair(rows)
    with right:
        several.marginal(signatures, pinned.file_name(rows, "marginal"))
    left, right = st.columns(WIDTHS, gap="medium")
    with left:
        distances.matrix(rows)
    with right:
        pinned.numbers(rows)
else:
    pinned.nothing()
