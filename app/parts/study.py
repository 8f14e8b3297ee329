"""What the pages of the paper's studies share: their corpora, perplexities, the way to Compare."""

from __future__ import annotations

import html
from collections.abc import Iterable

import polars as pl
import streamlit as st

from app.shell import export, pins, queries, words
from core.corpora import NAMES
from core.paper.studies import Choices, Plan
from core.paper.studies.study import STAND_INS, installed
from core.profiles import PROFILES

WSJ = "wsj"
STAND_IN = STAND_INS[WSJ]


def default_corpus() -> str:
    """The paper's corpus, or what stands in for it."""
    return installed(WSJ)


def note(asked: Choices, paper: str = "") -> None:
    """One line: what stands in for the paper's corpus, its sizes, and how much is trained on.

    paper: a sentence on what the paper has, where that is not what is shown.
    """
    corpora = [spec.name for spec in (asked.corpus, asked.target) if spec]
    symbols = PROFILES[asked.profile].training.symbols
    used = "the whole corpus" if symbols is None else f"at most {words.number(symbols)} symbols"
    trained = f"Profile {asked.profile} trains on {used}."
    said = " ".join(part for part in (_stand_in(corpora), paper, trained) if part)
    st.html(f"<div class='note'>{html.escape(said)}</div>")


def _stand_in(corpora: list[str]) -> str:
    """One sentence where the paper's corpus is not the one shown; else nothing."""
    if WSJ in corpora:
        return ""
    if WSJ in NAMES:
        return "The paper's figure is of WSJ."
    if STAND_IN in corpora:
        return f"The paper's WSJ is not installed here; {STAND_IN} stands in for it."
    return f"The paper's figure is of WSJ, which is not installed; its stand-in is {STAND_IN}."


def perplexities(plan: Plan, title: str, name: str) -> None:
    """Every score of the plan, with the weights of what is interpolated. title: HTML."""
    sql = queries.fill(
        queries.SCORED,
        labels=list(plan.perplexities),
        keys=[spec.key for spec in plan.perplexities.values()],
    )
    table = queries.table(sql)
    export.heading(title, "scored", sql)
    weights = [
        " + ".join(f"{weight:.2f}" for weight in found) if found and len(found) > 1 else None
        for found in table["weights"].to_list()
    ]
    shown = table.select(
        "label",
        "test_perplexity",
        pl.Series("weights", weights, dtype=pl.String),
        "dev_perplexity",
        "models",
    )
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        shown,
        hide_index=True,
        height=35 * table.height + 38,
        key="scored",
        placeholder="–",
        column_config={
            "label": st.column_config.TextColumn("model", width=150),
            "test_perplexity": number,
            "dev_perplexity": number,
            "weights": st.column_config.TextColumn(help="Fitted on dev", width=130),
        },
    )
    export.downloads(table, name)


def compare(keys: Iterable[str], there: frozenset[str], label: str) -> None:
    """A link that lays the signatures that are there side by side on the Compare page."""
    found = [key[: pins.DIGITS] for key in keys if key in there][: pins.MOST]
    st.page_link(
        "pages/compare.py",
        label=label,
        icon=":material/compare:",
        disabled=len(found) < 2,
        query_params={"pins": "-".join(found)},
        help="On the Compare page, in place of what is pinned now",
    )
