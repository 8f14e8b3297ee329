"""The paper's claims, a row each: verdict, statement, the paper's number and ours."""

from __future__ import annotations

import html
import re
from typing import Any

import polars as pl
import streamlit as st

from app.shell import choices, export, links, queries
from app.shell.pickers import default_profile
from core.paper.studies import STUDIES
from core.paper.studies.study import installed
from core.profiles import PROFILES

BEST = "best"
CLAIMS = "FROM claims"
WIDTHS = [1.9, 6, 2.6, 4.2, 3.6]
HEADS = ("", "Claim", "The paper", "Ours (95 % interval)", "On")
# How a verdict is counted, and its icon and color.
VERDICTS = {
    "holds": ("hold", ":material/check:", "green"),
    "fails": ("fail", ":material/close:", "red"),
    "undecided": ("undecided", ":material/help:", "gray"),
    "not computed": ("not computed", ":material/hourglass_empty:", "gray"),
}


def select_profile() -> str:
    """The choice of a profile; the best there is by default."""
    profiles = [BEST, *(name for name in PROFILES if name != "smoke"), "smoke"]
    return choices.select(
        "claims",
        "Profile",
        profiles,
        BEST,
        width=170,
        format_func=lambda name: "the largest" if name == BEST else name,
        help="By default paper, else desk, else laptop. No row mixes profiles; "
        "smoke is for trying out and means nothing.",
    )


def verdicts(profile: str) -> pl.DataFrame:
    """Every claim with its verdict; the rows that are shown."""
    sql = CLAIMS if profile == BEST else queries.fill(queries.CLAIMS_OF, profile=profile)
    table = queries.table(sql)
    counted = dict(table["verdict"].value_counts().iter_rows())
    count = ", ".join(f"{counted.get(name, 0)} {word}" for name, (word, *_) in VERDICTS.items())
    export.heading(f"What the paper says, and what is found here: {count}", "claims", sql)
    with st.container(key="claims", gap=None):
        for column, head in zip(st.columns(WIDTHS), HEADS, strict=True):
            column.html(f"<div class='note'>{head}</div>")
        for row in table.iter_rows(named=True):
            _row(row)
    st.html(
        "<div class='note'>A claim holds when every part of it does: when its whole interval lies "
        "on the claimed side of its threshold (<a href='documents?document=claims'>the rules</a>). "
        "Click a claim for its figure.</div>"
    )
    return table


def _row(row: dict[str, Any]) -> None:
    """One claim: verdict, statement, the paper's number, ours, what it rests on."""
    verdict, statement, paper, ours, on = st.columns(WIDTHS, vertical_alignment="center")
    _, icon, color = VERDICTS[row["verdict"]]
    verdict.badge(row["verdict"], icon=icon, color=color)  # type: ignore[arg-type]
    label = f"**{row['claim']}** {row['statement']}"
    page, params = _figure(row)
    statement.page_link(page, label=label, query_params=params, help=row["statistic"])
    paper.html(f"<div class='cell'>{html.escape(row['paper'])}</div>")
    what = "" if row["ours"] is None else f"<div class='note'>{html.escape(row['statistic'])}</div>"
    ours.html(f"<div class='cell'>{number(row)}{what}</div>")
    seeds = f"{row['seeds']} seeds" if (row["seeds"] or 1) > 1 else None
    based = [row["stand_in"] or row["corpora"], row["profile"], seeds] if row["corpora"] else []
    text = ", ".join(part for part in [*based, row["note"]] if part)
    on.html(f"<div class='cell'>{html.escape(text)}</div>")


def _figure(row: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The page behind a claim; of one that is not computed, where it would be."""
    declared = [installed(name) for name in STUDIES[row["study"]].corpora.values()]
    corpora = re.split(r" → | \+ ", row["corpora"]) if row["corpora"] else declared
    profile = (row["profile"] or default_profile()).split(",")[0]  # without rounds beyond it
    return links.figure(row["study"], corpora, profile, row["seeds"] or 1)


def number(row: dict[str, Any]) -> str:
    """The number of a claim or of a part of it, with its interval, as HTML."""
    if row["ours"] is None:
        return "–"
    spread = ""
    if row["low"] is not None:
        spread = f" <span>({row['low']:.3g} to {row['high']:.3g})</span>"
    return f"<b>{row['ours']:.3g}</b>{spread}".replace("-", "−")
