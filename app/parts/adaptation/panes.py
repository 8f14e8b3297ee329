"""The Adaptation page's parts: retraining (Fig. 4), and a network against an n-gram (Fig. 5)."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app import watching
from app.parts import study
from app.pictures import comparisons, figures, studies
from app.shell import choices, export, people, pickers, queries, words
from core.paper.studies import STUDIES, Choices, Plan
from core.profiles import find

HIDDEN = (40, 80, 160, 320, 640)
PAPER = "The paper, Shakespeare to WSJ: source 6.791, retrained 4.110, target 3.443."
AGAINST = {"decoded": "5-gram", "exact": "5-gram, exact"}


def retraining_toolbar() -> Choices:
    """Source, target, fraction, hidden size, profile."""
    source = pickers.corpus_choice("source", "Source", "shakespeare", 130)
    target = pickers.corpus_choice("target", "Target", study.default_corpus(), 130)
    percent = choices.slide(
        "fraction",
        "Share of the target",
        1,
        50,
        5,
        width=150,
        format="%d %%",
        help="How much of the target's train split it is retrained on, a seeded sample",
    )
    profile = pickers.profile_choice()
    return Choices(
        profile,
        source=pickers.read(source),
        target=pickers.read(target),
        fraction=percent / 100,
        hidden=_hidden(profile),
    )


def ngram_toolbar() -> Choices:
    """Corpus, hidden size, profile."""
    corpus = pickers.corpus_choice("corpus", "Corpus", study.default_corpus())
    profile = pickers.profile_choice()
    return Choices(profile, corpus=pickers.read(corpus), hidden=_hidden(profile))


def retraining(asked: Choices) -> None:
    """Fig. 4: three signatures, their differences, perplexities, distances, changed symbols."""
    plan = STUDIES["adaptation"].plan(asked)
    there = watching.watch_plan(plan)
    study.note(asked)
    keys = {label: spec.key for label, spec in plan.signatures.items()}
    source, target = (spec.name if spec else "" for spec in (asked.source, asked.target))
    titles = {
        "source": f"source: {source}",
        "retrained": f"retrained: {100 * asked.fraction:g} % of {target}",
        "target": f"target: {target}",
    }
    title = f"Recall by lag and symbol, LSTM [1,{asked.hidden}]"
    _side(title, plan, titles, there, _name(asked, "retraining"), True)
    st.html(
        "<div class='note'>The paper's green: the lighter, the higher the recall, dark 0 %, light "
        "100 %. A dot marks recall not above its floors. All three are measured on "
        f"{html.escape(target)}.</div>"
    )
    _differences(asked, keys)
    left, right = st.columns([16, 9], gap="medium")
    with left:
        _changed(asked, keys)
    with right:
        _distances(asked, plan)
    left, right = st.columns([16, 9], gap="medium")
    with left:
        study.perplexities(plan, _on(target), _name(asked, "scored"))
        st.html(f"<div class='note'>{PAPER}</div>")
    with right:
        _sample(asked)


def ngram(asked: Choices) -> None:
    """Fig. 5: the difference, the curves, the signatures, perplexities."""
    plan = STUDIES["ngram"].plan(asked)
    there = watching.watch_plan(plan)
    study.note(asked, "The paper: a 1-layer GRU and a 5-gram.")
    left, right = st.columns([16, 9], gap="medium")
    with left:
        st.fragment(_against)(asked, plan)
    with right:
        sqls = {
            label: queries.fill(queries.MARGINAL, key=spec.key)
            for label, spec in plan.signatures.items()
        }
        export.heading("Marginal recall", "curves", *sqls.values())
        figure = comparisons.curves(
            [(label, queries.table(sql)) for label, sql in sqls.items()], export.colors()
        )
        export.chart(figure, "curves", _name(asked, "marginal"), "Marginal recall by lag of each")
    titles = {label: label for label in plan.signatures}
    _side("Recall by lag and symbol", plan, titles, there, _name(asked, "network-ngram"), False)
    st.html(
        "<div class='note'>White 0 %, dark purple 100 %; a dot marks recall not above its floors. "
        "Exact: as far as its context reaches, four symbols at most, an n-gram's state holds the "
        "symbol itself; beyond it the best guess is counted.</div>"
    )
    corpus = asked.corpus.name if asked.corpus else ""
    study.perplexities(plan, _on(corpus), _name(asked, "scored"))


def _side(
    title: str, plan: Plan, titles: dict[str, str], there: frozenset[str], name: str, green: bool
) -> None:
    """The signatures beside each other, on one scale; what is not there yet says so."""
    keys = [spec.key for spec in plan.signatures.values()]
    sqls = [queries.fill(queries.MATRIX, key=key) for key in keys]
    export.heading(title, "side", *sqls, buttons=lambda: study.compare(keys, there, "Compare"))
    tables = [
        (titles[label] if key in there else f"{label}: not computed yet", queries.table(sql))
        for label, key, sql in zip(plan.signatures, keys, sqls, strict=True)
    ]
    if not any(table.height for _, table in tables):
        export.empty(comparisons.SIDE[3])
        return
    scale = {"scale": studies.GREEN} if green else {}
    figure = comparisons.side_by_side(tables, export.colors(), **scale)
    _zooming(figure, "side", name, "Recall by lag and symbol, side by side")


def _differences(asked: Choices, keys: dict[str, str]) -> None:
    """Target less retrained and target less source, on one scale."""
    pairs = (("retrained", "CB"), ("source", "CA"))
    sqls = [queries.fill(queries.DIFFERENCE, a=keys["target"], b=keys[other]) for other, _ in pairs]
    tables = [queries.table(sql) for sql in sqls]
    reach = _reach(*tables)
    for pane, (other, pair), sql, table in zip(
        st.columns(2, gap="medium"), pairs, sqls, tables, strict=True
    ):
        with pane:
            _difference(f"Target − {other}", pair, sql, table, reach, _name(asked, f"less-{other}"))


def _difference(
    title: str, pair: str, sql: str, table: pl.DataFrame, reach: float, name: str, **more: Any
) -> None:
    key = f"difference-{pair}"
    export.heading(title, key, sql, **more)
    if not table.height:
        export.empty(340)
        st.html("<div class='note'>&nbsp;</div>")
        return
    figure = comparisons.difference(table, pair, reach, export.colors())
    _zooming(figure, key, name, title)
    first, second = title.split(" − ")
    sure = table.filter(pl.col("significant"))
    more_cells = sure.filter(pl.col("difference") > 0).height
    st.html(
        f"<div class='note'><b class='more'>Red</b>: {first} remembers more ({more_cells} cells). "
        f"<b class='less'>Blue</b>: {second} does ({sure.height - more_cells}). "
        f"Gray: the intervals overlap ({table.height - sure.height}).</div>"
    )


def _against(asked: Choices, plan: Plan) -> None:
    """The network less the n-gram, whose recall is decoded as the paper does, or exact."""
    against = choices.value("against", "decoded", lambda text: text if text in AGAINST else None)
    keys = {label: spec.key for label, spec in plan.signatures.items()}
    sqls = {
        way: queries.fill(queries.DIFFERENCE, a=keys["GRU"], b=keys[label])
        for way, label in AGAINST.items()
    }
    tables = {way: queries.table(sql) for way, sql in sqls.items()}
    pair = "AB" if against == "decoded" else "AC"
    _difference(
        f"GRU − {AGAINST[against]}",
        pair,
        sqls[against],
        tables[against],
        _reach(*tables.values()),
        _name(asked, f"gru-less-ngram-{against}"),
        buttons=_ways,
    )


def _ways() -> None:
    with st.container(key="pairs", width="content"):
        choices.switch(
            "against",
            "Against",
            list(AGAINST),
            "decoded",
            label_visibility="collapsed",
            format_func=lambda way: f"5-gram {way}",
        )


def _on(corpus: str) -> str:
    return f"Perplexity on the test split of {html.escape(corpus)}"


def _distances(asked: Choices, plan: Plan) -> None:
    """How alike the three are, by their signatures and by their perplexities."""
    pairs = [("source", "retrained"), ("retrained", "target"), ("source", "target")]
    sql = queries.fill(
        queries.APART,
        names=[f"{one} – {other}" for one, other in pairs],
        first=[plan.signatures[one].key for one, _ in pairs],
        second=[plan.signatures[other].key for _, other in pairs],
        score_a=[plan.perplexities[one].key for one, _ in pairs],
        score_b=[plan.perplexities[other].key for _, other in pairs],
    )
    table = queries.table(sql)
    export.heading("Distance against perplexity gap", "apart", sql)
    whole = table.drop_nulls("gap")
    if whole.height:
        figure = studies.apart(whole, export.colors())
        export.chart(figure, "apart", _name(asked, "distances"), "Distances against gaps")
    else:
        export.empty(studies.SMALL)
    chance = table["by_chance"].max()
    noise = f" Noise alone would put two {chance:.3f} apart." if chance is not None else ""
    st.html(
        "<div class='note'>Distance: mean absolute difference of the cells, weighted by their "
        "counts, with its 95 % interval by bootstrap over segments; noise only ever adds to a "
        f"distance, so the interval reaches further down than up.{noise}</div>"
    )


def _changed(asked: Choices, keys: dict[str, str]) -> None:
    """Which symbols the retrained network remembers better or worse than its source did."""
    sql = queries.fill(queries.CHANGED, **keys)
    table = queries.table(sql)
    export.heading("Symbols whose memory changed most, from source to retrained", "changed", sql)
    if table.height:
        figure = studies.changes(table, export.colors())
        name = _name(asked, "changed")
        export.chart(figure, "changed", name, "Change of recall by symbol, mean over lags")
    else:
        export.empty(studies.CHECK)
    st.html(
        "<div class='note'>Symbols with at least 50 test positions at every lag. Gray: the "
        "95 % interval holds zero. The paper names weaker memory of "
        "k, l, m, b, c and u as what the retrained model takes over from its target.</div>"
    )


def _sample(asked: Choices) -> None:
    """The size of the retraining sample, against the target and against the source."""
    if not (asked.source and asked.target):
        return
    cap = find(asked.profile).retraining.symbols or 10**12
    sql = queries.fill(
        queries.SAMPLE,
        percent=round(100 * asked.fraction),
        cap=cap,
        source=asked.source.key,
        target=asked.target.key,
    )
    export.heading("Retraining sample", "sample", sql)
    row = queries.table(sql).row(0, named=True)
    facts = {
        "symbols": words.number(row["sample"]),
        f"of the train split of {row['target']}": f"{row['of_target']:.1%}",
        f"of the train split of {row['source']}": f"{row['of_source']:.1%}",
        "the source network's own sample": words.number(row["source_trained_on"]),
    }
    said = "".join(
        f"<tr><td>{html.escape(what)}</td><td>{value}</td></tr>" for what, value in facts.items()
    )
    limit = "" if row["sample"] < cap else f" Profile {asked.profile} allows no more symbols."
    st.html(
        f"<table class='facts'>{said}</table><div class='note'>The paper: 5 % of the target, less "
        f"than 2 % of the out-of-domain data.{limit}</div>"
    )


def _hidden(profile: str) -> int:
    usual = find(profile).hidden
    return choices.select(
        "units",
        "Hidden",
        sorted({*HIDDEN, usual}),
        usual,
        free=choices.whole(1, 4096),
        width=90,
        help="Units of the one layer; type any number up to 4096.",
    )


def _reach(*tables: pl.DataFrame) -> float:
    """One scale for several differences: the eye may go from one to the next."""
    largest = [table["difference"].abs().max() or 0.0 for table in tables if table.height]
    return comparisons.reach(max(largest, default=0.0))


def _zooming(figure: Any, key: str, name: str, alt: str) -> None:
    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        alt=alt,
        config=figures.toolbar(name, people.picture_format(), zooms=True),
    )


def _name(asked: Choices, what: str) -> str:
    corpora = [spec.name for spec in (asked.source, asked.target, asked.corpus) if spec]
    share = [f"{100 * asked.fraction:g}"] if asked.source else []
    return figures.file_name(what, *corpora, *share, asked.hidden, asked.profile)
