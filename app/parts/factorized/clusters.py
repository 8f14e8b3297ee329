"""All bases in the order of likeness, and what each cluster of them is."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts.factorized.queries import CLUSTERS, LIKENESS
from app.parts.factorized.toolbar import SelectedModel
from app.pictures import bases
from app.shell import export, queries

NUMBER, TEXT = st.column_config.NumberColumn, st.column_config.TextColumn
COLUMNS = {
    "above_control": NUMBER("above"),
    "median_count": NUMBER("seen, median", format="localized"),
    "recalls_most": TEXT("recalls most, against the others", width=220),
    "most_frequent": TEXT("most frequent bigrams", width=260),
}


def likeness(model: SelectedModel) -> None:
    """Mean recall of every symbol by every basis, and below it the clusters."""
    sql = queries.fill(LIKENESS, atlas=model.atlas.key)
    table = queries.table(sql)
    export.heading("All bases by likeness of their signatures: mean recall", "likeness", sql)
    if not table.height:
        export.empty(bases.LIKENESS, "Known when all bases are measured")
        return
    export.chart(
        export.drawn(bases.likeness, table, export.colors()),
        "likeness",
        model.file_name("likeness"),
        "Mean recall of every symbol by every basis, alike bases beside each other",
        zooms=True,
    )
    _clusters(model)


def _clusters(model: SelectedModel) -> None:
    sql = queries.fill(CLUSTERS, atlas=model.atlas.key)
    table = queries.table(sql)
    export.heading("Clusters", "clusters", sql)
    spelled = {
        name: [" ".join(bases.short(part) for part in parts) for parts in table[name]]
        for name in ("recalls_most", "most_frequent")
    }
    shown = table.with_columns(pl.Series(name, values) for name, values in spelled.items())
    export.table(shown, "kernel-clusters", COLUMNS, height=export.table_height(table.height))
    export.downloads(table, model.file_name("clusters"))
