"""The map of all bases, and how often a bigram occurs against what its basis recalls."""

from __future__ import annotations

import math

import polars as pl
import streamlit as st

from app import pace
from app.parts.factorized.queries import BASES
from app.parts.factorized.toolbar import SelectedModel, pick, picked
from app.pictures import bases as pictures
from app.shell import choices, export, queries
from core.probes.intervals import rank_correlation
from core.text import SYMBOLS

WHOLE = len(SYMBOLS) ** 2


def bases(model: SelectedModel, computed: frozenset[str]) -> None:
    """The map of all bases; it fills while they are being measured."""
    news = None if model.atlas.key in computed else pace.every(2)
    st.fragment(_bases, run_every=news, key="kernel-map")(model)


def _bases(model: SelectedModel) -> None:
    sql = queries.fill(BASES, atlas=model.atlas.key)
    table, names = queries.table(sql), [corpus.name for corpus in model.corpora]
    titles = {color.column: color.title.format(*names) for color in pictures.COLORS}
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="xsmall"):
        column = choices.select(
            "color",
            "Color",
            list(titles),
            "above_control",
            format_func=titles.__getitem__,
            width=250,
            label_visibility="collapsed",
        )
        title = "All bases" if table.height == WHOLE else f"{table.height:,} of {WHOLE:,} bases"
        export.heading(title, "map", sql)
    color = next(color for color in pictures.COLORS if color.column == column)
    export.chart(
        export.drawn(pictures.atlas, table, color, titles[column], export.colors(), picked()),
        "kernel-map",
        model.file_name("bases", column),
        "All bases of the kernel, first symbol of their bigram by second",
        on_click=lambda *bigram: pick(bigram, "kernel-basis", "kernel-scatter"),
    )
    st.html(
        "<div class='note'>Click a basis for its signature. ^ and $ are a segment's start and end, "
        "? is an unknown character, ␣ a space, # a digit. Gray: not measured yet, or never seen."
        "</div>"
    )


def frequency(model: SelectedModel, computed: frozenset[str]) -> None:
    """Recall of every basis against how often its bigram occurs."""
    news = None if model.atlas.key in computed else pace.every(10)
    st.fragment(_frequency, run_every=news, key="kernel-scatter")(model)


def _frequency(model: SelectedModel) -> None:
    sql = queries.fill(BASES, atlas=model.atlas.key)
    table = queries.table(sql)
    # Bases of bigrams that never occur keep their first weights, and recall little for that reason:
    # over all bases the correlation would say that training makes a basis remember more.
    trained = table.filter(pl.col("count") > 0)
    rank = rank_correlation(trained["count"], trained["recall"])
    of = f", rank correlation {rank:.2f} over the {trained.height:,} that occur"
    export.heading(
        f"Training frequency against recall{'' if math.isnan(rank) else of}", "frequency", sql
    )
    if not table.height:
        export.empty(pictures.FREQUENCY)
        return
    export.chart(
        export.drawn(pictures.frequency, table, export.colors(), picked()),
        "kernel-scatter",
        model.file_name("frequency"),
        "Recall of every basis against how often its bigram occurs",
        on_click=lambda *bigram: pick(bigram, "kernel-basis", "kernel-map"),
    )
    st.html(
        "<div class='note'>A basis whose bigram never occurs is hardly trained: what it recalls "
        "is its first random weights'. Gray: a random kernel of each basis's norm.</div>"
    )
