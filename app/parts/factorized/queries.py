"""The SQL behind the pictures of the Factorized page."""

from __future__ import annotations

BASES = """
SELECT b.first, b.second, b.bigram, b.norm, b.count_1 + b.count_2 AS count, b.count_1, b.count_2,
       b.lambda_1, b.lambda_2, b.recall, b.control, b.above_control, b.own, b.drop_1, b.drop_2,
       o.cluster, o.place, o.own_others, o.own_rank
FROM bases b LEFT JOIN basis_order o USING (atlas, first, second)
WHERE b.atlas = {atlas}
ORDER BY b.number"""

BASIS = """
SELECT *, count_1 + count_2 AS count
FROM bases
WHERE atlas = {atlas} AND first = {first} AND second = {second}"""

# The cells of one kernel of an atlas, by linear decoders: a basis, ...
CELLS = """
SELECT lag, symbol, n, accuracy
FROM basis_recall
WHERE atlas = {atlas} AND kernel = 'basis' AND first = {first} AND second = {second}
  AND symbol IS NOT NULL AND lag >= 1
ORDER BY lag, symbol"""

# ... or W₀ or the whole kernel.
CELLS_OF = """
SELECT lag, symbol, n, accuracy
FROM basis_recall
WHERE atlas = {atlas} AND kernel = {kernel} AND symbol IS NOT NULL AND lag >= 1
ORDER BY lag, symbol"""

FORGETTING = """
WITH frequent AS (
    SELECT lag, max(n) / sum(n) AS majority
    FROM basis_recall
    WHERE atlas = {atlas} AND kernel = 'basis' AND first = {first} AND second = {second}
      AND symbol IS NOT NULL
    GROUP BY lag
)
SELECT r.kernel, r.lag, r.n, r.accuracy, f.majority
FROM basis_recall r LEFT JOIN frequent f USING (lag)
WHERE r.atlas = {atlas} AND r.symbol IS NULL AND r.lag >= 1
  AND (r.kernel IN ('base', 'full') OR (r.first = {first} AND r.second = {second}))
ORDER BY r.kernel, r.lag"""

# All bases together: their mean and how far they spread.
TOGETHER = """
SELECT kernel, lag, count(*) AS kernels, avg(accuracy) AS accuracy,
       quantile_cont(accuracy, 0.05) AS low, quantile_cont(accuracy, 0.95) AS high
FROM basis_recall
WHERE atlas = {atlas} AND symbol IS NULL AND lag >= 1
GROUP BY kernel, lag
ORDER BY kernel, lag"""

LIKENESS = """
SELECT o.place, o.cluster, o.first, o.second, r.symbol, avg(r.accuracy) AS recall
FROM basis_order o JOIN basis_recall r USING (atlas, first, second)
WHERE o.atlas = {atlas} AND r.kernel = 'basis' AND r.symbol IS NOT NULL AND r.lag >= 1
  AND r.n > 0
GROUP BY ALL
ORDER BY o.place, r.symbol"""

# What each cluster recalls beyond all the others, and its most frequent bigrams.
CLUSTERS = """
WITH each AS (
    SELECT o.cluster, r.symbol, avg(r.accuracy) AS recall
    FROM basis_order o JOIN basis_recall r USING (atlas, first, second)
    WHERE o.atlas = {atlas} AND r.kernel = 'basis' AND r.symbol IS NOT NULL AND r.lag >= 1
      AND r.n > 0
    GROUP BY o.cluster, r.symbol
), beyond AS (
    SELECT cluster, symbol, recall - avg(recall) OVER (PARTITION BY symbol) AS more FROM each
), symbols AS (
    SELECT cluster, arg_max(symbol, more, 4) AS best FROM beyond GROUP BY cluster
)
SELECT o.cluster, count(*) AS bases, avg(b.recall) AS recall,
       avg(b.above_control) AS above_control, median(b.count_1 + b.count_2) AS median_count,
       any_value(s.best) AS recalls_most,
       arg_max(b.bigram, b.count_1 + b.count_2, 6) AS most_frequent
FROM basis_order o JOIN bases b USING (atlas, first, second) JOIN symbols s USING (cluster)
WHERE o.atlas = {atlas}
GROUP BY o.cluster
ORDER BY o.cluster"""

CLAIMS = """
SELECT claim, meaning, value, reference, effect, p, n
FROM basis_claims
WHERE atlas = {atlas}"""

# Every rule for the target, and chance for any: over several seeds the mean and their range.
CURVES = """
SELECT c.name AS corpus, p.rule, q.kept, count(DISTINCT p.seed) AS seeds,
       avg(q.perplexity) AS perplexity, min(q.perplexity) AS low, max(q.perplexity) AS high,
       any_value(q.n) AS n
FROM pruning_curve q
JOIN prunings p ON p.key = q.pruning
JOIN corpora c ON c.key = q.corpus
WHERE p.atlas = {atlas} AND (p.target = {target} OR p.rule = 'random')
GROUP BY c.name, p.rule, q.kept
ORDER BY c.name, p.rule, q.kept"""

ORDER = """
SELECT first, second, place, score
FROM pruning_order
WHERE pruning = {pruning}
ORDER BY place"""
