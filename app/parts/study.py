"""What the pages of the paper's studies share: their corpora, perplexities, the way to Compare."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import polars as pl
import streamlit as st

from app.parts import several, unfinished
from app.pictures import look
from app.shell import export, pins, queries, words
from core.corpora import NAMES
from core.paper.studies import STUDIES, Choices, Plan
from core.paper.studies.study import STAND_INS, installed
from core.profiles import PROFILES
from core.text import SYMBOLS

WSJ = "wsj"
STAND_IN = STAND_INS[WSJ]

SCORED = """
WITH listed AS (SELECT unnest([{labels}]) AS label, unnest([{keys}]) AS key)
SELECT l.label, p.test_perplexity, p.dev_perplexity, p.weights, p.test_symbols, p.title AS models
FROM listed l LEFT JOIN perplexities p ON p.key = l.key
ORDER BY list_position([{labels}], l.label)"""


def default_corpus() -> str:
    """The paper's corpus, or what stands in for it."""
    return installed(WSJ)


def note(name: str, selected: Choices, plan: Plan, paper: str = "") -> None:
    """One line: what stands in for the paper's corpus, its sizes, how much is trained on, and which
    networks of the plan are unfinished.

    name: of the study. paper: a sentence on what the paper has, where that is not what is shown.
    """
    corpora = [spec.name for spec in (selected.corpus, selected.target) if spec]
    symbols = PROFILES[selected.profile].training.symbols
    share = f"{words.number(symbols)} symbols an epoch, other ones each time" if symbols else ""
    stand_in = _stand_in(corpora) if WSJ in STUDIES[name].corpora.values() else ""
    trained = f"Profile {selected.profile} trains on {share or 'the whole corpus'}."
    text = " ".join(part for part in (stand_in, paper, trained) if part)
    rest = unfinished.sentence(spec.key for spec in plan.drawn.values())
    st.html(f"<div class='note'>{html.escape(text)} {rest}</div>")


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
        SCORED,
        labels=list(plan.perplexities),
        keys=[spec.key for spec in plan.perplexities.values()],
    )
    table = queries.table(sql)
    export.heading(title, "scored", sql)
    weights = [
        " + ".join(f"{weight:.2f}" for weight in each) if each and len(each) > 1 else None
        for each in table["weights"].to_list()
    ]
    shown = table.select(
        "label",
        "test_perplexity",
        pl.Series("weights", weights, dtype=pl.String),
        "dev_perplexity",
        "models",
    )
    columns = {
        "label": st.column_config.TextColumn("model", width=150),
        "weights": st.column_config.TextColumn(help="Fitted on dev", width=130),
    }
    export.table(shown, "scored", columns, height=export.table_height(table.height))
    export.downloads(table, name)


def on_test_split(corpus: str) -> str:
    """The title of `perplexities` on one corpus, as HTML."""
    return f"Perplexity on the test split of {html.escape(corpus)}"


def side_by_side(
    title: str,
    plan: Plan,
    titles: dict[str, str],
    computed: frozenset[str],
    name: str,
    scale: look.Scale = look.PURPLE,
    symbols: Sequence[str] = SYMBOLS,
) -> bool:
    """The signatures of a plan on one scale; what is not computed yet says so.

    symbols: their alphabet, in order. Returns whether rings count the recent floor.
    """
    signatures = [
        (titles[label] if spec.key in computed else f"{label}: not computed yet", spec.key)
        for label, spec in plan.drawn.items()
    ]
    keys = [key for _, key in signatures]
    return several.side_by_side(
        title,
        signatures,
        name,
        scale=scale,
        buttons=lambda: compare(keys, computed, "Compare"),
        symbols=symbols,
    )


def compare(keys: Iterable[str], computed: frozenset[str], label: str) -> None:
    """A link that lays the computed signatures side by side on the Compare page."""
    listed = [key[: pins.DIGITS] for key in keys if key in computed][: pins.MOST]
    st.page_link(
        "pages/compare.py",
        label=label,
        icon=":material/compare:",
        disabled=len(listed) < 2,
        query_params={"pins": "-".join(listed)},
        help="On the Compare page, in place of what is pinned now",
    )
