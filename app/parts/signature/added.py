"""Memory beyond inference: what the state says that the more recent symbols do not."""

from __future__ import annotations

import streamlit as st

from app import watching
from app.parts.signature.recall import file_name
from app.pictures import curves
from app.shell import export, queries
from core.signatures.spec import SignatureSpec

ADDED = """
SELECT lag, n, floor, floor_bits, bits, added, low, high, rising
FROM added
WHERE signature = {key} AND symbol IS NULL
ORDER BY lag"""


def added_bits(spec: SignatureSpec) -> None:
    """Added bits by lag with their sum, or a button that computes them."""
    added = spec.added()
    sql = queries.fill(ADDED, key=added.key)
    table = queries.table(sql)
    if table.height:
        earlier = table.filter(table["lag"] >= 1)
        total, rising = earlier["added"].sum(), earlier["rising"].sum()
        colors = export.colors()
        export.heading(f"Memory beyond inference: {total:.2f} bits", "added", sql)
        figure = curves.added({"": (earlier, colors.accent)}, "symbols", colors)
        export.chart(figure, "added", f"{file_name(spec)}-added", "Added bits by lag")
        st.html(
            "<div class='note'>What the state says of each earlier symbol beyond what all more "
            "recent ones say, so it may be summed over lags. At least so much: the last doubling "
            f"of the decoders' training added {rising:.2f} bits in all. Best guess from the more "
            f"recent symbols alone: {_guesses(earlier.rows(named=True))}.</div>"
        )
    else:
        export.heading("Memory beyond inference", "added", sql)
        watching.offer("added", [added], "Compute added bits")


def _guesses(rows: list[dict[str, float]]) -> str:
    """How often the recent floor is right, at the first lags."""
    return ", ".join(f"{row['floor']:.0%} at lag {row['lag']}" for row in rows[:5])
