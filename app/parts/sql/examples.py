"""Questions to the tables, with the queries that answer them."""

from __future__ import annotations

import html

import streamlit as st

from app.parts.sql.history import load
from app.shell import pins, queries
from app.shell.queries import NAMED, SIGNATURE

# The two that the examples speak of: the first pins, else the newest trained signatures.
PAIR = f"""
SELECT s.key, {SIGNATURE} AS name{NAMED}
WHERE (s.decoder NOT IN ('linear', 'added') AND m.trained IS NOT FALSE)
   OR left(s.key, 12) IN ({{pins}})
ORDER BY list_position([{{pins}}], left(s.key, 12)) NULLS LAST, s.created DESC, s.key
LIMIT 2"""

# Questions and their answers. {a} and {b} are the two signatures of `PAIR`.
EXAMPLES = (
    (
        "How fast does each network forget?",
        """
SELECT lag, title, layer, state, accuracy, low, high, majority, untrained
FROM marginal_recall
WHERE trained AND decoder <> 'linear' AND lag > 0
ORDER BY title, layer, state, lag""",
    ),
    (
        "Which symbols does A remember better than B at lag 4?",
        """
SELECT symbol, a, b, difference, n_a, n_b
FROM difference({a}, {b})
WHERE lag = 4 AND significant AND difference > 0
ORDER BY difference DESC""",
    ),
    (
        "How does recall at lag 5 grow with parameters?",
        """
SELECT parameters, accuracy, low, high, cell, layers, hidden, corpus, profile
FROM marginal_recall
WHERE lag = 5 AND trained AND decoder = 'mlp' AND layer = layers
ORDER BY parameters""",
    ),
    (
        "Which decoder settings won?",
        """
SELECT lag, keep, width, count(*) AS decoders
FROM (
    SELECT width, unnest(keeps) AS keep, generate_subscripts(keeps, 1) - 1 AS lag
    FROM signatures
    WHERE decoder = 'mlp'
)
GROUP BY ALL
ORDER BY lag, decoders DESC""",
    ),
    (
        "What does each state know beyond the more recent symbols, in bits, and each unit?",
        """
SELECT m.title, s.layer, s.state, b.earlier AS bits, b.earlier / m.hidden AS bits_per_unit,
       b.rising
FROM added_bits b
JOIN signatures s ON s.key = b.signature
JOIN models m ON m.key = s.model
ORDER BY bits DESC""",
    ),
    (
        "What does A take for what, two steps back?",
        """
SELECT truth, guess, n, n / sum(n) OVER (PARTITION BY truth) AS share
FROM confusion
WHERE signature = {a} AND lag = 2
QUALIFY truth <> guess
ORDER BY n DESC
LIMIT 30""",
    ),
    (
        "How much of the recall comes from training?",
        """
SELECT lag, title, layer, state, accuracy, untrained, accuracy - untrained AS learned
FROM marginal_recall
WHERE lag > 0 AND untrained IS NOT NULL AND decoder = 'mlp'
ORDER BY title, layer, state, lag""",
    ),
    (
        "How much of the spelled past does each layer of a speech recognizer hold?",
        """
SELECT part, lag, ms, accuracy, low, high, accuracy - untrained AS learned, corpus, profile
FROM marginal_recall
WHERE kind = 'las' AND trained AND decoder = 'mlp' AND alignment = 'attention'
  AND half IS DISTINCT FROM 'forward'
ORDER BY corpus, profile, part, lag""",
    ),
    (
        "Which symbols are remembered long and predicted badly?",
        """
SELECT r.symbol, avg(r.accuracy) AS recall, any_value(p.accuracy) AS predicted
FROM recall r
JOIN signatures s ON s.key = r.signature
JOIN predictions p ON p.model = s.model AND p.corpus = s.corpus AND p.symbol = r.symbol
WHERE s.key = {a} AND r.lag > 0
GROUP BY r.symbol
ORDER BY recall - predicted DESC""",
    ),
    (
        "Which signatures are most alike?",
        """
SELECT one.title AS one, p.layer, other.title AS other, q.layer, d.distance
FROM signatures p
JOIN signatures q ON q.key > p.key AND q.profile = p.profile AND q.decoder = p.decoder
  AND q.target = p.target,
     similarity(p.key, q.key) d
JOIN models one ON one.key = p.model
JOIN models other ON other.key = q.model
WHERE p.decoder NOT IN ('linear', 'added') AND one.trained AND other.trained
ORDER BY d.distance
LIMIT 20""",
    ),
    (
        "Which words does a state hold, without when they were read?",
        """
SELECT m.title, h.word, sum(h.n) AS n, sum(h.yes) / sum(h.n) AS hits,
       sum(h.guess * h.n) / sum(h.n) AS "without a state"
FROM hits h
JOIN detectors d ON d.key = h.detectors
JOIN models m ON m.key = d.model
WHERE h.ago BETWEEN 3 AND 8 AND h.word IS NOT NULL AND m.trained
GROUP BY m.title, h.word
HAVING sum(h.n) >= 50
ORDER BY hits - "without a state" DESC""",
    ),
    (
        "Which ten bases remember 'h' best at lag 3?",
        """
SELECT b.bigram, r.accuracy, r.n, b.count_1 + b.count_2 AS seen, b.recall, m.title, m.profile
FROM basis_recall r
JOIN bases b USING (atlas, first, second)
JOIN models m ON m.key = b.model
WHERE r.kernel = 'basis' AND r.symbol = 'h' AND r.lag = 3
ORDER BY r.accuracy DESC, seen DESC
LIMIT 10""",
    ),
    (
        "What does pruning cost, rule by rule?",
        """
SELECT
    c.name AS scored_on, p.rule, k.kept, avg(k.perplexity) AS perplexity,
    min(k.perplexity) AS lowest, max(k.perplexity) AS highest, count(*) AS orders
FROM pruning_curve k
JOIN prunings p ON p.key = k.pruning
JOIN corpora c ON c.key = k.corpus
GROUP BY p.model, c.name, p.rule, k.kept
ORDER BY scored_on, p.rule, k.kept""",
    ),
    (
        "Which bases could go: left out, neither corpus is predicted much worse?",
        """
SELECT bigram, count_1 + count_2 AS seen, norm, recall, control, drop_1, drop_2
FROM bases
ORDER BY greatest(drop_1, drop_2), seen DESC
LIMIT 50""",
    ),
)


def questions() -> None:
    """Questions that run when they are pressed; A and B are pins, else the newest signatures."""
    pair = queries.table(queries.fill(PAIR, pins=["", *pins.pinned()]))
    keys = [*pair["key"], "", ""]
    if not pair.height:
        st.caption("The tables are empty until a signature is computed on the Signature page.")
    for number, (question, template) in enumerate(EXAMPLES):
        sql = queries.fill(template, a=keys[0], b=keys[1])
        st.button(question, key=f"example-{number}", type="tertiary", on_click=load, args=(sql,))
    names = dict(zip("AB", pair["name"], strict=False))
    text = "; ".join(f"{letter} is {name}" for letter, name in names.items())
    st.html(f"<div class='note'>{html.escape(text)}. Pin others to ask about them.</div>")
