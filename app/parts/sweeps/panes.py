"""The Sweeps page's parts: recall by kernel size (Fig. 2) and layer by layer (Fig. 3)."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import polars.selectors as cs
import streamlit as st

from app import watching
from app.parts import study
from app.pictures import figures, studies
from app.shell import choices, export, pickers, queries
from core.cells import CELLS, label
from core.paper.studies import STUDIES, Choices, Plan
from core.paper.studies.study import CELLS_OF_PAPER
from core.profiles import find

SIZES_MOST = 8
BOTH, ALL = "-".join(CELLS_OF_PAPER), "-".join(CELLS)
DEEP = (80, 160, 320, 640)


def sizes(text: str) -> str | None:
    """Hidden sizes as a person types them, put in order; None for what is not a list of them."""
    parts = "".join(c if c.isdecimal() else " " for c in text).split()
    numbers = sorted({int(part) for part in parts if len(part) < 5})
    allowed = 1 <= len(numbers) <= SIZES_MOST and numbers[0] >= 1 and numbers[-1] <= 4096
    odd = any(c.isalpha() or c == "." for c in text) or any(len(part) > 4 for part in parts)
    return " ".join(map(str, numbers)) if allowed and not odd else None


def toolbar(deep: bool) -> Choices:
    """The choices of either figure."""
    corpus = pickers.corpus_choice("corpus", "Corpus", study.default_corpus())
    profile = pickers.profile_choice()
    cells = choices.select(
        "cells", "Cells", list(dict.fromkeys([BOTH, *CELLS, ALL])), BOTH, width=125, say=_named
    )
    asked = Choices(profile, corpus=pickers.read(corpus), cells=tuple(cells.split("-")))
    if deep:
        usual = find(profile).deep[1]
        hidden = choices.select(
            "deep",
            "Hidden",
            sorted({*DEEP, usual}),
            usual,
            free=choices.whole(1, 4096),
            width=100,
            help="Units of each layer; type any number up to 4096.",
        )
        return replace(asked, hidden=hidden)
    usual = " ".join(map(str, find(profile).sizes))
    listed = choices.typed(
        "sizes",
        "Hidden sizes",
        usual,
        sizes,
        width=170,
        help=f"Up to {SIZES_MOST} numbers up to 4096; what is computed stays.",
    )
    seeds = choices.select(
        "seeds",
        "Seeds",
        range(1, 6),
        1,
        width=80,
        help="Networks of each size; their mean is shown",
    )
    return replace(asked, sizes=tuple(map(int, listed.split())), seeds=tuple(range(seeds)))


def _named(cells: str) -> str:
    """Such as "GRU, LSTM and minGRU"."""
    *others, last = map(label, cells.split("-"))
    return f"{', '.join(others)} and {last}" if others else last


def size(asked: Choices) -> None:
    """Fig. 2: matrix, curves, perplexity and bits against size, numbers."""
    plan = STUDIES["size"].plan(asked)
    there = watching.watch_plan(plan)
    listed = asked.sizes or find(asked.profile).sizes
    study.note(asked, "The paper: [1,80] to [1,640]." if listed != find("paper").sizes else "")
    _recall(asked, plan, there, [({"hidden": h}, f"[1,{h}]") for h in listed], "size")
    sql = queries.fill(queries.NETWORKS, keys=_keys(plan))
    table = queries.table(sql)
    seeds = ", mean and range of seeds" if len(asked.seeds) > 1 else ""
    pictures = (
        ("perplexity", "test perplexity", f"Test perplexity{seeds}", ".3f"),
        ("bits", "bits, sum over lags", f"Recalled bits{seeds}", ".2f"),
        ("bits_per_unit", "bits a unit", "Recalled bits per unit", ".4f"),
    )
    for pane, (column, axis, title, form) in zip(st.columns(3), pictures, strict=True):
        with pane:
            export.heading(title, column, sql)
            if table.height:
                figure = studies.against_size(table, listed, column, axis, form, export.colors())
                name = _name(asked, f"size-{column}")
                export.chart(figure, column, name, f"{title} against hidden size")
            else:
                export.empty(studies.SMALL)
    _numbers(
        table.drop("layer", "decoder_depth"),
        len(asked.cells) * len(listed),
        sql,
        _name(asked, "size"),
    )


def depth(asked: Choices) -> None:
    """Fig. 3: matrix and curves by layer, the check with deeper decoders, numbers."""
    plan = STUDIES["depth"].plan(asked)
    there = watching.watch_plan(plan)
    layers, hidden = find(asked.profile).deep
    paper = (layers, asked.hidden or hidden) == find("paper").deep
    study.note(asked, "" if paper else "The paper: [4,320].")
    columns = [({"layer": layer}, f"layer {layer}") for layer in range(1, layers + 1)]
    _recall(asked, plan, there, columns, "depth")
    left, right = st.columns([16, 9], gap="medium")
    with left:
        sql = queries.fill(queries.DEEPER, keys=_keys(plan))
        table = queries.table(sql)
        export.heading("What decoders twice as deep recall more", "deeper", sql)
        if table.height:
            figure = studies.deeper(table, asked.cells, _lags(asked), export.colors())
            export.chart(figure, "deeper", _name(asked, "deeper"), "Gain of deeper decoders by lag")
        else:
            export.empty(studies.CHECK)
        st.html(
            "<div class='note'>In points, at the two layers furthest from the input. Both decoders "
            "are resampled alike, position by position, for the interval of the gain.</div>"
        )
    with right:
        sql = queries.fill(queries.NETWORKS, keys=_keys(plan))
        _numbers(queries.table(sql), len(plan.signatures), sql, _name(asked, "depth"))


def _recall(
    asked: Choices,
    plan: Plan,
    there: frozenset[str],
    columns: list[tuple[studies.Row, str]],
    what: str,
) -> None:
    """The paper's matrix left, its rows as curves right."""
    sql = queries.fill(queries.SWEEP, keys=_keys(plan))
    table = queries.table(sql)
    if "depth" in table.columns:  # the matrix is of the plain decoders
        table = table.filter(pl.col("depth") == find(asked.profile).decoders.depth)
    spread = ", mean of seeds" if what == "size" and len(asked.seeds) > 1 else ""
    by = "hidden size" if what == "size" else "layer"
    left, right = st.columns(2, gap="medium")
    with left:
        export.heading(
            f"Recall by lag and {by}{spread}",
            "matrix",
            sql,
            buttons=lambda: _compare(asked, plan, there),
        )
        figure = studies.matrices(table, asked.cells, columns, _lags(asked), export.colors())
        export.chart(
            figure, f"{what}-matrix", _name(asked, what), f"Marginal recall by lag and {by}"
        )
        st.html("<div class='note'>White 0 %, dark purple 100 %.</div>")
    with right:
        export.heading(f"Recall by lag{spread}", "curves", sql)
        figure = studies.curves(table, asked.cells, columns, _lags(asked), export.colors())
        name = _name(asked, f"{what}-curves")
        export.chart(figure, f"{what}-curves", name, f"Marginal recall by lag, a line each {by}")
        band = "from the lowest to the highest seed" if spread else "the 95 % interval"
        st.html(f"<div class='note'>The band is {band}.</div>")


def _compare(asked: Choices, plan: Plan, there: frozenset[str]) -> None:
    for cell in asked.cells:
        keys = [
            spec.key
            for spec in plan.signatures.values()
            if spec.model.cell == cell
            and spec.seed == asked.seeds[0]
            and spec.budget.depth == find(asked.profile).decoders.depth
        ]
        study.compare(keys, there, label(cell))


def _numbers(table: pl.DataFrame, rows: int, sql: str, name: str) -> None:
    """The networks' numbers; rows: how many there will be."""
    export.heading("Numbers", "numbers", sql)
    spread = () if (table["seeds"].max() or 1) > 1 else ("seeds", cs.ends_with("_low", "_high"))
    digits = {"perplexity": 3, "bits": 2, "bits_per_unit": 4, "seconds": 1}
    formats = {
        name: st.column_config.NumberColumn(format=f"%.{places}f")
        for column, places in digits.items()
        for name in (column, f"{column}_low", f"{column}_high")
    }
    formats["parameters"] = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        table.drop(*spread),
        height=35 * rows + 38,
        hide_index=True,
        key="numbers",
        column_config=formats,
    )
    export.downloads(table, name)


def _keys(plan: Plan) -> list[str]:
    return [spec.key for spec in plan.signatures.values()]


def _lags(asked: Choices) -> int:
    return find(asked.profile).max_lag


def _name(asked: Choices, what: str) -> str:
    return figures.file_name(what, asked.corpus.name if asked.corpus else "", asked.profile)
