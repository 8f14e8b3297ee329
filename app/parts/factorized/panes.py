"""The Factorized page's atlas: the map of all bases, and what stands below it."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
import streamlit as st

from app import pace, watching
from app.parts.factorized import basis
from app.parts.factorized import queries as sqls
from app.parts.factorized.toolbar import Asked, pick, picked
from app.pictures import figures, kernels
from app.shell import choices, export, people, queries
from core.paper.studies import Plan
from core.probes.intervals import rank_correlation
from core.text import SYMBOLS

WHOLE = len(SYMBOLS) ** 2
ROWS = 242  # pixels: the height of the table
SEEN = (0, 1, 10, 100, 1000, 10_000)
ANY = "any"


def atlas(asked: Asked) -> None:
    """The map beside the picked basis; frequency against recall, the table, the clusters."""
    opening = Plan(asked.plan.signatures, others={"atlas": asked.atlas})
    there = watching.watch_plan(opening)
    whole = asked.atlas.key in there
    left, right = st.columns([11, 14], gap="medium")
    map_news, scatter_news = (None, None) if whole else (pace.every(2), pace.every(10))
    with left:
        st.fragment(_map, run_every=map_news, key="kernel-map")(asked)
    with right:
        st.fragment(basis.pane, key="kernel-basis")(asked, there)
    left, right = st.columns([11, 14], gap="medium")
    with left:
        st.fragment(_frequency, run_every=scatter_news, key="kernel-scatter")(asked)
    with right:
        st.fragment(_table, key="kernel-table")(asked)
    _likeness(asked)


def _map(asked: Asked) -> None:
    sql = queries.fill(sqls.BASES, atlas=asked.atlas.key)
    table, names = queries.table(sql), [corpus.name for corpus in asked.corpora]
    titles = {color.column: color.title.format(*names) for color in kernels.COLORS}

    def color_choice() -> str:
        return choices.select(
            "color",
            "Color",
            list(titles),
            "above_control",
            say=titles.__getitem__,
            width=250,
            label_visibility="collapsed",
        )

    title = "All bases" if table.height == WHOLE else f"{table.height:,} of {WHOLE:,} bases"
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="xsmall"):
        column = color_choice()
        export.heading(title, "map", sql)
    color = next(color for color in kernels.COLORS if color.column == column)
    figure = kernels.atlas(table, color, titles[column], export.colors(), picked())
    st.plotly_chart(
        figure,
        key="kernel-map",
        theme=None,
        selection_mode="points",
        on_select=_clicked("kernel-map", "kernel-basis", "kernel-scatter"),
        alt="All bases of the kernel, first symbol of their bigram by second",
        config=figures.toolbar(asked.name("bases", column), people.picture_format()),
    )
    st.html(
        "<div class='note'>Click a basis for its signature. ^ and $ are a segment's start and end, "
        "? is an unknown character, ␣ a space, # a digit. Gray: not measured yet, or never seen."
        "</div>"
    )


def _clicked(chart: str, *redrawn: str) -> Callable[[], None]:
    def take() -> None:
        points = st.session_state[chart]["selection"]["points"]
        # A click on empty ground unselects; the basis last picked stays.
        found = [point["customdata"] for point in points if point.get("customdata")]
        if found:
            pick((found[-1][0], found[-1][1]), *redrawn)

    return take


def _frequency(asked: Asked) -> None:
    sql = queries.fill(sqls.BASES, atlas=asked.atlas.key)
    table = queries.table(sql)
    rank = rank_correlation(table["count"], table["recall"])
    correlation = "" if math.isnan(rank) else f", rank correlation {rank:.2f}"
    export.heading(f"Training frequency against recall{correlation}", "frequency", sql)
    if not table.height:
        export.empty(kernels.SCATTER)
        return
    figure = kernels.frequency(table, export.colors(), picked())
    st.plotly_chart(
        figure,
        key="kernel-scatter",
        theme=None,
        selection_mode="points",
        on_select=_clicked("kernel-scatter", "kernel-basis", "kernel-map"),
        alt="Recall of every basis against how often its bigram occurs",
        config=figures.toolbar(asked.name("frequency"), people.picture_format()),
    )
    st.html(
        "<div class='note'>A basis whose bigram never occurs is hardly trained: what it recalls "
        "is its first random weights'. Gray: a random kernel of each basis's norm.</div>"
    )


def _table(asked: Asked) -> None:
    """All bases as a table that can be filtered and sorted; a chosen row picks its basis."""
    sql = queries.fill(sqls.BASES, atlas=asked.atlas.key)
    table = queries.table(sql)
    clusters = [ANY, *(str(n) for n in sorted(table["cluster"].drop_nulls().unique()))]
    export.heading("All bases, sortable", "table", sql)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="filters"):
        symbol = choices.select(
            "having",
            "With the symbol",
            [ANY, *SYMBOLS],
            ANY,
            width=130,
            say=lambda s: s if s == ANY else kernels.mark(s),
        )
        least = choices.select(
            "seen", "Seen at least", SEEN, 0, width=130, say=lambda n: f"{n:,} times"
        )
        cluster = choices.select("cluster", "Cluster", clusters, ANY, width=90)
    if symbol != ANY:
        table = table.filter((pl.col("first") == symbol) | (pl.col("second") == symbol))
    table = table.filter(pl.col("count") >= least)
    if cluster != ANY:
        table = table.filter(pl.col("cluster") == int(cluster))
    names = [corpus.name for corpus in asked.corpora]
    bigrams = [a + b for a, b in _marked(table)]
    shown = table.with_columns(pl.Series("bigram", bigrams, dtype=pl.String)).select(
        "bigram",
        "recall",
        "control",
        "above_control",
        "own",
        "own_rank",
        "count",
        "norm",
        "lambda_1",
        "lambda_2",
        "drop_1",
        "drop_2",
        "cluster",
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        shown,
        key="kernel-table",
        height=ROWS,
        hide_index=True,
        placeholder="–",
        on_select=_rows(table),
        selection_mode="single-row",
        column_config={
            "recall": number(format="%.3f"),
            "control": number(format="%.3f"),
            "above_control": number("above", format="%.3f", help="recall − control"),
            "own": number(format="%.3f", help="Recall of its own two symbols"),
            "own_rank": number(
                "own rank", format="%.2f", help="Share of other bases that recall those worse"
            ),
            "count": number("seen", format="localized"),
            "norm": number(format="%.2f"),
            "lambda_1": number(f"λ {names[0]}", format="%.4f"),
            "lambda_2": number(f"λ {names[1]}", format="%.4f"),
            "drop_1": number(f"left out, {names[0]}", format="%.4f"),
            "drop_2": number(f"left out, {names[1]}", format="%.4f"),
        },
    )
    export.downloads(table, asked.name("bases"))


def _marked(table: pl.DataFrame) -> list[tuple[str, str]]:
    pairs = table.select("first", "second").iter_rows()
    return [(kernels.mark(first), kernels.mark(second)) for first, second in pairs]


def _rows(table: pl.DataFrame) -> Callable[[], None]:
    def take() -> None:
        rows = st.session_state["kernel-table"]["selection"]["rows"]
        if rows and rows[0] < table.height:
            first, second = table.select("first", "second").row(rows[0])
            pick((first, second), "kernel-basis", "kernel-map", "kernel-scatter")

    return take


def _likeness(asked: Asked) -> None:
    """All bases in the order of likeness, and what each cluster of them is."""
    sql = queries.fill(sqls.LIKENESS, atlas=asked.atlas.key)
    table = queries.table(sql)
    export.heading("All bases by likeness of their signatures: mean recall", "likeness", sql)
    if not table.height:
        export.empty(kernels.LIKENESS, "Known when all bases are measured")
        return
    export.chart(
        kernels.likeness(table, export.colors()),
        "likeness",
        asked.name("likeness"),
        "Mean recall of every symbol by every basis, alike bases beside each other",
    )
    sql = queries.fill(sqls.CLUSTERS, atlas=asked.atlas.key)
    table = queries.table(sql)
    export.heading("Clusters", "clusters", sql)
    listed = {
        name: [" ".join(kernels.spelled(part) for part in parts) for parts in table[name]]
        for name in ("recalls_most", "most_frequent")
    }
    number = st.column_config.NumberColumn
    st.dataframe(
        table.with_columns(pl.Series(name, values) for name, values in listed.items()),
        key="kernel-clusters",
        hide_index=True,
        height=35 * table.height + 38,
        column_config={
            "recall": number(format="%.3f"),
            "above_control": number("above", format="%.3f"),
            "median_count": number("seen, median", format="localized"),
            "recalls_most": st.column_config.TextColumn(
                "recalls most, against the others", width=220
            ),
            "most_frequent": st.column_config.TextColumn("most frequent bigrams", width=260),
        },
    )
    export.downloads(table, asked.name("clusters"))
