"""Every measured part of the claims: the number, its interval and its threshold."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.shell import export, queries

CLAIM_PARTS = """
SELECT claim, part, verdict, statistic, ours, low, high, covers, side, threshold, doubt, profile,
       corpora, seeds
FROM claim_checks
WHERE claim || ' ' || profile || ' ' || corpora IN ({shown})
ORDER BY substr(claim, 2)::INTEGER, part"""


def measured(claims: pl.DataFrame) -> None:
    """A table of the parts of these claims."""
    shown = claims.drop_nulls("corpora").select("claim", "profile", "corpora").iter_rows()
    sql = queries.fill(CLAIM_PARTS, shown=[" ".join(row) for row in shown] or [""])
    table = queries.cached(sql)
    export.heading("Every part", "parts", sql)
    if not table.height:
        export.empty(120)
        return
    st.dataframe(
        table,
        hide_index=True,
        height=min(35 * table.height + 38, 600),
        key="parts-table",
        placeholder="–",
    )
    export.downloads(table, "claims")
