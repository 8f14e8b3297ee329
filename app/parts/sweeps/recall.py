"""Recall by lag and hidden size or layer: the paper's matrix, and its rows as curves."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts import study
from app.parts.sweeps import opening
from app.parts.sweeps.toolbar import Sweep
from app.pictures import sweeps
from app.shell import export, queries
from core.cells import label
from core.profiles import find

BY = {"size": "hidden size", "depth": "layer"}

# Over several networks the mean; its interval covers the test text and the networks.
SWEEP = """
SELECT v.cell, v.hidden, v.layer, s.depth, v.lag, count(*) AS seeds,
       arg_min(v.signature, v.seed) AS signature,
       avg(v.n)::BIGINT AS n, avg(v.accuracy) AS accuracy,
       avg(v.accuracy) - half_width(avg(v.accuracy - v.low), stddev_samp(v.accuracy), count(*))
           AS low,
       avg(v.accuracy) + half_width(avg(v.high - v.accuracy), stddev_samp(v.accuracy), count(*))
           AS high,
       avg(v.bits) AS bits, avg(v.majority) AS majority, avg(v."current") AS "current",
       avg(v.untrained) AS untrained
FROM marginal_recall v JOIN signatures s ON s.key = v.signature
WHERE v.signature IN ({keys}) AND v.lag >= 1
GROUP BY v.cell, v.hidden, v.layer, s.depth, v.lag
ORDER BY v.cell, v.hidden, v.layer, s.depth, v.lag"""


def matrix(sweep: Sweep, computed: frozenset[str]) -> None:
    """The paper's matrix."""
    by, spread = BY[sweep.study], ", mean of seeds" if sweep.many_seeds else ""
    sql, table = _recall(sweep)
    export.heading(
        f"Recall by lag and {by}{spread}", "matrix", sql, buttons=lambda: _compare(sweep, computed)
    )
    cells = sweep.choices.cells
    figure = export.drawn(sweeps.matrices, table, cells, sweep.columns, sweep.lags, export.colors())
    key, name = f"{sweep.study}-matrix", sweep.file_name(sweep.study)
    alt = f"Marginal recall by lag and {by}"
    export.chart(figure, key, name, alt, on_click=opening.select)
    which = ", of the first seed" if sweep.many_seeds else ""
    st.html(
        "<div class='note'>White 0 %, dark purple 100 %. Click a cell for its network's "
        f"signature{which}.</div>"
    )


def curves(sweep: Sweep) -> None:
    """The same, a curve for each column of the matrix."""
    sql, table = _recall(sweep)
    export.heading(f"Recall by lag{', mean of seeds' if sweep.many_seeds else ''}", "curves", sql)
    cells = sweep.choices.cells
    figure = export.drawn(
        sweeps.recall_curves, table, cells, sweep.columns, sweep.lags, export.colors()
    )
    key = f"{sweep.study}-curves"
    alt = f"Marginal recall by lag, a line each {BY[sweep.study]}"
    export.chart(figure, key, sweep.file_name(key), alt)
    covered = "test text and networks" if sweep.many_seeds else "the test text alone"
    st.html(f"<div class='note'>The band is the 95 % interval; it covers {covered}.</div>")


def _recall(sweep: Sweep) -> tuple[str, pl.DataFrame]:
    """The query, and its rows of decoders of the usual depth."""
    sql = queries.fill(SWEEP, keys=sweep.keys)
    depth = find(sweep.choices.profile).decoders.depth
    return sql, queries.table(sql).filter(pl.col("depth") == depth)


def _compare(sweep: Sweep, computed: frozenset[str]) -> None:
    """A link to the Compare page for each cell."""
    depth = find(sweep.choices.profile).decoders.depth
    for cell in sweep.choices.cells:
        keys = [
            spec.key
            for spec in sweep.plan.drawn.values()
            if spec.model.cell == cell
            and spec.seed == sweep.choices.seeds[0]
            and spec.budget.depth == depth
        ]
        study.compare(keys, computed, label(cell))
