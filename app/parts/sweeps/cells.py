"""The cells of today: what each remembers at equal parameters or at equal state."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import streamlit as st

from app.parts.sweeps import opening
from app.parts.sweeps.networks import AGAINST_SIZE
from app.parts.sweeps.toolbar import Sweep
from app.pictures import sweeps
from app.shell import choices, export, queries
from core.cells import CELLS, label
from core.paper.studies.cells import ALIGNMENTS, FAR, REFERENCE, networks
from core.profiles import TRIED_RATES, at_end, find

COMPARED = """
SELECT v.cell, v.signature, m.hidden, m.parameters, v.state, s.width AS decoder_width, v.lag, v.n,
       v.accuracy, v.low, v.high, v.majority, v.untrained, m.test_perplexity AS perplexity,
       (m.spec->>'$.budget.learning_rate')::DOUBLE AS rate,
       (SELECT arg_max(b.earlier, a.created)
        FROM added_bits b JOIN signatures a ON a.key = b.signature
        WHERE (a.model, a.layer, a.state, a.corpus, a.profile, a.seed)
            = (s.model, s.layer, s.state, s.corpus, s.profile, s.seed)) AS added
FROM marginal_recall v
JOIN signatures s ON s.key = v.signature
JOIN models m ON m.key = s.model
WHERE v.signature IN ({keys}) AND v.lag = {lag}
ORDER BY v.cell"""
# What is drawn across: what the alignment leaves to differ.
ACROSS = {"parameters": "state_size", "state": "weights"}
EQUAL = {
    "parameters": "Each network has about as many recurrent parameters as an LSTM of {hidden} "
    "units, {number:,}: the weights of the layer's matrices, without biases, embedding and output.",
    "state": "Each network carries about as many numbers from one step to the next as an LSTM of "
    "{hidden} units, {number:,}: c and h of an LSTM, 16 numbers a unit of S6, mLSTM and Gated "
    "DeltaNet.",
}


@dataclass(frozen=True)
class Comparison:
    """The networks of one alignment, equal to an LSTM of some units, and a lag.

    alignment: what is equal, parameters or state. distances: by cell and units how far a network's
    number is from the LSTM's, as a share of it.
    """

    sweep: Sweep
    alignment: str
    lag: int
    hidden: int
    distances: dict[tuple[str, int], float]

    @property
    def sql(self) -> str:
        drawn = self.sweep.plan.drawn.values()
        keys = [s.key for s in drawn if (s.model.cell, s.model.hidden) in self.distances]
        return queries.fill(COMPARED, keys=keys, lag=self.lag)

    def table(self) -> pl.DataFrame:
        """The rows of the query, with names and with the numbers that follow from cell and size."""
        table = queries.table(self.sql)
        sizes = table.select("cell", "hidden").rows()
        read = table.select("cell", "state", "hidden").rows()
        return table.with_columns(
            pl.Series("name", [self._name(*size) for size in sizes], dtype=pl.String),
            pl.Series("network", [f"{label(c)} [1,{n}]" for c, n in sizes], dtype=pl.String),
            pl.Series("state_size", [CELLS[c].state_size(n) for c, n in sizes], dtype=pl.Int64),
            pl.Series("weights", [CELLS[c].kernel(n) for c, n in sizes], dtype=pl.Int64),
            pl.Series("numbers_read", [CELLS[c].dim(s, n) for c, s, n in read], dtype=pl.Int64),
        ).sort(ACROSS[self.alignment])

    def _name(self, cell: str, hidden: int) -> str:
        """The cell's, with the distance from the LSTM's number where that is large."""
        distance = self.distances[cell, hidden]
        return f"{label(cell)} ({distance:+.0%})" if abs(distance) > FAR else label(cell)


def select_alignment() -> str:
    """What all networks have about as many of."""
    return choices.switch(
        "equal",
        "Networks of",
        list(ALIGNMENTS),
        "parameters",
        format_func=lambda alignment: f"equal {alignment}",
    )


def select_lag(sweep: Sweep) -> int:
    """How many symbols ago the recall is of that is drawn."""
    return choices.select("lag", "Lag", range(1, sweep.lags + 1), min(5, sweep.lags), width=80)


def compared(sweep: Sweep, alignment: str, lag: int) -> Comparison:
    """The networks of a sweep that belong to the alignment."""
    hidden = sweep.choices.hidden or find(sweep.choices.profile).compared
    aligned = networks(hidden).items()
    distances = {network: each[alignment] for network, each in aligned if alignment in each}
    return Comparison(sweep, alignment, lag, hidden, distances)


def pictures(comparison: Comparison) -> None:
    """Recall at one lag, added bits and perplexity, each against what differs."""
    table, lag, alignment = comparison.table(), comparison.lag, comparison.alignment
    across = ACROSS[alignment]
    shown = {"accuracy": (f"recall, {lag} ago", f"Recall {lag} symbols ago", ".1%")}
    shown |= {name: AGAINST_SIZE[name] for name in ("added", "perplexity")}
    with st.container(key="wraps"):
        places = st.columns(3)
    for place, (column, (axis, title, form)) in zip(places, shown.items(), strict=True):
        with place:
            title = f"{title}, equal {alignment}"
            export.heading(title, f"cells-{column}", comparison.sql)
            if table[column].count():
                drawing = (table, across, column, axis, form, export.colors())
                export.chart(
                    export.drawn(sweeps.of_cells, *drawing),
                    f"cells-{column}",
                    comparison.sweep.file_name(f"cells-equal-{alignment}-{column}"),
                    f"{title}, against {sweeps.ACROSS[across]}",
                    on_click=lambda _, signature: opening.select(signature),
                )
            else:
                export.empty(sweeps.STATE)
    number = ALIGNMENTS[alignment](REFERENCE, comparison.hidden)
    st.html(
        f"<div class='note'>{EQUAL[alignment].format(hidden=comparison.hidden, number=number)} "
        f"Hollow: the same network untrained. All read as much text. {_of_rates(comparison)} "
        "Click a point for its signature.</div>"
    )


def _of_rates(comparison: Comparison) -> str:
    """How the peak rates of the networks came about, in a sentence or two."""
    profile = find(comparison.sweep.choices.profile)
    rates = {network: profile.chosen_rate(*network) for network in comparison.distances}
    usual = [network for network, rate in rates.items() if rate is None]
    if len(usual) == len(rates):
        return "The peak rates are the profile's, not chosen by cell."
    tried = ", ".join(f"{rate:g}" for rate in TRIED_RATES)
    ends = [network for network, rate in rates.items() if rate is not None and at_end(rate)]
    text = f"The peak rate of each is the best on dev of {tried}"
    if usual:
        text += f", but for {_listed(usual)}, which have the profile's"
    beyond = f" The best is at the end of these for {_listed(ends)}." if ends else ""
    return f"{text}.{beyond}"


def _listed(sizes: list[tuple[str, int]]) -> str:
    return ", ".join(f"{label(cell)} [1,{hidden}]" for cell, hidden in sizes)


def numbers(comparison: Comparison) -> None:
    """The numbers of every network."""
    title = f"Numbers, recall {comparison.lag} symbols ago, equal {comparison.alignment}"
    export.heading(title, "cells-numbers", comparison.sql)
    shown = comparison.table().select(
        pl.col("name").alias("cell"),
        "hidden",
        "state_size",
        pl.col("weights").alias("recurrent_parameters"),
        "parameters",
        pl.col("accuracy").alias("recall"),
        *("untrained", "majority", "added", "perplexity"),
        pl.col("rate").alias("peak_rate"),
        pl.col("state").alias("read"),
        "numbers_read",
        "decoder_width",
    )
    height = export.table_height(len(comparison.distances))
    name = comparison.sweep.file_name(f"cells-equal-{comparison.alignment}")
    export.numbers(shown, "cells-numbers", height, name)
