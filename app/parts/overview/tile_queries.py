"""The SQL behind the overview's tiles."""

from __future__ import annotations

# Of a tile: the cells of its heat maps, panel by panel.
SIGNATURE = """
SELECT 1 AS panel, '' AS name, r.symbol AS x, r.lag, r.accuracy AS value
FROM claim_signatures s JOIN recall r ON r.signature = s.key
WHERE s.profile = {profile} AND s.corpus_name = {first} AND s.learned = s.corpus
  AND s.cell = 'gru' AND s.layers = 1 AND s.hidden = 80 AND s.parent IS NULL AND s.seed = 0
  AND r.symbol IS NOT NULL AND r.lag >= 1 AND r.n > 0"""

SIZE = """
SELECT k.place AS panel, k.label AS name,
       s.hidden::VARCHAR AS x, r.lag, avg(r.accuracy) AS value
FROM claim_signatures s JOIN recurrent_cells k ON k.cell = s.cell
JOIN profile_shapes p ON p.profile = s.profile AND list_contains(p.sizes, s.hidden)
JOIN recall r ON r.signature = s.key AND r.symbol IS NULL AND r.lag >= 1
WHERE s.profile = {profile} AND s.corpus_name = {first} AND s.learned = s.corpus AND s.layers = 1
  AND s.kind = 'char_lm' AND s.parent IS NULL
GROUP BY ALL"""

DEPTH = """
SELECT k.place AS panel, k.label AS name,
       s.layer::VARCHAR AS x, r.lag, avg(r.accuracy) AS value
FROM claim_signatures s JOIN recurrent_cells k ON k.cell = s.cell
JOIN profile_shapes p ON p.profile = s.profile AND p.layers = s.layers AND p.deep = s.hidden
JOIN recall r ON r.signature = s.key AND r.symbol IS NULL AND r.lag >= 1
WHERE s.profile = {profile} AND s.corpus_name = {first} AND s.learned = s.corpus AND s.depth = 1
GROUP BY ALL"""

ADAPTATION = """
SELECT CASE WHEN s.parent IS NOT NULL THEN 2 WHEN learned.name = {first} THEN 1 ELSE 3 END AS panel,
       ['source', 'retrained', 'target'][panel] AS name, r.symbol AS x, r.lag, r.accuracy AS value
FROM claim_signatures s
JOIN profile_shapes p ON p.profile = s.profile AND p.hidden = s.hidden
JOIN corpora learned ON learned.key = s.learned
JOIN recall r ON r.signature = s.key
WHERE s.profile = {profile} AND s.corpus_name = {last} AND s.cell = 'lstm' AND s.layers = 1
  AND s.seed = 0 AND learned.name IN ({first}, {last})
  AND (s.parent IS NULL OR s.parent_corpus = {first})
  AND r.symbol IS NOT NULL AND r.lag >= 1 AND r.n > 0"""

NGRAM = """
SELECT 1 AS panel, '' AS name, r.symbol AS x, r.lag, r.accuracy - y.accuracy AS value
FROM claim_signatures s
JOIN profile_shapes p ON p.profile = s.profile AND p.hidden = s.hidden
JOIN claim_signatures n ON n.kind = 'ngram' AND n.ngram_order = 5 AND n.profile = s.profile
 AND n.corpus = s.corpus AND n.learned = s.corpus AND n.seed = s.seed
JOIN recall r ON r.signature = s.key
JOIN recall y ON y.signature = n.key AND y.lag = r.lag AND y.symbol = r.symbol
WHERE s.profile = {profile} AND s.corpus_name = {first} AND s.learned = s.corpus
  AND s.cell = 'gru' AND s.layers = 1 AND s.parent IS NULL AND s.seed = 0 AND r.lag >= 1
  AND r.n > 0"""

FACTORIZED = """
SELECT CASE WHEN k.part = 'base' THEN 0 ELSE list_position(['xt', 'ha', 'in', 'ld', 'po'], k.bigram)
       END AS panel, coalesce(k.bigram, 'W₀') AS name, r.symbol AS x, r.lag, r.accuracy AS value
FROM (
    SELECT s.key, s.corpus, m.spec->>'$.part' AS part,
           (m.spec->>'$.bigram[0]') || (m.spec->>'$.bigram[1]') AS bigram
    FROM signatures s JOIN models m ON m.key = s.model AND m.kind = 'kernel'
    JOIN profile_shapes p ON p.profile = m.profile AND p.factorized = m.hidden
    WHERE s.profile = {profile} AND s.decoder = 'mlp' AND m.cell = 'lstm' AND s.seed = 0
      AND s.key NOT IN (SELECT key FROM earlier)
    QUALIFY row_number() OVER (PARTITION BY part, bigram ORDER BY s.created DESC) = 1
) k
JOIN corpora c ON c.key = k.corpus AND c.name = {first}
JOIN recall r ON r.signature = k.key
WHERE panel IS NOT NULL AND k.part IN ('base', 'basis')
  AND r.symbol IS NOT NULL AND r.lag >= 1 AND r.n > 0"""

LAS = """
SELECT CASE k.part WHEN 'encoder 1' THEN 1 WHEN 'query' THEN 3 ELSE 2 END AS panel, k.part AS name,
       r.symbol AS x, r.lag, r.accuracy AS value
FROM (
    SELECT s.key, s.part
    FROM signatures s JOIN models m ON m.key = s.model AND m.kind = 'las' AND m.trained
    JOIN corpora c ON c.key = s.corpus AND c.name = {first}
    WHERE s.profile = {profile} AND s.decoder = 'mlp' AND s.state = 'c'
      AND (s.half = 'both' OR s.part = 'query') AND s.alignment = 'attention'
      AND s.part IN ('encoder 1', 'encoder ' || m.layers, 'query')
      AND m.monotone >= 0.9 AND s.key NOT IN (SELECT key FROM earlier)
    QUALIFY row_number() OVER (PARTITION BY s.part ORDER BY s.created DESC) = 1
) k
JOIN recall r ON r.signature = k.key
WHERE r.symbol IS NOT NULL AND r.lag >= 1 AND r.n > 0"""

# The signatures of these two, by key: others of the same network may recall the same. The networks
# of a cell stand side by side, the narrower first.
CELLS = """
SELECT 1 AS panel, '' AS name, (k.place + v.hidden / 10_000)::VARCHAR AS x, v.lag,
       v.accuracy AS value
FROM marginal_recall v JOIN recurrent_cells k ON k.cell = v.cell
WHERE v.signature IN ({keys}) AND v.lag >= 1"""

TARGETS = """
SELECT 1 AS panel, '' AS name, list_position([{targets}], v.target)::VARCHAR AS x, v.lag,
       v.accuracy AS value
FROM target_recall v
WHERE v.signature IN ({keys}) AND v.lag >= 1"""
