"""Every measured part of the claims: the number, its interval and its threshold."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app.parts.claims.statements import number
from app.pictures import ranges
from app.shell import export, queries

CLAIM_PARTS = """
SELECT claim, part, verdict, statistic, ours, low, high, covers, side, threshold, doubt, profile,
       corpora, seeds
FROM claim_checks
WHERE claim || ' ' || profile || ' ' || corpora IN ({shown})
ORDER BY substr(claim, 2)::INTEGER, part"""


def measured(claims: pl.DataFrame) -> None:
    """A line for each part of these claims, its interval drawn against its threshold."""
    shown = claims.drop_nulls("corpora").select("claim", "profile", "corpora").iter_rows()
    sql = queries.fill(CLAIM_PARTS, shown=[" ".join(row) for row in shown] or [""])
    table = queries.table(sql)
    export.heading("Every part", "parts", sql)
    if not table.height:
        export.empty(120)
        return
    heads = ("", "What is measured", "Ours (95 % interval)", "", "Claimed", "Verdict")
    lines = "".join(_line(row) for row in table.iter_rows(named=True))
    head = "".join(f"<th>{head}</th>" for head in heads)
    st.html(f"<table class='parts'><tr>{head}</tr>{lines}</table>")
    st.html(
        "<div class='note'>Dot and line: our number and its interval. Tick: the threshold; shaded: "
        "the side that the claim is on. Each line has a scale of its own.</div>"
    )
    export.downloads(table, "claims")


def _line(row: dict[str, Any]) -> str:
    threshold = None if row["threshold"] is None else float(row["threshold"])
    picture = ranges.row(row["ours"], row["low"], row["high"], threshold, row["side"])
    claimed = "–" if threshold is None else f"{row['side']} {threshold:g}"
    verdict = row["verdict"] or "not judged"
    doubt = f" (needs {row['doubt']})" if row["verdict"] and row["doubt"] else ""
    cells = (
        f"{row['claim']}.{row['part']}",
        html.escape(row["statistic"]),
        number(row),
        picture,
        claimed.replace("-", "−"),
        f"{verdict}{doubt}",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
