"""Memory against prediction, symbol by symbol, and the numbers behind all panes."""

from __future__ import annotations

import math

from app.parts.signature.recall import file_name
from app.pictures import symbols
from app.shell import export, queries
from app.shell.queries import NAMED, SIGNATURE
from core.probes.intervals import rank_correlation
from core.signatures.spec import SignatureSpec

# The space, which a decoder answers when it knows nothing, would push all others into a corner.
SCATTER = """
WITH memory AS (
    SELECT symbol, avg(accuracy) AS memory, sum(n) AS n
    FROM recall
    WHERE signature = {key} AND symbol <> ' ' AND lag >= 1 AND n > 0
    GROUP BY symbol
)
SELECT m.symbol, p.n, m.memory, p.accuracy AS forward
FROM memory m
JOIN signatures s ON s.key = {key}
JOIN predictions p ON p.model = s.model AND p.corpus = s.corpus AND p.symbol = m.symbol
WHERE p.n > 0
ORDER BY m.symbol"""

NUMBERS = f"""
SELECT {SIGNATURE} AS signature, r.* EXCLUDE (signature), u.accuracy AS untrained{NAMED}
JOIN recall r ON r.signature = s.key
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag
 AND u.symbol IS NOT DISTINCT FROM r.symbol
WHERE s.key = {{key}}
ORDER BY r.lag, r.symbol"""


def memory_against_prediction(shown: SignatureSpec) -> None:
    """Mean recall of each symbol against how well the network predicts it."""
    sql = queries.fill(SCATTER, key=shown.key)
    table = queries.table(sql)
    rank = rank_correlation(table["memory"], table["forward"])
    correlation = "" if math.isnan(rank) else f", rank correlation {rank:.2f}"
    export.heading(
        f"Memory against prediction by symbol, without the space{correlation}", "scatter", sql
    )
    export.chart(
        export.drawn(symbols.memory_against_prediction, table, export.colors()),
        "scatter",
        f"{file_name(shown)}-scatter",
        "Mean recall of each symbol against its forward accuracy",
        zooms=True,
    )


def numbers(shown: SignatureSpec) -> None:
    """Every recall of the signature, as a table."""
    sql = queries.fill(NUMBERS, key=shown.key)
    table = queries.table(sql)
    export.heading("Numbers", "numbers", sql)
    export.table(table.drop("signature"), "numbers", height=290)
    export.downloads(table, file_name(shown))
