"""The SQL of pictures that the app and the command line both draw."""

from __future__ import annotations

from collections.abc import Sequence

# What people call a model, where `m` is its row; rows from before there were titles have none.
MODEL = "coalesce(m.title, upper(m.cell) || ' [' || m.layers || ',' || m.hidden || ']', m.kind)"

# What people call a signature, where `s` is its row and `measured` the corpus it was measured on.
SIGNATURE = f"""{MODEL}
        || CASE WHEN s.part IS NOT NULL THEN ', ' || s.part
           WHEN m.layers > 1 THEN ', layer ' || s.layer ELSE '' END
        || CASE WHEN s.half = 'forward' THEN ' forward half' ELSE '' END
        || CASE WHEN m.cell IS NULL THEN '' ELSE coalesce(' (' || s.state || ')', '') END
        || CASE WHEN s.alignment <> 'attention' THEN ', aligned by '
             || CASE s.alignment WHEN 'ctc' THEN 'CTC' WHEN 'words' THEN 'word times'
                ELSE s.alignment END ELSE '' END
        || CASE WHEN s.corpus IS DISTINCT FROM m.corpus THEN ', measured on ' || measured.name
           ELSE '' END
        || CASE s.decoder WHEN 'linear' THEN ', linear preview' WHEN 'added' THEN ', added bits'
           ELSE '' END
        || CASE WHEN s.profile LIKE '% more' THEN ', decoders trained longer' ELSE '' END
        || CASE WHEN s.target = 'unit' THEN ', by ' || (s.spec->>'$.codebook.units') || ' units'
           WHEN s.target <> 'symbol' THEN ', by ' || s.target ELSE '' END
        || CASE WHEN s.seed <> 0 THEN ', seed ' || s.seed ELSE '' END"""

NAMED = """
FROM signatures s
JOIN models m ON m.key = s.model
LEFT JOIN corpora measured ON measured.key = s.corpus"""

MATRIX = """
SELECT lag, symbol, n, accuracy, low, high, "precision", majority, "current", recent, untrained,
       guess_from_current, guess
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
       f.floor AS recent, u.accuracy AS untrained
FROM recall r
JOIN signatures s ON s.key = r.signature
LEFT JOIN recall u ON u.signature = s.untrained AND u.lag = r.lag AND u.symbol IS NULL
LEFT JOIN recent_floors t ON t.signature = r.signature
LEFT JOIN added f
    ON f.signature = t.added AND f.lag = r.lag AND f.symbol IS NULL AND f.n = r.n
WHERE r.signature = {key} AND r.symbol IS NULL AND r.lag >= 1
ORDER BY r.lag"""

DIFFERENCE = """
SELECT lag, symbol, a, b, difference, significant, n_a, n_b, guess
FROM difference({a}, {b})
WHERE lag >= 1 AND difference IS NOT NULL
ORDER BY lag, symbol"""


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
