"""The tables, views and macros that can be asked, with their columns."""

from __future__ import annotations

import html
from typing import Any

import polars as pl
import streamlit as st

from app.shell import queries

FIRST = ("recall", "signatures", "models")  # what most questions are about

TABLES = f"""
SELECT * FROM (
    SELECT view_name AS name, 'view' AS kind, comment, 0 AS takes
    FROM duckdb_views() WHERE NOT internal
    UNION ALL
    SELECT function_name, 'macro', comment, len(parameters)
    FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal
    UNION ALL
    SELECT table_name, 'table', comment, 0 FROM duckdb_tables() WHERE NOT internal
)
WHERE name <> 'schema_version'
ORDER BY list_position({list(FIRST)}, name) NULLS LAST, kind = 'table', name"""

COLUMNS = """
SELECT table_name AS name, column_name AS "column", data_type AS "type", comment
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index"""

MACRO = """
SELECT column_name AS "column", column_type AS "type", NULL AS comment
FROM (DESCRIBE SELECT * FROM {macro}({takes}))"""

FUNCTIONS = """
SELECT DISTINCT function_name AS name
FROM duckdb_functions()
WHERE function_type IN ('scalar', 'aggregate', 'table_macro')
  AND regexp_full_match(name, '[a-z][a-z0-9_]+') AND NOT starts_with(name, 'pg_')
ORDER BY name"""

# Words that stand in the middle of a query; others that may be names are not taken for keywords.
KEYWORDS = """
SELECT keyword_name AS name
FROM duckdb_keywords()
WHERE keyword_category IN ('reserved', 'type_function')
   OR name IN ('by', 'over', 'partition', 'with', 'between', 'exists', 'nulls', 'last', 'recursive',
               'filter', 'rows', 'range', 'preceding', 'following', 'current', 'exclude', 'replace',
               'values', 'coalesce', 'explain', 'rollup', 'cube', 'sets', 'within', 'ordinality')
ORDER BY name"""


def tables() -> None:
    """Each with its columns, from the database's own comments."""
    parts = []
    for name, kind, comment, listed in _tables():
        inside = "".join(
            f"<dt>{html.escape(row['column'])} <i>{html.escape(row['type'].lower())}</i></dt>"
            f"<dd>{html.escape(row['comment'] or '')}</dd>"
            for row in listed.iter_rows(named=True)
        )
        text = html.escape(comment or "")
        parts.append(
            f"<details><summary><b>{html.escape(name)}</b> <i>{kind}</i><br>{text}</summary>"
            f"<dl>{inside}</dl></details>"
        )
    st.html(f"<div class='schema'>{''.join(parts)}</div>")


def words() -> dict[str, Any]:
    """What the editor completes: tables with their columns, functions and keywords."""
    return {
        "tables": {name: columns["column"].to_list() for name, _, _, columns in _tables()},
        "functions": queries.table(FUNCTIONS)["name"].to_list(),
        "keywords": queries.table(KEYWORDS)["name"].to_list(),
    }


def _tables() -> list[tuple[str, str, str | None, pl.DataFrame]]:
    """Name, kind and comment of each, and its columns."""
    columns = queries.table(COLUMNS).partition_by("name", as_dict=True)
    listed = []
    for name, kind, comment, takes in queries.table(TABLES).iter_rows():
        # A macro's columns are known only from what it gives.
        sql = MACRO.format(macro=name, takes=", ".join(["NULL"] * takes))
        of_it = queries.table(sql) if kind == "macro" else columns[(name,)]
        listed.append((name, kind, comment, of_it))
    return listed
