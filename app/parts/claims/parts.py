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
SELECT claim, part, verdict, statistic, ours, rise, low, high, covers, side, threshold, doubt,
       profile, corpora, seeds
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
    heads = (
        "",
        "What is measured",
        "Ours (95 % interval)",
        "Last doubling",
        "",
        "Claimed",
        "Verdict",
    )
    lines = "".join(_line(row) for row in table.iter_rows(named=True))
    head = "".join(f"<th>{head}</th>" for head in heads)
    st.html(f"<table class='parts'><tr>{head}</tr>{lines}</table>")
    st.html(
        "<div class='note'>Dot and line: our number and its interval. Tick: the threshold; shaded: "
        "the side that the claim is on. Each line has a scale of its own. Last doubling: by how "
        "much the number changed when the decoders trained twice as long as before; the interval "
        "reaches further by seven times that, on the side to which it moved. –: not recorded.</div>"
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
        change(row["rise"]),
        picture,
        claimed.replace("-", "−"),
        f"{verdict}{doubt}",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def change(rise: float | None) -> str:
    """What the last doubling of the decoders' training changed of a number, with its sign.

    rise: None where that is not recorded.
    """
    if rise is None:
        return "–"
    return f"{rise:+.4f}".replace("-", "−") if round(rise, 4) else "0"
