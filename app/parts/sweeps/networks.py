"""The networks of a sweep: their numbers, and what decoders twice as deep recall of them."""

from __future__ import annotations

import polars as pl
import polars.selectors as cs
import streamlit as st

from app import watching
from app.parts.sweeps.toolbar import Sweep
from app.pictures import sweeps
from app.shell import export, queries
from core.cells import label
from core.signatures.spec import SignatureSpec

# Of each column that is drawn against size: the axis, the title and the format of a number.
AGAINST_SIZE = {
    "perplexity": ("test perplexity", "Test perplexity", ".3f"),
    "added": ("bits, lags 1 to the last", "Added bits", ".2f"),
    "added_per_unit": ("bits a unit", "Added bits per unit", ".4f"),
}
COLUMNS = {
    "added_per_unit": st.column_config.NumberColumn(format="%.4f"),
    "seconds": st.column_config.NumberColumn(format="%.0f"),
}

NETWORKS = """
WITH each AS (
    SELECT m.cell, m.layers, m.hidden, s.layer, s.depth, m.parameters, s.width,
           m.test_perplexity AS perplexity, s.seconds,
           (SELECT arg_max(b.earlier, a.created)
            FROM added_bits b JOIN signatures a ON a.key = b.signature
            WHERE (a.model, a.layer, a.state, a.corpus, a.profile, a.seed, a.depth)
                = (s.model, s.layer, s.state, s.corpus, s.profile, s.seed, s.depth)) AS added
    FROM signatures s JOIN models m ON m.key = s.model
    WHERE s.key IN ({keys})
)
SELECT cell, layers, hidden, layer, depth AS decoder_depth, count(*) AS seeds,
       avg(perplexity) AS perplexity, min(perplexity) AS perplexity_low,
       max(perplexity) AS perplexity_high, avg(added) AS added, min(added) AS added_low,
       max(added) AS added_high, avg(added) / hidden AS added_per_unit,
       any_value(parameters) AS parameters, any_value(width) AS decoder_width,
       sum(seconds) AS seconds
FROM each
GROUP BY cell, layers, hidden, layer, depth
ORDER BY cell, layers, hidden, layer, depth"""

# Both decoders are measured at the same positions, so the interval is that of their difference in
# each bootstrap replicate.
DEEPER = """
WITH listed AS (
    SELECT v.*, s.depth, d.accuracies
    FROM marginal_recall v
    JOIN signatures s ON s.key = v.signature
    LEFT JOIN draws d ON d.signature = v.signature AND d.lag = v.lag AND d.symbol IS NULL
    WHERE v.signature IN ({keys}) AND v.lag >= 1
), pairs AS (
    SELECT p.cell, p.layer, p.lag, p.accuracy AS plain, d.accuracy AS deeper,
           unnest(d.accuracies) - unnest(p.accuracies) AS drawn
    FROM listed p
    JOIN listed d
      ON d.model = p.model AND d.layer = p.layer AND d.lag = p.lag AND d.depth > p.depth
)
SELECT cell, layer, lag, plain, deeper, deeper - plain AS difference,
       quantile_cont(drawn, 0.025) AS low, quantile_cont(drawn, 0.975) AS high
FROM pairs
GROUP BY ALL
ORDER BY cell, layer, lag"""


def against_size(sweep: Sweep, column: str) -> None:
    """One number of every network against its hidden size."""
    axis, title, form = AGAINST_SIZE[column]
    if sweep.many_seeds and column != "added_per_unit":
        title += ", mean and range of seeds"
    sql = queries.fill(NETWORKS, keys=sweep.keys)
    table = queries.table(sql)
    export.heading(title, column, sql)
    if table[column].count():
        sizes = sweep.choices.sizes or ()
        figure = export.drawn(
            sweeps.against_size, table, sizes, column, axis, form, export.colors()
        )
        name = sweep.file_name(f"size-{column}")
        export.chart(figure, column, name, f"{title} against hidden size")
    else:
        export.empty(sweeps.SIZE)


def added_bits(sweep: Sweep) -> None:
    """A button that computes what each network knows beyond the more recent symbols."""
    specs = [spec.added() for spec in sweep.plan.drawn.values() if isinstance(spec, SignatureSpec)]
    watching.offer("added", specs, "Compute added bits")
    st.html(
        "<div class='note'>Added bits are what the state says of earlier symbols beyond what the "
        "more recent ones say; they may be summed over lags, as recalled bits may not.</div>"
    )


def deeper_decoders(sweep: Sweep) -> None:
    """How much more decoders twice as deep recall, at the layers furthest from the input."""
    sql = queries.fill(DEEPER, keys=sweep.keys)
    table = queries.table(sql)
    export.heading("What decoders twice as deep recall more", "deeper", sql)
    if table.height:
        figure = export.drawn(
            sweeps.deeper, table, sweep.choices.cells, sweep.lags, export.colors()
        )
        name = sweep.file_name("deeper")
        export.chart(figure, "deeper", name, "Gain of deeper decoders by lag")
    else:
        export.empty(sweeps.DEEPER)
    st.html(
        "<div class='note'>In points, at the two layers furthest from the input. Both decoders "
        "are resampled alike, position by position, for the interval of the gain.</div>"
    )


def numbers(sweep: Sweep) -> None:
    """All numbers of every network, or of every layer."""
    sql = queries.fill(NETWORKS, keys=sweep.keys)
    table = queries.table(sql)
    rows = len(sweep.keys)
    if sweep.study == "size":
        table = table.drop("layer", "decoder_depth")
        rows = len(sweep.choices.cells) * len(sweep.columns)
    export.heading("Numbers", "numbers", sql)
    spread = () if (table["seeds"].max() or 1) > 1 else ("seeds", cs.ends_with("_low", "_high"))
    shown = table.drop(*spread).with_columns(
        pl.col("cell").map_elements(label, return_dtype=pl.String)
    )
    export.table(shown, "numbers", COLUMNS, height=export.table_height(rows))
    export.downloads(table, sweep.file_name(sweep.study))
