"""Writes docs/tables.md below its mark, from the schema: `python scripts/tables.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.schema import COMMENTS  # noqa: E402
from core.store.database import upgrade  # noqa: E402

DOCUMENT = ROOT / "docs" / "tables.md"
MARK = "<!-- From here on written by scripts/tables.py. -->\n"
PARTS = {
    "Base tables": "SELECT table_name, comment FROM duckdb_tables() ORDER BY table_oid",
    "Views": "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_oid",
    "Macros": "SELECT function_name, comment FROM duckdb_functions() "
    "WHERE function_type = 'table_macro' AND NOT internal ORDER BY function_oid",
}


def document() -> str:
    """docs/tables.md as it should be: its own text down to the mark, then every table."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0] + MARK
    with duckdb.connect(":memory:") as database:
        upgrade(database)
        for title, sql in PARTS.items():
            text += f"\n## {title}\n"
            for name, comment in database.execute(sql).fetchall():
                text += f"\n### {name}\n\n{comment}\n\n| column | type | meaning |\n|---|---|---|\n"
                text += "".join(
                    f"| {column} | {kind} | {meaning} |\n"
                    for column, kind, meaning in _columns(database, name)
                )
    return text


def _columns(database: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str, str]]:
    """The columns of a table, view or macro, each with its type and what it holds."""
    columns = database.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE table_name = ? AND NOT internal ORDER BY column_index",
        [name],
    ).fetchall()
    if columns:
        return columns
    parameters = database.execute(
        "SELECT len(parameters) FROM duckdb_functions() WHERE function_name = ?", [name]
    ).fetchall()[0][0]
    arguments = ", ".join(["''"] * parameters)
    kinds = database.execute(f"DESCRIBE FROM {name}({arguments})").fetchall()
    meanings = {c.column: c.text for c in COMMENTS if c.name == name}
    return [(column, kind, meanings[column]) for column, kind, *_ in kinds]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
