"""The SQL behind every picture. What a page shows under "Show SQL" is the very text that ran."""

from __future__ import annotations

import polars as pl

import core

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

JOBS = """
SELECT title, who, asked, started, ended, seconds, outcome, reason, attempt, device
FROM jobs
ORDER BY asked DESC
LIMIT 500"""


def fill(template: str, **values: str | int) -> str:
    """The query with its values written in as SQL literals, ready to be run or shown."""
    literals = {
        name: str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
        for name, value in values.items()
    }
    return template.format(**literals).strip()


def table(sql: str) -> pl.DataFrame:
    """The rows of a query on the newest published signatures."""
    return core.query(sql)
