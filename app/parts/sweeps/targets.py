"""Larger units than symbols: what one network recalls of classes, n-grams and words."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import streamlit as st
from plotly.graph_objects import Figure

from app.parts import several
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
    _chart(
        sweep,
        "Recall by lag",
        "targets",
        sweeps.targets,
        sweeps.RECALL,
        "The lag of a word counts words, all others count symbols. Product of parts: what the "
        "recall of a bigram or trigram would be if its symbols were recalled independently of each "
        "other. All decoders were trained for as many rounds.",
        has_floors=True,
    )


def above_guess(sweep: Sweep) -> None:
    """How much of what the best guess gets wrong is recalled."""
    _chart(
        sweep,
        "Recall above the best guess",
        "above-guess",
        sweeps.above_guess,
        sweeps.STATE,
        "100 %: all right; 0: no more than the better of two guesses, the most frequent label and "
        "the best guess from the current one. So targets of few and of many labels can be "
        "compared.",
    )


def _chart(
    sweep: Sweep,
    title: str,
    key: str,
    picture: Callable[..., Figure],
    height: int,
    note: str,
    *,
    has_floors: bool = False,
) -> None:
    """A picture of the rows of all targets by lag, and what it means."""
    sql, table = _rows(sweep)
    switch = (lambda: several.switch_untrained(table)) if has_floors else None
    export.heading(title, key, sql, buttons=switch)
    if table.height:
        floors = [several.floors()] if has_floors else []
        figure = export.drawn(picture, table, sweep.lags, export.colors(), *floors)
        export.chart(figure, key, sweep.file_name(key), f"{title} of every target")
    else:
        export.empty(height)
    st.html(f"<div class='note'>{note}</div>")


def numbers(sweep: Sweep) -> None:
    """The numbers of every target and lag."""
    sql, table = _rows(sweep)
    export.heading("Numbers", "targets-numbers", sql)
    export.numbers(table, "targets-numbers", sweeps.STATE, sweep.file_name("targets"))


def _rows(sweep: Sweep) -> tuple[str, pl.DataFrame]:
    sql = queries.fill(TARGETS, keys=sweep.keys, targets=[*sweep.plan.drawn])
    return sql, queries.table(sql)
