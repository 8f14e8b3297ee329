"""The toolbar of the Compare page: filters, and the signatures that they leave to be pinned."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.shell import choices, pins, queries
from app.shell.queries import NAMED, SIGNATURE
from core.cells import label as cell_label

ANY = "any"

CATALOG = f"""
SELECT s.key, {SIGNATURE} AS name, s.profile, measured.name AS corpus,
       CASE WHEN m.kind = 'las' THEN m.kind ELSE coalesce(m.cell, m.kind) END AS cell{NAMED}
WHERE s.decoder <> 'added'
ORDER BY s.decoder = 'linear', m.trained IS FALSE, s.created DESC"""


def add_signature() -> None:
    """Three filters, the signatures to choose from, and a button that takes all pins away."""
    table = queries.table(CATALOG)
    for column, label in (("profile", "Profile"), ("corpus", "Corpus"), ("cell", "Model")):
        options = [ANY, *sorted(table[column].drop_nulls().unique())]
        value = choices.select(
            f"of-{column}", label, options, ANY, width=125, format_func=cell_label
        )
        if value != ANY:
            table = table.filter(pl.col(column) == value)
    taken = pins.pinned()
    table = table.filter(~pl.col("key").str.head(pins.DIGITS).is_in(taken))
    names = {key: f"{name} · {p}" for key, name, p in table.select("key", "name", "profile").rows()}
    full = len(taken) >= pins.MOST
    st.selectbox(
        "Add a signature",
        list(names),
        index=None,
        format_func=lambda key: names.get(key, key),
        key="add",
        on_change=_add,
        disabled=full or not names,
        width=430,
        placeholder=pins.FULL if full else f"{len(names):,} to choose from; type to search",
    )
    if taken:
        st.button("Clear", key="clear-pins", icon=":material/clear_all:", on_click=pins.clear)


@choices.by_person
def _add() -> None:
    if key := st.session_state["add"]:
        pins.pin(key)
    st.session_state["add"] = None
