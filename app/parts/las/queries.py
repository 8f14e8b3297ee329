"""The SQL behind the LAS page's pictures."""

from __future__ import annotations

# At lag 0 a guess from the current symbol is the answer itself, so it is no floor there.
MATRIX = """
SELECT lag, symbol, n, accuracy, low, high, "precision", majority,
       CASE WHEN lag = 0 THEN NULL ELSE "current" END AS "current", untrained, ms
FROM signature_matrix({key})
WHERE symbol IS NOT NULL
ORDER BY lag, symbol"""

CURVES = """
SELECT signature, part, half, alignment, decoder, lag, ms, n, accuracy, low, high, bits, majority,
       CASE WHEN lag = 0 THEN NULL ELSE "current" END AS "current", untrained
FROM marginal_recall
WHERE signature IN ({keys})
ORDER BY list_position([{keys}], signature), lag"""

DIFFERENCE = """
SELECT d.lag, d.symbol, d.a, d.b, d.difference, d.significant, d.n_a, d.n_b, r.ms
FROM difference({a}, {b}) d
JOIN recall r ON r.signature = {a} AND r.lag = d.lag AND r.symbol = d.symbol
WHERE d.difference IS NOT NULL
ORDER BY d.lag, d.symbol"""

RECOGNIZER = """
SELECT m.title, m.parameters, m.cer, m.wer, m.monotone, m.epochs, m.profile, m.seconds, m.device,
       c.name AS corpus, c.hours
FROM models m LEFT JOIN corpora c ON c.key = m.corpus
WHERE m.key = {key}"""

# Of one content, as much as was ever computed.
SPEECH = """
SELECT spec->>'content' AS content, any_value(spec->>'source') AS source,
       arg_max(key, segments) AS key, arg_max(name, segments) AS name
FROM corpora
WHERE kind = 'speech'
GROUP BY ALL
ORDER BY min(added)"""
