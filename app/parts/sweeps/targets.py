"""Larger units than symbols: what one network recalls of classes, n-grams and words."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts.sweeps.toolbar import Sweep
from app.pictures import sweeps
from app.shell import export, queries

# `parts`: of n-grams the product of the recalls of their symbols, were these independent.
# `above`: the share that the best guess gets wrong and the decoders get right.
TARGETS = """
WITH each AS (
    SELECT v.target, v.lag, v.n, v.accuracy, v.low, v.high, v.majority, v."current", v.untrained,
           (SELECT count(*) FROM recall r
            WHERE r.signature = v.signature AND r.lag = v.lag AND r.symbol IS NOT NULL) AS labels
    FROM target_recall v
    WHERE v.signature IN ({keys}) AND v.lag >= 1
), symbols AS (
    SELECT lag, accuracy, lead(accuracy) OVER (ORDER BY lag) AS second,
           lead(accuracy, 2) OVER (ORDER BY lag) AS third
    FROM each WHERE target = 'symbol'
)
SELECT e.*,
       CASE e.target WHEN 'bigram' THEN s.accuracy * s.second
                     WHEN 'trigram' THEN s.accuracy * s.second * s.third END AS parts,
       (e.accuracy - greatest(e.majority, e."current"))
           / (1 - greatest(e.majority, e."current")) AS above
FROM each e LEFT JOIN symbols s ON s.lag = e.lag
ORDER BY list_position([{targets}], e.target), e.lag"""


def recall(sweep: Sweep) -> None:
    """Recall by lag of every target, with its guesses and the untrained network."""
    sql, table = _rows(sweep)
    export.heading("Recall by lag", "targets", sql)
    if table.height:
        figure = sweeps.targets(table, sweep.lags, export.colors())
        name = sweep.file_name("targets")
        export.chart(figure, "targets", name, "Recall by lag, a pane each target")
    else:
        export.empty(sweeps.RECALL)
    st.html(
        "<div class='note'>The lag of a word counts words, all others count symbols. Product of "
        "parts: what the recall of a bigram or trigram would be if its symbols were recalled "
        "independently of each other. All decoders were trained for as many rounds.</div>"
    )


def above_guess(sweep: Sweep) -> None:
    """How much of what the best guess gets wrong is recalled."""
    sql, table = _rows(sweep)
    export.heading("Recall above the best guess", "above-guess", sql)
    if table.height:
        figure = sweeps.above_guess(table, sweep.lags, export.colors())
        name = sweep.file_name("targets-above-guess")
        export.chart(figure, "above-guess", name, "Share of what the best guess gets wrong")
    else:
        export.empty(sweeps.STATE)
    st.html(
        "<div class='note'>100 %: all right; 0: no more than the better of two guesses, the most "
        "frequent label and the best guess from the current one. So targets of few and of "
        "many labels can be compared.</div>"
    )


def numbers(sweep: Sweep) -> None:
    """The numbers of every target and lag."""
    sql, table = _rows(sweep)
    export.heading("Numbers", "targets-numbers", sql)
    decimals = st.column_config.NumberColumn(format="%.3f")
    columns = ("accuracy", "low", "high", "majority", "current", "untrained", "parts", "above")
    st.dataframe(
        table,
        height=sweeps.STATE,
        hide_index=True,
        key="targets-numbers",
        column_config=dict.fromkeys(columns, decimals),
    )
    export.downloads(table, sweep.file_name("targets"))


def _rows(sweep: Sweep) -> tuple[str, pl.DataFrame]:
    sql = queries.fill(TARGETS, keys=sweep.keys, targets=[*sweep.plan.drawn])
    return sql, queries.table(sql)
