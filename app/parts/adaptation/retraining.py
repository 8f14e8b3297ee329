"""Retraining (Fig. 4): source, retrained and target, and what the retraining changed."""

from __future__ import annotations

import html

import streamlit as st

from app.parts import several, study
from app.parts.adaptation.toolbar import alphabet, file_name
from app.pictures import changes, look
from app.shell import export, queries, words
from core.paper.studies import Choices, Plan
from core.profiles import find

PAPER = "The paper, Shakespeare to WSJ: source 6.791, retrained 4.110, target 3.443."
PAIRS = (("source", "retrained"), ("retrained", "target"), ("source", "target"))

APART = """
WITH pairs AS (
    SELECT unnest([{names}]) AS pair, unnest([{first}]) AS a, unnest([{second}]) AS b,
           unnest([{score_a}]) AS score_a, unnest([{score_b}]) AS score_b
)
SELECT p.pair, d.distance, d.low, d.high, d.by_chance, d.cells,
       one.test_perplexity AS perplexity_a, other.test_perplexity AS perplexity_b,
       abs(one.test_perplexity - other.test_perplexity) AS gap
FROM pairs p
LEFT JOIN perplexities one ON one.key = p.score_a
LEFT JOIN perplexities other ON other.key = p.score_b,
     distance_interval(p.a, p.b) d
WHERE d.distance IS NOT NULL
ORDER BY list_position([{names}], p.pair)"""

# half: of the interval of the mean change, by its spread over the bootstrap replicates.
CHANGED = """
WITH cells AS (
    SELECT s.symbol, s.lag, least(s.n, r.n) AS n, s.accuracy AS source,
           r.accuracy AS retrained, t.accuracy AS target
    FROM recall s
    JOIN recall r ON r.signature = {retrained} AND r.lag = s.lag AND r.symbol = s.symbol
    LEFT JOIN recall t ON t.signature = {target} AND t.lag = s.lag AND t.symbol = s.symbol
    WHERE s.signature = {source} AND s.lag >= 1 AND s.symbol IS NOT NULL
), replicates AS (
    SELECT v.symbol, unnest(w.accuracies) - unnest(v.accuracies) AS change,
           generate_subscripts(v.accuracies, 1) AS replicate
    FROM draws v
    JOIN draws w ON w.signature = {retrained} AND w.lag = v.lag AND w.symbol = v.symbol
    WHERE v.signature = {source} AND v.lag >= 1 AND v.symbol IS NOT NULL
), drawn AS (
    SELECT symbol, replicate, avg(change) AS change FROM replicates GROUP BY symbol, replicate
), noise AS (
    SELECT symbol, 1.96 * stddev_samp(change) AS half FROM drawn GROUP BY symbol
)
SELECT c.symbol, min(c.n) AS n, avg(c.source) AS source, avg(c.retrained) AS retrained,
       avg(c.target) AS target, avg(c.retrained - c.source) AS change,
       avg(c.target - c.source) AS to_target, any_value(x.half) AS half
FROM cells c JOIN noise x ON x.symbol = c.symbol
GROUP BY c.symbol
HAVING min(c.n) >= 50
ORDER BY change DESC"""

UNLIMITED = 10**12  # symbols
# cap, source_cap: the most symbols that retraining and training read by the profile.
SAMPLE = """
WITH drawn AS (
    SELECT s.name AS source, t.name AS target,
           least(round({percent} * t.train_symbols / 100), {cap})::BIGINT AS sample,
           t.train_symbols AS target_symbols, s.train_symbols AS source_symbols
    FROM corpora s, corpora t
    WHERE s.key = {source} AND t.key = {target}
)
SELECT source, target, sample, sample / target_symbols AS of_target,
       sample / source_symbols AS of_source,
       least(source_symbols, {source_cap}) AS source_trained_on
FROM drawn"""


def signatures(selected: Choices, plan: Plan, computed: frozenset[str]) -> None:
    """The three signatures in the paper's green."""
    source, target = _corpora(selected)
    titles = {
        "source": f"source: {source}",
        "retrained": f"retrained: {100 * selected.fraction:g} % of {target}",
        "target": f"target: {target}",
    }
    study.side_by_side(
        f"Recall by lag and symbol, LSTM [1,{selected.hidden}]",
        plan,
        titles,
        computed,
        file_name(selected, "retraining"),
        look.GREEN,
        alphabet(selected),
    )
    st.html(
        "<div class='note'>The paper's green: the lighter, the higher the recall, dark 0 %, light "
        "100 %. A ring marks recall that a guess reaches. All three are measured on "
        f"{html.escape(target)}.</div>"
    )


def target_less(selected: Choices, plan: Plan, other: str) -> None:
    """What the target remembers more or less than `other`; both differences have one scale."""
    sqls = {
        name: queries.fill(
            queries.DIFFERENCE, a=plan.signatures["target"].key, b=plan.signatures[name].key
        )
        for name in ("retrained", "source")
    }
    pair = {"retrained": "CB", "source": "CA"}[other]
    several.difference(
        f"Target − {other}",
        pair,
        sqls[other],
        several.reach(*sqls.values()),
        file_name(selected, f"less-{other}"),
        key=f"difference-{pair}",
        symbols=alphabet(selected),
    )


def changed_symbols(selected: Choices, plan: Plan) -> None:
    """Which symbols the retrained network remembers better or worse than its source did."""
    sql = queries.fill(CHANGED, **{label: spec.key for label, spec in plan.drawn.items()})
    table = queries.table(sql)
    export.heading("Symbols whose memory changed most, from source to retrained", "changed", sql)
    if table.height:
        figure = export.drawn(changes.changes, table, export.colors())
        name = file_name(selected, "changed")
        export.chart(figure, "changed", name, "Change of recall by symbol, mean over lags")
    else:
        export.empty(changes.CHANGES)
    st.html(
        "<div class='note'>Symbols with at least 50 test positions at every lag. Gray: the "
        "95 % interval holds zero. The paper names weaker memory of "
        "k, l, m, b, c and u as what the retrained model takes over from its target.</div>"
    )


def distances(selected: Choices, plan: Plan) -> None:
    """How alike the three are, by their signatures and by their perplexities."""
    sql = queries.fill(
        APART,
        names=[f"{one} – {other}" for one, other in PAIRS],
        first=[plan.signatures[one].key for one, _ in PAIRS],
        second=[plan.signatures[other].key for _, other in PAIRS],
        score_a=[plan.perplexities[one].key for one, _ in PAIRS],
        score_b=[plan.perplexities[other].key for _, other in PAIRS],
    )
    table = queries.table(sql)
    export.heading("Distance against perplexity gap", "apart", sql)
    whole = table.drop_nulls("gap")
    if whole.height:
        figure = export.drawn(changes.distances, whole, export.colors())
        export.chart(figure, "apart", file_name(selected, "distances"), "Distances against gaps")
    else:
        export.empty(changes.DISTANCES)
    chance = table["by_chance"].max()
    noise = f" Noise alone would put two {chance:.3f} apart." if chance is not None else ""
    st.html(
        "<div class='note'>Distance: mean absolute difference of the cells, weighted by their "
        "counts, with its 95 % interval by bootstrap over segments; noise only ever adds to a "
        f"distance, so the interval reaches further down than up.{noise}</div>"
    )


def perplexities(selected: Choices, plan: Plan) -> None:
    """Every network's perplexity on the target, and the paper's."""
    _, target = _corpora(selected)
    study.perplexities(plan, study.on_test_split(target), file_name(selected, "scored"))
    st.html(f"<div class='note'>{PAPER}</div>")


def sample(selected: Choices) -> None:
    """The size of the retraining sample, against the target and against the source."""
    if not (selected.source and selected.target):
        return
    profile = find(selected.profile)
    cap = profile.retraining.text or UNLIMITED
    sql = queries.fill(
        SAMPLE,
        percent=round(100 * selected.fraction),
        cap=cap,
        source_cap=profile.training.text or UNLIMITED,
        source=selected.source.key,
        target=selected.target.key,
    )
    export.heading("Retraining sample", "sample", sql)
    row = queries.table(sql).row(0, named=True)
    facts = {
        "symbols": words.number(row["sample"]),
        f"of the train split of {row['target']}": f"{row['of_target']:.1%}",
        f"of the train split of {row['source']}": f"{row['of_source']:.1%}",
        "the source network's own sample": words.number(row["source_trained_on"]),
    }
    limit = "" if row["sample"] < cap else f" Profile {selected.profile} allows no more symbols."
    st.html(
        f"{export.facts(facts)}<div class='note'>The paper: 5 % of the target, less than 2 % of "
        f"the out-of-domain data.{limit}</div>"
    )


def _corpora(selected: Choices) -> tuple[str, str]:
    """The names of the source and the target."""
    source, target = (spec.name if spec else "" for spec in (selected.source, selected.target))
    return source, target
