"""A network against an n-gram (Fig. 5)."""

from __future__ import annotations

import streamlit as st

from app.parts import several, study
from app.parts.adaptation.toolbar import alphabet, file_name
from app.shell import choices, queries
from core.paper.studies import Choices, Plan

NGRAMS = {"decoded": "5-gram", "exact": "5-gram, exact"}


@st.fragment
def difference(selected: Choices, plan: Plan) -> None:
    """The network less the n-gram, whose recall is decoded as the paper does, or exact."""
    way = choices.value("against", "decoded", lambda text: text if text in NGRAMS else None)
    sqls = {
        other: queries.fill(
            queries.DIFFERENCE, a=plan.signatures["GRU"].key, b=plan.signatures[label].key
        )
        for other, label in NGRAMS.items()
    }
    pair = "AB" if way == "decoded" else "AC"
    several.difference(
        f"GRU − {NGRAMS[way]}",
        pair,
        sqls[way],
        several.reach(*sqls.values()),
        file_name(selected, f"gru-less-ngram-{way}"),
        key=f"difference-{pair}",
        buttons=_ways,
        symbols=alphabet(selected),
    )


def _ways() -> None:
    with st.container(key="pairs", width="content"):
        choices.switch(
            "against",
            "Against",
            list(NGRAMS),
            "decoded",
            label_visibility="collapsed",
            format_func=lambda way: f"5-gram {way}",
        )


def signatures(selected: Choices, plan: Plan, computed: frozenset[str]) -> None:
    """The network's signature, and the n-gram's, decoded and exact."""
    titles = {label: label for label in plan.drawn}
    name = file_name(selected, "network-ngram")
    title, symbols = "Recall by lag and symbol", alphabet(selected)
    recent = study.side_by_side(title, plan, titles, computed, name, symbols=symbols)
    several.how_to_read(
        recent,
        "Exact: as far as its context reaches, four symbols at most, an n-gram's state holds the "
        "symbol itself; beyond it the best guess is counted.",
    )


def perplexities(selected: Choices, plan: Plan) -> None:
    """Perplexities of both, and of both interpolated."""
    corpus = selected.corpus.name if selected.corpus else ""
    study.perplexities(plan, study.on_test_split(corpus), file_name(selected, "scored"))
