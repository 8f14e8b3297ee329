"""The Claims page's parts: a row for each of the paper's claims, and the numbers behind them."""

from __future__ import annotations

import html
import re
from typing import Any

import polars as pl
import streamlit as st

from app.parts.overview import tile_queries
from app.shell import choices, export, links, queries
from app.shell.pickers import default_profile
from core.paper.studies import STUDIES
from core.paper.studies.study import installed
from core.profiles import PROFILES

BEST = "best"
WIDTHS = [1.5, 7.2, 3, 3.2, 3.4]
HEADS = ("", "Claim", "The paper", "Ours (95 % interval)", "On")
# How a verdict is counted, and its icon and color.
TOLD = {
    "holds": ("hold", ":material/check:", "green"),
    "fails": ("fail", ":material/close:", "red"),
    "undecided": ("undecided", ":material/help:", "gray"),
}


def toolbar() -> str:
    """The choice of a profile; the best there is by default."""
    profiles = [BEST, *(name for name in PROFILES if name != "smoke"), "smoke"]
    return choices.select(
        "claims",
        "Profile",
        profiles,
        BEST,
        width=170,
        say=lambda name: "paper, else laptop" if name == BEST else name,
        help="No row mixes profiles; smoke is for trying out and means nothing.",
    )


def draw(profile: str) -> None:
    """The claims, one row each, and every part that has been measured."""
    of_profile = queries.fill(tile_queries.CLAIMS_OF, profile=profile)
    sql = tile_queries.CLAIMS if profile == BEST else of_profile
    table = queries.kept(sql)
    counted = dict(table["verdict"].value_counts().iter_rows())
    said = ", ".join(f"{counted.get(verdict, 0)} {word}" for verdict, (word, _, _) in TOLD.items())
    export.heading(f"What the paper says, and what is found here: {said}", "claims", sql)
    with st.container(key="claims", gap=None):
        for column, head in zip(st.columns(WIDTHS), HEADS, strict=True):
            column.html(f"<div class='note'>{head}</div>")
        for row in table.iter_rows(named=True):
            _row(row)
    st.html(
        "<div class='note'>A claim holds when every part of it does: when its whole interval lies "
        "on the claimed side of a threshold that was fixed before the runs (docs/claims.md). "
        "Click a claim for its figure.</div>"
    )
    _parts(table)


def _row(row: dict[str, Any]) -> None:
    """One claim: verdict, statement, the paper's number, ours, what it rests on."""
    verdict, statement, paper, ours, on = st.columns(WIDTHS, vertical_alignment="center")
    _, icon, color = TOLD[row["verdict"]]
    verdict.badge(row["verdict"], icon=icon, color=color)  # type: ignore[arg-type]
    label = f"**{row['claim']}** {row['statement']}"
    page, params = _figure(row)
    statement.page_link(page, label=label, query_params=params, help=row["statistic"])
    paper.html(f"<div class='cell'>{html.escape(row['paper'])}</div>")
    ours.html(f"<div class='cell'>{_number(row)}</div>")
    seeds = f"{row['seeds']} seeds" if (row["seeds"] or 1) > 1 else None
    based = [row["stand_in"] or row["corpora"], row["profile"], seeds] if row["corpora"] else []
    said = ", ".join(part for part in [*based, row["note"]] if part)
    on.html(f"<div class='cell'>{html.escape(said)}</div>")


def _figure(row: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The page behind a claim; of one that is not computed, where it would be."""
    declared = [installed(name) for name in STUDIES[row["study"]].corpora.values()]
    corpora = re.split(r" → | \+ ", row["corpora"]) if row["corpora"] else declared
    profile = row["profile"] or default_profile()
    return links.figure(row["study"], corpora, profile, row["seeds"] or 1)


def _number(row: dict[str, Any]) -> str:
    if row["ours"] is None:
        return "–"
    spread = "" if row["low"] is None else f" ({row['low']:.3g} to {row['high']:.3g})"
    return f"<b>{row['ours']:.3g}</b>{spread}".replace("-", "−")


def _parts(claims: pl.DataFrame) -> None:
    """Every measured part of the claims shown."""
    shown = claims.drop_nulls("corpora").select("claim", "profile", "corpora").iter_rows()
    sql = queries.fill(tile_queries.CLAIM_PARTS, shown=[" ".join(row) for row in shown] or [""])
    table = queries.kept(sql)
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
