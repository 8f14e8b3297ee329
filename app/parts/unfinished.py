"""Which networks behind what is shown had not been trained to their end."""

from __future__ import annotations

import html
from collections.abc import Iterable

from app.shell import queries
from app.shell.queries import MODEL

UNFINISHED = f"""
SELECT DISTINCT {MODEL} AS model, u.epochs, u.fall
FROM unfinished u JOIN models m ON m.key = u.key
WHERE u.key IN ({{keys}}) OR u.key IN (SELECT model FROM signatures WHERE key IN ({{keys}}))
ORDER BY model"""


def sentence(keys: Iterable[str]) -> str:
    """One sentence, as HTML, on the unfinished networks behind signatures and models; or nothing.

    keys: of signatures and of models.
    """
    rows = queries.table(queries.fill(UNFINISHED, keys=[*keys] or [""])).rows()
    reasons: dict[str, list[str]] = {}
    for model, epochs, fall in dict.fromkeys(rows):
        reasons.setdefault(_why(epochs, fall), []).append(html.escape(model))
    if not reasons:
        return ""
    each = "; ".join(f"{', '.join(models)} ({why})" for why, models in reasons.items())
    several = sum(map(len, reasons.values())) > 1
    return f"Unfinished, so {'they decide' if several else 'it decides'} no claim: {each}."


def _why(epochs: int, fall: float | None) -> str:
    """Why a network counts as unfinished."""
    if fall is None:
        return f"{epochs} epochs are too few to know"
    return f"its error on dev still fell by {fall:.1%} in the last fifth of training"
