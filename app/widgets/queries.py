"""The SQL behind every picture. What a page shows under "Show SQL" is the very text that ran."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

import core

# What people call a model, where `m` is its row; rows from before there were titles have none.
MODEL = "coalesce(m.title, upper(m.cell) || ' [' || m.layers || ',' || m.hidden || ']', m.kind)"

# What people call a signature, where `s` is its row and `measured` the corpus it was measured on.
SIGNATURE = f"""{MODEL}
        || CASE WHEN m.layers > 1 THEN ', layer ' || s.layer ELSE '' END
        || CASE WHEN m.cell IS NULL THEN '' ELSE ' (' || s.state || ')' END
        || CASE WHEN s.corpus IS DISTINCT FROM m.corpus THEN ', measured on ' || measured.name
           ELSE '' END
        || CASE WHEN s.decoder = 'linear' THEN ', linear preview' ELSE '' END
        || CASE WHEN s.seed <> 0 THEN ', seed ' || s.seed ELSE '' END"""

NAMED = """
FROM signatures s
JOIN models m ON m.key = s.model
LEFT JOIN corpora measured ON measured.key = s.corpus"""

MATRIX = """
SELECT lag, symbol, n, accuracy, low, high, "precision", majority, "current", untrained
FROM signature_matrix({key})
WHERE symbol IS NOT NULL AND lag >= 1
ORDER BY lag, symbol"""

FORWARD = """
SELECT p.symbol, p.n, p.accuracy, p.low, p.high
FROM predictions p JOIN signatures s ON p.model = s.model AND p.corpus = s.corpus
WHERE s.key = {key} AND p.symbol IS NOT NULL
ORDER BY p.symbol"""

MARGINAL = """
SELECT r.lag, r.n, r.accuracy, r.low, r.high, r.bits, r.majority, r."current",
       u.accuracy AS untrained
FROM recall r
JOIN signatures s ON s.key = r.signature
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag AND u.symbol IS NULL
WHERE r.signature = {key} AND r.symbol IS NULL AND r.lag >= 1
ORDER BY r.lag"""

CONFUSION = """
SELECT truth, guess, n
FROM confusion
WHERE signature = {key} AND lag = {lag} AND truth = {symbol}
ORDER BY n DESC"""

SCATTER = """
WITH memory AS (
    SELECT symbol, avg(accuracy) AS memory, sum(n) AS n
    FROM recall
    WHERE signature = {key} AND symbol IS NOT NULL AND lag >= 1 AND n > 0
    GROUP BY symbol
)
SELECT m.symbol, p.n, m.memory, p.accuracy AS forward
FROM memory m
JOIN signatures s ON s.key = {key}
JOIN predictions p ON p.model = s.model AND p.corpus = s.corpus AND p.symbol = m.symbol
WHERE p.n > 0
ORDER BY m.symbol"""

NUMBERS = """
SELECT *
FROM recall
WHERE signature = {key}
ORDER BY lag, symbol"""

CAPTION = """
SELECT s.key, s.layer, s.state, s.decoder, s.width, s.keeps, s.profile, s.seed, s.test_states,
       s.seconds, s.device, s.threads, s.machine, s.created, m.seconds AS model_seconds,
       m.cell, m.layers, m.hidden, m.parameters, m.dev_perplexity, m.test_perplexity,
       c.name AS corpus, c.segments, c.segment
FROM signatures s
JOIN models m ON m.key = s.model
JOIN corpora c ON c.key = s.corpus
WHERE s.key = {key}"""

PRESENT = "SELECT key FROM signatures WHERE key IN ({trained}, {preview}, {floor})"

CURVE = """
SELECT keep, epoch, symbols, train_bits, dev_perplexity, learning_rate, seconds
FROM training_curve
WHERE model = {key}
ORDER BY keep, epoch"""

CORPORA = """
SELECT key, name, segment, segments, symbols, train_symbols AS train, dev_symbols AS dev,
       test_symbols AS test, sample, added
FROM corpora
ORDER BY added"""

MODELS = """
SELECT m.key, m.cell, m.layers, m.hidden, c.name AS corpus, m.profile, m.seed, m.parameters,
       m.dev_perplexity, m.test_perplexity, m.epochs, m.seconds, m.device, m.created
FROM models m JOIN corpora c ON c.key = m.corpus
WHERE m.trained
ORDER BY m.created DESC"""

SIGNATURES = """
SELECT s.key, m.cell, m.layers, m.hidden, s.layer, s.state, c.name AS corpus, s.decoder,
       s.profile, s.seed, m.test_perplexity, s.seconds, s.created, s.spec
FROM signatures s
JOIN models m ON m.key = s.model
JOIN corpora c ON c.key = s.corpus
WHERE m.trained
ORDER BY s.created DESC"""

CATALOG = f"""
SELECT s.key, {SIGNATURE} AS name, s.profile, measured.name AS corpus,
       coalesce(m.cell, m.kind) AS cell{NAMED}
ORDER BY s.decoder = 'linear', m.trained IS FALSE, s.created DESC"""

# Pins are the first twelve digits of keys.
PINNED = f"""
SELECT s.key, {SIGNATURE} AS name, s.layer, s.state, s.decoder, s.profile, s.seed, s.max_lag,
       measured.name AS corpus, m.cell, m.parameters, m.test_perplexity AS perplexity,
       (SELECT sum(bits) FROM recall
        WHERE signature = s.key AND symbol IS NULL AND lag >= 1) AS bits,
       s.test_states, s.spec{NAMED}
WHERE left(s.key, 12) IN ({{pins}})"""

DIFFERENCE = """
SELECT lag, symbol, a, b, difference, significant, n_a, n_b
FROM difference({a}, {b})
WHERE lag >= 1 AND difference IS NOT NULL
ORDER BY lag, symbol"""

DISTANCES = f"""
WITH listed AS (
    SELECT s.key, {SIGNATURE} AS name{NAMED}
    WHERE s.key IN ({{keys}})
)
SELECT one.key AS a, other.key AS b, one.name AS name_a, other.name AS name_b, d.distance, d.cells
FROM listed one, listed other, similarity(one.key, other.key) d"""

# The newest of a profile; previews and untrained floors would crowd them out.
PROFILE_DISTANCES = f"""
WITH listed AS (
    SELECT s.key, {SIGNATURE} AS name{NAMED}
    WHERE s.profile = {{profile}} AND s.decoder <> 'linear' AND m.trained IS NOT FALSE
    ORDER BY s.created DESC
    LIMIT {{most}}
)
SELECT one.key AS a, other.key AS b, one.name AS name_a, other.name AS name_b, d.distance, d.cells
FROM listed one, listed other, similarity(one.key, other.key) d"""

PROFILES = """
SELECT s.profile, count(*) AS signatures
FROM signatures s JOIN models m ON m.key = s.model
WHERE s.decoder <> 'linear' AND m.trained IS NOT FALSE
GROUP BY s.profile
ORDER BY s.profile"""

JOBS = """
SELECT title, who, asked, started, ended, seconds, outcome, reason, attempt, device
FROM jobs
ORDER BY asked DESC
LIMIT 500"""


TABLES = """
SELECT * FROM (
    SELECT view_name AS name, 'view' AS kind, comment, 0 AS takes
    FROM duckdb_views() WHERE NOT internal
    UNION ALL
    SELECT function_name, 'macro', comment, len(parameters)
    FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal
    UNION ALL
    SELECT table_name, 'table', comment, 0 FROM duckdb_tables() WHERE NOT internal
)
WHERE name <> 'schema_version'
ORDER BY kind = 'table', name"""

COLUMNS = """
SELECT table_name AS name, column_name AS "column", data_type AS "type", comment
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index"""

MACRO = """
SELECT column_name AS "column", column_type AS "type", NULL AS comment
FROM (DESCRIBE SELECT * FROM {macro}({takes}))"""

# The two that the examples speak of: the first pins, else the newest trained signatures.
PAIR = f"""
SELECT s.key, {SIGNATURE} AS name{NAMED}
WHERE (s.decoder <> 'linear' AND m.trained IS NOT FALSE) OR left(s.key, 12) IN ({{pins}})
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
        "How many bits of the past does each state hold, and each unit?",
        """
SELECT title, layer, state, sum(bits) AS bits, sum(bits) / any_value(hidden) AS bits_per_unit
FROM marginal_recall
WHERE lag > 0 AND decoder <> 'linear'
GROUP BY signature, title, layer, state
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
JOIN signatures q ON q.key > p.key AND q.profile = p.profile AND q.decoder = p.decoder,
     similarity(p.key, q.key) d
JOIN models one ON one.key = p.model
JOIN models other ON other.key = q.model
WHERE p.decoder <> 'linear' AND one.trained AND other.trained
ORDER BY d.distance
LIMIT 20""",
    ),
)


def fill(template: str, **values: str | int | Sequence[str]) -> str:
    """The query with its values written in as SQL literals, ready to be run or shown.

    Several texts become a list without parentheses.
    """
    return template.format(**{name: _literal(value) for name, value in values.items()}).strip()


def _literal(value: str | int | Sequence[str]) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    return ", ".join(_literal(part) for part in value)


def table(sql: str) -> pl.DataFrame:
    """The rows of a query on the newest published signatures."""
    return core.query(sql)
