"""Deleting texts, models, signatures and jobs, together with what rests on them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import polars as pl

from core import jobs
from core.errors import BadInput
from core.queries import MODEL, NAMED, SIGNATURE
from core.store import Store

# Every result, and what it was computed from. A signature of an untrained network is a comparison:
# the trained one's does not rest on it.
_USES = f"""
WITH RECURSIVE uses AS (
    SELECT key, 'text' AS kind, name AS title, NULL AS used FROM corpora
    UNION ALL SELECT m.key, 'model', {MODEL}, unnest([m.corpus, m.parent]) FROM models m
    UNION ALL SELECT s.key, 'signature', {SIGNATURE}, unnest([s.model, s.corpus, s.codebook]){NAMED}
    UNION ALL SELECT key, 'detectors of words', NULL, unnest([model, corpus]) FROM detectors
    UNION ALL SELECT key, 'units of sound', NULL, corpus FROM codebooks
    UNION ALL SELECT key, 'perplexity', title, unnest(list_append(members, corpus))
    FROM perplexities
    UNION ALL SELECT key, 'atlas of bases', NULL, unnest([model, corpus]) FROM atlases
    UNION ALL SELECT key, 'order of bases', rule, unnest([atlas, model, target]) FROM prunings
), resting(key) AS (
    SELECT unnest($keys::VARCHAR[])
    UNION SELECT u.key FROM uses u JOIN resting r ON u.used = r.key
)
SELECT DISTINCT key, kind, title FROM uses JOIN resting USING (key)
ORDER BY list_contains($keys::VARCHAR[], key) DESC, kind, title"""


def resting_on(keys: Sequence[str], store: Store | None = None) -> pl.DataFrame:
    """These results and all that rest on them: `key`, `kind`, `title`, these first."""
    return (store or Store()).query(_USES, {"keys": [*keys]})


def delete(keys: Sequence[str], store: Store | None = None) -> list[str]:
    """Deletes results and jobs by their keys with all that rests on them; the keys of all.

    Shipped ones come back when the program starts again. Raises BadInput while a job needs them.
    """
    store = store or Store()
    gone = list(dict.fromkeys([*resting_on(keys, store)["key"], *keys]))
    for job in jobs.listing(store):
        needed = {key for step in job.spec.steps() for key in (step.key, *step.needs())}
        if job.live and {key.partition("/")[0] for key in needed} & {*gone}:
            raise BadInput(f"“{job.title}” is being computed from this: cancel that job first.")
    store.remove(gone)
    for key in gone:
        shutil.rmtree(store.jobs / key, ignore_errors=True)
    return gone
