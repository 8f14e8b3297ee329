"""To which result the rows of each table belong, and the SQL that adds or replaces rows."""

from __future__ import annotations

KEYED = (
    "corpora",
    "codebooks",
    "models",
    "signatures",
    "detectors",
    "perplexities",
    "atlases",
    "prunings",
    "shipped",
)
# Rows without a key of their own belong to the columns named here and come in all together.
OWNED = {
    "training_curve": ("model",),
    "predictions": ("model", "corpus"),
    "units": ("codebook",),
    "recall": ("signature",),
    "added": ("signature",),
    "decoder_rounds": ("signature",),
    "positions": ("signature",),
    "draws": ("signature",),
    "confusion": ("signature",),
    "hits": ("detectors",),
    "bases": ("atlas", "first"),
    "basis_recall": ("atlas", "kernel", "first"),
    "basis_order": ("atlas",),
    "basis_claims": ("atlas",),
    "pruning_order": ("pruning",),
    "pruning_curve": ("pruning",),
}
REPLACED = ("jobs",)
WHOLE = ("earlier",)  # new rows replace all that the table held


def owner(table: str) -> str:
    """The column with the key of the result that a row belongs to."""
    return "key" if table in KEYED else OWNED[table][0]


def insert(table: str) -> str:
    """The statement that adds the rows of `incoming` to `table`."""
    if table in KEYED:
        return f"INSERT OR IGNORE INTO {table} BY NAME SELECT * FROM incoming"
    if table in REPLACED:
        return f"INSERT OR REPLACE INTO {table} BY NAME SELECT * FROM incoming"
    if table in WHOLE:
        return f"DELETE FROM {table}; INSERT INTO {table} BY NAME SELECT * FROM incoming"
    return (
        f"INSERT INTO {table} BY NAME SELECT * FROM incoming "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} old WHERE {_same_owner(table)})"
    )


def replace(table: str) -> str:
    """The statement by which the rows of `incoming` replace older ones in `table`."""
    if table in KEYED:
        return (
            "DELETE FROM shipped WHERE key IN (SELECT key FROM incoming); "
            f"INSERT OR REPLACE INTO {table} BY NAME SELECT * FROM incoming"
        )
    if table not in OWNED:
        return insert(table)
    return (
        f"DELETE FROM {table} old WHERE EXISTS (SELECT 1 FROM incoming "
        f"WHERE {_same_owner(table)}); INSERT INTO {table} BY NAME SELECT * FROM incoming"
    )


def _same_owner(table: str) -> str:
    return " AND ".join(f"old.{own} IS NOT DISTINCT FROM incoming.{own}" for own in OWNED[table])
