"""Writes the verdicts into docs/claims.md, from the shipped results: `python scripts/claims.py`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core import reference  # noqa: E402
from core.store import Store  # noqa: E402

PAGE = ROOT / "docs" / "claims.md"
BEGIN = "<!-- verdicts: written by scripts/claims.py from the shipped results -->\n"
END = "<!-- end of verdicts -->\n"
HEAD = """| claim | verdict | the paper | ours | on |
|---|---|---|---|---|
"""


def verdicts(store: Store) -> str:
    """The section between the two marks: one row for each claim, and its other parts below."""
    rows = store.query("FROM claims")
    lines = [_row(row) for row in rows.iter_rows(named=True)]
    parts = store.query(
        "SELECT k.* FROM claim_checks k JOIN claims c ON c.claim = k.claim "
        "AND c.profile = k.profile AND c.corpora = k.corpora "
        "ORDER BY substr(k.claim, 2)::INTEGER, k.part"
    )
    told = [_part(row) for row in parts.iter_rows(named=True)]
    every = "\nEvery part:\n\n| part | ours | verdict |\n|---|---|---|\n" if told else ""
    return "\n" + HEAD + "".join(lines) + every + "".join(told) + "\n"


def _row(row: dict[str, Any]) -> str:
    seeds = f"{row['seeds']} seeds" if (row["seeds"] or 1) > 1 else None
    on = [row["corpora"], row["stand_in"], row["profile"], seeds, row["note"]]
    said = ", ".join(str(part) for part in on if part)
    return f"| {row['claim']} | {row['verdict']} | {row['paper']} | {_number(row)} | {said} |\n"


def _part(row: dict[str, Any]) -> str:
    verdict = row["verdict"] or "told beside"
    return f"| {row['claim']}.{row['part']} {row['statistic']} | {_number(row)} | {verdict} |\n"


def _number(row: dict[str, Any]) -> str:
    if row["ours"] is None:
        return "–"
    spread = "" if row["low"] is None else f" ({row['low']:.3g} to {row['high']:.3g})"
    return f"{row['ours']:.3g}{spread}"


def page(text: str, store: Store) -> str:
    """The page with its verdicts brought up to date."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + verdicts(store) + END + rest.split(END)[1]


def shipped(root: Path) -> Store:
    """A store at `root` that has the shipped results and nothing else."""
    store = Store(root)
    reference.settle(store)
    return store


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        PAGE.write_text(page(PAGE.read_text(), shipped(Path(root))))
