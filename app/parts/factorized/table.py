"""All bases as a table that can be filtered and sorted; a chosen row picks its basis."""

from __future__ import annotations

from functools import partial

import polars as pl
import streamlit as st

from app.parts.factorized.queries import BASES
from app.parts.factorized.toolbar import SelectedModel, pick
from app.pictures.bases import short
from app.shell import choices, export, queries
from core.text import SYMBOLS

ROWS = 242  # pixels: the height of the table
SEEN = (0, 1, 10, 100, 1000, 10_000)
ANY = "any"
NUMBER = st.column_config.NumberColumn
COLUMNS = {
    "recall": NUMBER(),
    "control": NUMBER(),
    "above_control": NUMBER("above", help="recall − control"),
    "own": NUMBER(help="Recall of its own two symbols"),
    "own_rank": NUMBER(
        "above others", format="%.2f", help="Share of other bases that recall those worse"
    ),
    "count": NUMBER("seen"),
    "norm": NUMBER(format="%.2f"),
}


@st.fragment(key="kernel-table")
def bases(model: SelectedModel) -> None:
    """The table, its filters above it."""
    sql = queries.fill(BASES, atlas=model.atlas.key)
    export.heading("All bases, sortable", "table", sql)
    table = _filtered(queries.table(sql))
    first, second = (corpus.name for corpus in model.corpora)
    of_corpora = {
        "lambda_1": f"λ {first}",
        "lambda_2": f"λ {second}",
        "drop_1": f"left out, {first}",
        "drop_2": f"left out, {second}",
    }
    pairs = table.select("first", "second").iter_rows()
    bigrams = [short(one) + short(other) for one, other in pairs]
    export.table(
        table.select(
            pl.Series("bigram", bigrams, dtype=pl.String), *COLUMNS, *of_corpora, "cluster"
        ),
        "kernel-table",
        COLUMNS | {name: NUMBER(title, format="%.4f") for name, title in of_corpora.items()},
        height=ROWS,
        on_select=partial(_pick_row, table),
        selection_mode="single-row",
    )
    export.downloads(table, model.file_name("bases"))


def _filtered(table: pl.DataFrame) -> pl.DataFrame:
    """The bases that three filters leave."""
    clusters = [ANY, *(str(n) for n in sorted(table["cluster"].drop_nulls().unique()))]
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="filters"):
        symbol = choices.select(
            "having",
            "With the symbol",
            [ANY, *SYMBOLS],
            ANY,
            width=130,
            format_func=lambda s: s if s == ANY else short(s),
        )
        least = choices.select(
            "seen", "Seen at least", SEEN, 0, width=130, format_func=lambda n: f"{n:,} times"
        )
        cluster = choices.select("cluster", "Cluster", clusters, ANY, width=90)
    if symbol != ANY:
        table = table.filter((pl.col("first") == symbol) | (pl.col("second") == symbol))
    if cluster != ANY:
        table = table.filter(pl.col("cluster") == int(cluster))
    return table.filter(pl.col("count") >= least)


@choices.by_person
def _pick_row(table: pl.DataFrame) -> None:
    rows = st.session_state["kernel-table"]["selection"]["rows"]
    if rows and rows[0] < table.height:
        first, second = table.select("first", "second").row(rows[0])
        pick((first, second), "kernel-basis", "kernel-map", "kernel-scatter")
