"""The cells of today: what each remembers against the numbers that it carries."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.parts.sweeps import opening
from app.parts.sweeps.networks import AGAINST_SIZE, DIGITS
from app.parts.sweeps.toolbar import Sweep
from app.pictures import sweeps
from app.shell import choices, export, queries
from core.cells import CELLS, label

COMPARED = """
SELECT v.cell, v.signature, m.hidden, m.parameters, v.state, s.width AS decoder_width, v.lag, v.n,
       v.accuracy, v.low, v.high, v.majority, v.untrained, m.test_perplexity AS perplexity,
       (SELECT arg_max(b.earlier, a.created)
        FROM added_bits b JOIN signatures a ON a.key = b.signature
        WHERE (a.model, a.layer, a.state, a.corpus, a.profile, a.seed)
            = (s.model, s.layer, s.state, s.corpus, s.profile, s.seed)) AS added
FROM marginal_recall v
JOIN signatures s ON s.key = v.signature
JOIN models m ON m.key = s.model
WHERE v.signature IN ({keys}) AND v.lag = {lag}
ORDER BY v.cell"""


def select_lag(sweep: Sweep) -> int:
    """How many symbols ago the recall is of that is drawn."""
    return choices.select("lag", "Lag", range(1, sweep.lags + 1), min(5, sweep.lags), width=80)


def against_state(sweep: Sweep, lag: int) -> None:
    """Recall at one lag, added bits and perplexity, each against the size of the state."""
    sql = queries.fill(COMPARED, keys=sweep.keys, lag=lag)
    table = _compared(sql)
    shown = {"accuracy": (f"recall, {lag} ago", f"Recall {lag} symbols ago", ".1%")}
    shown |= {name: AGAINST_SIZE[name] for name in ("added", "perplexity")}
    for place, (column, (axis, title, form)) in zip(st.columns(3), shown.items(), strict=True):
        with place:
            export.heading(title, f"cells-{column}", sql)
            if table[column].count():
                figure = export.drawn(
                    sweeps.against_state, table, column, axis, form, export.colors()
                )
                name = sweep.file_name(f"cells-{column}")
                export.chart(
                    figure,
                    f"cells-{column}",
                    name,
                    f"{title} against size of the state",
                    on_click=lambda _, signature: opening.select(signature),
                )
            else:
                export.empty(sweeps.STATE)
    st.html(
        "<div class='note'>The state is all that is carried from one step to the next, in numbers: "
        "c and h of an LSTM, 16 numbers a unit of S6, mLSTM and Gated DeltaNet. Hollow: "
        "the same network untrained. All have one hidden size and read as much text. Click a point "
        "for its signature.</div>"
    )


def numbers(sweep: Sweep, lag: int) -> None:
    """The numbers of every cell."""
    sql = queries.fill(COMPARED, keys=sweep.keys, lag=lag)
    table = _compared(sql)
    export.heading(f"Numbers, recall {lag} symbols ago", "cells-numbers", sql)
    formats = {
        column: st.column_config.NumberColumn(format=f"%.{places}f")
        for column, places in (
            DIGITS | dict.fromkeys(("recall", "untrained", "majority"), 3)
        ).items()
    }
    shown = table.select(
        pl.col("cell").map_elements(label, return_dtype=pl.String),
        "state_size",
        "parameters",
        pl.col("accuracy").alias("recall"),
        *("untrained", "majority", "added", "perplexity"),
        pl.col("state").alias("read"),
        "numbers_read",
        "decoder_width",
    )
    height = 35 * len(sweep.keys) + 38
    export.numbers(shown, "cells-numbers", height, sweep.file_name("cells"), formats)


def _compared(sql: str) -> pl.DataFrame:
    """The rows of the query with the numbers of a state, carried and read by decoders."""
    table = queries.table(sql)
    rows = table.select("cell", "hidden", "state").rows()
    return table.with_columns(
        pl.Series("state_size", [CELLS[c].state_size(n) for c, n, _ in rows], dtype=pl.Int64),
        pl.Series("numbers_read", [CELLS[c].dim(s, n) for c, n, s in rows], dtype=pl.Int64),
    ).sort("state_size")
