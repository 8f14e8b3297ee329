"""The SQL behind every picture. What a page shows under "Show SQL" is the very text that ran."""

from __future__ import annotations

import polars as pl
import streamlit as st

import core
from core.queries import DIFFERENCE as DIFFERENCE
from core.queries import FORWARD as FORWARD
from core.queries import MARGINAL as MARGINAL
from core.queries import MATRIX as MATRIX
from core.queries import MODEL, NAMED, SIGNATURE
from core.queries import fill as fill
from core.store import Store

# The model's perplexity on the corpus that `s` was measured on: as scored on that text, else as its
# training measured it, if that was on the same corpus.
PERPLEXITY = """coalesce((
        SELECT any_value(p.test_perplexity) FROM perplexities p
        WHERE p.members = [m.key] AND p.corpus = s.corpus AND p.profile = s.profile),
        CASE WHEN m.corpus = s.corpus THEN m.test_perplexity END)"""

# Where a result is not simply computed here, by this version; `row` is its row.
STANDING = """CASE
           WHEN {row}.key IN (SELECT key FROM earlier) THEN 'of an earlier version'
           WHEN {row}.key IN (SELECT key FROM shipped) THEN 'shipped'
       END AS standing"""

CAPTION = f"""
SELECT s.key, s.layer, s.state, s.decoder, s.width, s.keeps, s.profile, s.seed, s.test_states,
       s.seconds, s.device, s.threads, s.machine, s.created, m.seconds AS model_seconds,
       m.cell, m.layers, m.hidden, m.parameters, m.dev_perplexity, {PERPLEXITY} AS test_perplexity,
       {MODEL} AS model, c.name AS corpus, c.segments, c.segment,
       s.key IN (SELECT key FROM shipped) AS shipped
FROM signatures s
JOIN models m ON m.key = s.model
JOIN corpora c ON c.key = s.corpus
WHERE s.key = {{key}}"""

CORPORA = """
SELECT key, name, kind, segment, segments, symbols, train_symbols AS train, dev_symbols AS dev,
       test_symbols AS test, hours, coalesce(words, length(characters), 31) + 3 AS alphabet, kept,
       sample, skipped, added
FROM corpora
ORDER BY added"""

# Pins are the first twelve digits of keys.
PINNED = f"""
SELECT s.key, {SIGNATURE} AS name, s.layer, s.state, s.decoder,
       s.target, s.profile, s.seed,
       s.max_lag, measured.name AS corpus, measured.characters,
       CASE WHEN measured.words > 0 THEN measured.key END AS of_words, m.cell, m.parameters,
       {PERPLEXITY} AS perplexity,
       (SELECT arg_max(b.earlier, a.created)
        FROM added_bits b JOIN signatures a ON a.key = b.signature
        WHERE (a.model, a.layer, a.state, a.corpus, a.profile, a.seed, a.depth)
            = (s.model, s.layer, s.state, s.corpus, s.profile, s.seed, s.depth)) AS added_bits,
       s.test_states, s.spec{NAMED}
WHERE left(s.key, 12) IN ({{pins}})"""

CONFUSION = """
SELECT truth, guess, n
FROM confusion
WHERE signature = {key} AND lag = {lag} AND truth = {symbol}
ORDER BY n DESC"""

# Which of these have been computed, of any kind.
THERE = """
SELECT key FROM models WHERE key IN ({keys})
UNION ALL SELECT key FROM codebooks WHERE key IN ({keys})
UNION ALL SELECT key FROM signatures WHERE key IN ({keys})
UNION ALL SELECT key FROM detectors WHERE key IN ({keys})
UNION ALL SELECT key FROM perplexities WHERE key IN ({keys})
UNION ALL SELECT key FROM atlases WHERE key IN ({keys})
UNION ALL SELECT key FROM prunings WHERE key IN ({keys})"""

TOOK = """
SELECT sum(seconds) AS seconds, string_agg(DISTINCT machine, '; ' ORDER BY machine) AS machines
FROM (
    SELECT seconds, machine FROM models WHERE key IN ({keys})
    UNION ALL SELECT seconds, machine FROM codebooks WHERE key IN ({keys})
    UNION ALL SELECT seconds, machine FROM signatures WHERE key IN ({keys})
    UNION ALL SELECT seconds, machine FROM detectors WHERE key IN ({keys})
    UNION ALL SELECT seconds, machine FROM perplexities WHERE key IN ({keys})
    UNION ALL SELECT seconds, machine FROM atlases WHERE key IN ({keys})
    UNION ALL SELECT seconds, machine FROM prunings WHERE key IN ({keys})
)"""

# The claims with their verdicts at one profile.
CLAIMS_OF = "FROM claims_by_profile WHERE profile = {profile}"


def table(sql: str) -> pl.DataFrame:
    """The rows of a query on the newest published signatures, run once for each state of them."""
    return _table(sql, str(Store().tables.newest()))


# The very same rows for all who look: nobody changes a table in place.
@st.cache_resource(max_entries=300, show_spinner=False)
def _table(sql: str, generation: str) -> pl.DataFrame:
    return core.query(sql)
